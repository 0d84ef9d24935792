"""Reading simple HTML as a tree of elements: what is shown, and nothing that runs or loads.

Python's ``html.parser`` takes time in the square of its input for some megabytes of ``<!--`` or ``<a``; here every
character is passed once. Like a browser, it makes something of whatever it is given: there is no wrong HTML.
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from pixlm.errors import UsageError

MOST_BYTES = 5_000_000
"""Of a file that is read; what comes after is as if it were not there."""
MOST_ELEMENTS = 20_000
DEEPEST = 40
"""Elements in elements; deeper ones stand beside each other."""

_HIDDEN = frozenset((
    "head", "script", "style", "template", "noscript", "iframe", "frame", "object", "embed", "applet", "svg", "math",
    "canvas", "video", "audio", "map", "select", "datalist", "dialog",
))  # fmt: skip
_RAW = frozenset(("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"))
_VOID = frozenset((
    "area", "base", "br", "col", "embed", "frame", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
))  # fmt: skip
_CLOSES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("li",), ("li",)),
    **dict.fromkeys(("dt", "dd"), ("dt", "dd")),
    **dict.fromkeys(("td", "th"), ("td", "th")),
    "tr": ("td", "th", "tr"),
    **dict.fromkeys(("thead", "tbody", "tfoot"), ("td", "th", "tr", "thead", "tbody", "tfoot")),
}
"""What an opening tag ends that was left open, up to the list or table that it stands in."""
_SCOPE = {"li": ("ul", "ol", "menu"), **dict.fromkeys(("dt", "dd"), ("dl",))}
BLOCKS = frozenset((
    "html", "body", "div", "section", "article", "header", "footer", "main", "nav", "aside", "p", "h1", "h2", "h3",
    "h4", "h5", "h6", "ul", "ol", "menu", "li", "table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th",
    "blockquote", "pre", "figure", "figcaption", "dl", "dt", "dd", "form", "fieldset", "legend", "address", "hr",
    "details", "summary", "center",
))  # fmt: skip
"""Elements that begin on a line of their own."""

_MARKUP = re.compile("<(?=[a-zA-Z!?]|/[a-zA-Z])")
_TAG = re.compile(r"""<([a-zA-Z][^\s/>]*+)((?:[^>"']|"[^"]*+"|'[^']*+')*+)>""")
_ATTRIBUTE = re.compile(r"""([^\s=/"'<>]++)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'>]++))?""")
_MOST_ATTRIBUTES = 10_000  # characters of a tag that are looked at
_LONG_NUMBER = re.compile("&#[xX]?[0-9a-fA-F]{9,}+;?")
_KEPT = ("src", "alt", "dir", "hidden", "start")


@dataclass
class Element:
    """An element, or the root. attributes: only those that show; children: elements and texts in order."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def find(self, tag: str) -> Iterator[Element]:
        """Every element of a tag below this one, in order."""
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag:
                    yield child
                yield from child.find(tag)

    def text(self) -> str:
        """All text below it."""
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)


def parse_html(source: str) -> Element:
    """The elements that are shown; at most ``MOST_ELEMENTS``, ``DEEPEST`` in one another."""
    root = Element("html")
    stack = [root]
    left = MOST_ELEMENTS
    hidden = 0  # how many open elements are not shown
    for kind, name, value in _tokens(source[:MOST_BYTES]):
        if kind == "text":
            if not hidden:
                stack[-1].children.append(value)
        elif kind == "end":
            if hidden:
                hidden -= name in _HIDDEN
            elif any(each.tag == name for each in stack[1:]):
                while stack.pop().tag != name:
                    pass
        elif hidden or name in _HIDDEN:
            hidden += name in _HIDDEN and name not in _VOID
        elif name in ("html", "body"):
            root.attributes.update(_attributes(value))
        elif left:
            left -= 1
            _close(stack, name)
            element = Element(name, _attributes(value))
            if "hidden" not in element.attributes:
                stack[-1].children.append(element)
            if name not in _VOID and len(stack) < DEEPEST:
                stack.append(element)
    return root


def _close(stack: list[Element], name: str) -> None:
    if name in BLOCKS and stack[-1].tag == "p":
        stack.pop()
    ended = _CLOSES.get(name, ())
    scope = _SCOPE.get(name, ("table",))
    for depth in range(len(stack) - 1, 0, -1):
        if stack[depth].tag in scope:
            return
        if stack[depth].tag in ended:
            last = depth
            while last > 1 and stack[last - 1].tag in ended:
                last -= 1
            del stack[last:]
            return


def _tokens(source: str) -> Iterator[tuple[str, str, str]]:
    """("text", "", text), ("start", tag, attributes), ("end", tag, "")."""
    place, end = 0, len(source)
    while place < end:
        markup = _MARKUP.search(source, place)
        opening = end if markup is None else markup.start()
        if opening > place:
            yield "text", "", _unescaped(source[place:opening])
            place = opening
            continue
        following = source[place + 1 : place + 2]
        if source.startswith("<!--", place):
            place = _behind(source, "-->", place + 4)
        elif following in ("!", "?"):
            place = _behind(source, ">", place)
        elif following == "/":
            close = _behind(source, ">", place)
            yield "end", source[place + 2 : close - 1].split(None, 1)[0].lower()[:20], ""
            place = close
        else:
            tag = _TAG.match(source, place)
            if tag is None:
                return  # a tag that is never closed
            name = tag[1].lower()[:20]
            yield "start", name, tag[2]
            place = tag.end()
            if name in _RAW:
                ending = re.compile(f"</{name}", re.IGNORECASE).search(source, place)
                if ending is None:
                    return
                if name == "textarea":
                    yield "text", "", _unescaped(source[place : ending.start()])
                place = ending.start()


def _behind(source: str, mark: str, place: int) -> int:
    found = source.find(mark, place)
    return len(source) if found < 0 else found + len(mark)


def _unescaped(text: str) -> str:
    return html.unescape(_LONG_NUMBER.sub("\ufffd", text)) if "&" in text else text


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text[:_MOST_ATTRIBUTES]):
        name = match[1].lower()
        if name in _KEPT:
            found.setdefault(name, _unescaped((match[2] or "").strip("\"'"))[:200])
    return found


# ---- files


def find_html(given: Sequence[str]) -> list[Path]:
    """The files that a user names: files, or all ``*.html`` and ``*.htm`` below folders.

    Raises:
        UsageError: no such file, or a folder without any.
    """
    found: list[Path] = []
    for name in given:
        path = Path(name).expanduser()
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in (".html", ".htm") and one.is_file())
            if not inside:
                raise UsageError(f"--html {path}: holds no *.html")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"--html {path}: no such file or folder")
    return found


@dataclass(frozen=True)
class Sources:
    """The HTML files of one split."""

    files: tuple[Path, ...]

    def draw(self, rng: np.random.Generator) -> Element:
        """Any of them."""
        file = self.files[int(rng.integers(len(self.files)))]
        return _parsed(file, file.stat().st_mtime_ns)


def split_html(files: Sequence[Path], split: str) -> Sources:
    """Of the files a tenth is dev's and another test's, by the checksum of their names; raises UsageError for none."""
    tenths = {"dev": (0,), "test": (1,)}.get(split, tuple(range(2, 10)))
    kept = tuple(file for file in files if zlib.crc32(file.name.encode()) % 10 in tenths)
    if not kept:
        raise UsageError(f"--html: none of {len(files)} files is of the split {split}; name more files")
    return Sources(kept)


@lru_cache(maxsize=32)
def _parsed(file: Path, changed: int) -> Element:
    with file.open("rb") as opened:
        return parse_html(opened.read(MOST_BYTES).decode("utf-8-sig", errors="replace"))
