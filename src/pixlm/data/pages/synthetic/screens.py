"""Screens of simple HTML, as Pix2Struct is pretrained on (Lee et al. 2023, section 2.3): set by our own layout of
headings, paragraphs, lists, tables, links, bold text and boxes for pictures. And snippets, its warm-up.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from pixlm.data.pages.synthetic.draft import ACCENTS, Draft, draw_grid, pick, set_table
from pixlm.data.pages.synthetic.html import BLOCKS, Element, parse_html
from pixlm.data.pages.synthetic.lists import set_item
from pixlm.data.pages.synthetic.sheet import Colour, Look, Mark, Tree
from pixlm.data.pages.synthetic.texts import printable
from pixlm.rendering.breaking import break_points
from pixlm.rendering.unicode.bidi import first_strong_level

_LINK: Colour = (20, 70, 200)
_HEADINGS = {"h1": 2.0, "h2": 1.5, "h3": 1.25, "h4": 1.1, "h5": 1.0, "h6": 0.9}
_BOLD = ("b", "strong", "th", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary", "legend")
_MOST_COLUMNS = 12
_MOST_MARKS = 1000
_MOST_CHARACTERS = 20_000  # of a paragraph: no page shows more
SNIPPET_BYTES = 128
"""Of the warm-up's texts."""


def screens(draft: Draft) -> None:
    """A page of HTML, from files that were named or made up here, from its beginning or further down."""
    if draft.html is not None:
        _screen(draft, draft.html.draw(draft.rng), is_file=True)
    if not draft.sheet.lines:  # no files, or one that shows no text
        draft.tree.clear()
        _screen(draft, parse_html(write_html(draft)), is_file=False)


def _screen(draft: Draft, root: Element, *, is_file: bool) -> None:
    written = re.sub(r"\s+", " ", root.text())[:10_000]
    says = root.attributes.get("dir", "").lower()
    draft.begin(draft.style.size, margin=draft.rng.uniform(0.02, 0.06))
    draft.sheet.rtl = says == "rtl" if says in ("ltr", "rtl") else first_strong_level(written) == 1
    if is_file:
        root = _further_down(root, draft)
    _Screen(draft).blocks(root, draft.look, draft.tree, draft.margin, draft.inner)


def _further_down(root: Element, draft: Draft) -> Element:
    """Files are longer than screens: every second one begins at some block of the first that holds several."""
    place = root
    while True:
        inner = [child for child in place.children if isinstance(child, Element) and child.tag in BLOCKS]
        if len(inner) != 1:
            break
        place = inner[0]
    if len(inner) < 2 or draft.chance(0.5):
        return root
    first = inner[int(draft.rng.integers(len(inner)))]
    at = next(number for number, child in enumerate(place.children) if child is first)
    return Element(place.tag, place.attributes, place.children[at:])


@dataclass
class _Run:
    """Text of a block so far, with what looks otherwise in it."""

    text: str = ""
    marks: list[Mark] = field(default_factory=list)


class _Screen:
    """Sets elements one below the other until the page is full."""

    def __init__(self, draft: Draft):
        self.draft = draft
        self.full = False

    def blocks(self, element: Element, look: Look, into: list[Tree], x: float, width: float) -> None:
        """The children of an element: what is inline in paragraphs, blocks below each other."""
        run = _Run()
        for child in element.children:
            if self.full:
                return
            if isinstance(child, str) or (child.tag not in BLOCKS and child.tag != "img" and not _holds_blocks(child)):
                self._inline(child, run, is_pre=element.tag == "pre")
                continue
            self._paragraph(run, look, into, x, width)
            run = _Run()
            self._block(child, look, into, x, width)
        if not self.full:
            self._paragraph(run, look, into, x, width)

    def _inline(self, node: Element | str, run: _Run, *, is_pre: bool = False, depth: int = 0) -> None:
        if len(run.text) > _MOST_CHARACTERS:
            return
        if isinstance(node, str):
            shown = self.draft.fonts.shown(printable(node)[:_MOST_CHARACTERS])
            if not is_pre:
                shown = re.sub(r"\s+", " ", shown)
                if not run.text or run.text[-1].isspace():
                    shown = shown.lstrip()
            run.text += shown
            return
        if node.tag == "br":
            run.text = run.text.rstrip(" ") + "\n"
            return
        start = len(run.text)
        for child in node.children:
            self._inline(child, run, is_pre=is_pre, depth=depth + 1)
        if (node.tag in _BOLD or node.tag == "a") and len(run.text) > start and len(run.marks) < _MOST_MARKS:
            is_link = node.tag == "a"
            run.marks.append(Mark(start, len(run.text), not is_link, is_link, _LINK if is_link else None))

    def _paragraph(self, run: _Run, look: Look, into: list[Tree], x: float, width: float) -> None:
        if not run.text.strip():
            return
        found = self.draft.block(run.text.rstrip(), look, x=x, width=width, gap=0.1, into=into, marks=run.marks)
        self.full = not self.draft.is_whole(found)

    def _block(self, element: Element, look: Look, into: list[Tree], x: float, width: float) -> None:
        draft, tag = self.draft, element.tag
        group: list[Tree] = []
        above = draft.y
        if tag in _HEADINGS:
            look = draft.look.with_(scale=_HEADINGS[tag], bold=True, align=look.align)
            draft.y += draft.step // 3
        elif tag in _BOLD:
            look = look.with_(bold=True)
        if tag == "img":
            self._picture(element, group, x, width)
        elif tag == "hr":
            draft.sheet.fill(x, draft.y + draft.step // 3, width, 1, (150, 150, 150))
            draft.y += draft.step * 2 // 3
        elif tag in ("ul", "ol", "menu"):
            self._list(element, look, group, x, width)
        elif tag == "table":
            self._table(element, look, group, x, width)
        else:
            indent = 2 * look.size if tag in ("blockquote", "dd", "figure") and width > 12 * look.size else 0
            inner = look.with_(align="center") if tag in ("center", "caption") else look
            self.blocks(element, inner, group, x + indent, width - indent)
        if group:
            into.append(group)
        if draft.y > above and tag in (*_HEADINGS, "p", "ul", "ol", "table", "figure", "blockquote", "pre", "dl"):
            draft.y += draft.step // 2

    def _list(self, element: Element, look: Look, into: list[Tree], x: float, width: float) -> None:
        number = 0
        indent = min(2 * look.size, width // 6)
        for item in element.children:
            if self.full or not isinstance(item, Element):
                continue
            number += 1
            marker = f"{number}." if element.tag == "ol" else "•"
            run = _Run()
            later: list[Element | str] = []
            for child in item.children:
                is_block = isinstance(child, Element) and (child.tag in BLOCKS or child.tag == "img")
                if later or (is_block and not isinstance(child, str) and child.tag != "p"):
                    later.append(child)
                else:
                    self._inline(child, run)
            text = run.text.strip()
            group: list[Tree] = []
            if text:
                shift = len(run.text) - len(run.text.lstrip())
                marks = [Mark(m.start - shift, m.end - shift, m.bold, m.underline, m.colour) for m in run.marks]
                rest = set_item(self.draft, marker, text, group, x, width, indent, look=look, marks=marks)
                self.full = bool(rest)
            if later and not self.full:
                self.blocks(Element("div", {}, later), look, group, x + indent, width - indent)
            if group:
                into.append(group)

    def _table(self, element: Element, look: Look, into: list[Tree], x: float, width: float) -> None:
        draft = self.draft
        rows = []
        for row in element.find("tr"):
            cells = [one for one in row.children if isinstance(one, Element) and one.tag in ("td", "th")]
            texts = [
                " ".join(draft.fonts.shown(printable(cell.text())[:1000]).split()) for cell in cells[:_MOST_COLUMNS]
            ]
            if any(texts):
                rows.append((texts, all(cell.tag == "th" for cell in cells)))
        count = max((len(texts) for texts, _ in rows), default=0)
        for caption in element.find("caption"):
            self.blocks(caption, look, into, x, width)
        if not count or self.full:
            return
        padded = [texts + [""] * (count - len(texts)) for texts, _ in rows]
        longest = [max(min(len(row[column]), 40) for row in padded) + 4 for column in range(count)]
        widths = [width * one / sum(longest) for one in longest]
        found = set_table(draft, padded, widths, draw_grid(draft), has_head=rows[0][1], x=x, look=look, into=into)
        self.full = len(found) < len(padded)

    def _picture(self, element: Element, into: list[Tree], x: float, width: float) -> None:
        draft = self.draft
        wide = min(draft.rng.uniform(0.25, 0.7) * draft.inner, width)
        high = wide * draft.rng.uniform(0.4, 0.8)
        room = draft.bottom - draft.y
        if room < 2 * draft.step:
            self.full = True
            return
        high = min(high, room)
        file = element.attributes.get("src", "").split("?")[0].rpartition("/")[2][:60] or "image"
        alt = " ".join(element.attributes.get("alt", "").split())
        into.append(draft.sheet.picture(round(x), draft.y, round(wide), round(high), file, alt, draft.accent))
        draft.y += round(high) + draft.step // 2


def _holds_blocks(element: Element) -> bool:
    return any(
        isinstance(child, Element) and (child.tag in BLOCKS or child.tag == "img" or _holds_blocks(child))
        for child in element.children
    )


# ---- HTML that is made up


def write_html(draft: Draft) -> str:
    """A page with a menu, headings, paragraphs with links and bold words, lists, tables and pictures."""
    rng, text = draft.rng, draft.text
    links = "".join(
        f"<a href='#'>{html.escape(text.name_of(rng, 1, 1))}</a> · " for _ in range(int(rng.integers(3, 7)))
    )
    parts = [f"<nav>{links.removesuffix(' · ')}</nav><hr>", f"<h1>{html.escape(text.heading(rng))}</h1>"]
    makers = (_written_paragraph, _written_paragraph, _written_list, _written_table, _written_picture)
    for number in range(12):
        if number and draft.chance(0.4):
            parts.append(f"<h2>{html.escape(text.heading(rng))}</h2>")
        parts.append(f"<section>{pick(rng, makers)(draft)}</section>")
    direction = "rtl" if text.rtl else "ltr"
    return f"<!DOCTYPE html><html dir='{direction}'><body>{''.join(parts)}</body></html>"


def _written_paragraph(draft: Draft) -> str:
    words = draft.text.passage(draft.rng).split(" ")
    for place in range(len(words)):
        if draft.chance(0.05):
            words[place] = f"\0a href='#'\1{words[place]}\0/a\1"
        elif draft.chance(0.05):
            words[place] = f"\0b\1{words[place]}\0/b\1"
    return "<p>" + html.escape(" ".join(words)).replace("&#x27;", "'").replace("\0", "<").replace("\1", ">") + "</p>"


def _written_list(draft: Draft) -> str:
    tag = pick(draft.rng, ("ul", "ol"))
    items = [html.escape(draft.text.heading(draft.rng, 2, 12)) for _ in range(int(draft.rng.integers(2, 6)))]
    if draft.chance(0.3):
        items[0] += f"<ul><li>{html.escape(draft.text.heading(draft.rng))}</li></ul>"
    return f"<{tag}>{''.join(f'<li>{item}</li>' for item in items)}</{tag}>"


def _written_table(draft: Draft) -> str:
    fields, rng = draft.fields, draft.rng
    rows = [[draft.text.name_of(rng, 1, 1) for _ in range(3)]]
    for _ in range(int(rng.integers(2, 6))):
        rows.append([draft.text.name_of(rng), fields.number(int(rng.integers(1, 5))), fields.date(fields.day())])
    tags = ["th", *("td" for _ in rows[1:])]
    cells = [
        "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) for tag, row in zip(tags, rows, strict=True)
    ]
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _written_picture(draft: Draft) -> str:
    alt = html.escape(draft.text.heading(draft.rng, 1, 4), quote=True)
    caption = f"<figcaption>{html.escape(draft.text.heading(draft.rng))}</figcaption>" if draft.chance(0.5) else ""
    return f"<figure><img src='{int(draft.rng.integers(1000))}.jpg' alt='{alt}'>{caption}</figure>"


# ---- snippets


def snippets(draft: Draft) -> None:
    """At most 128 bytes of text in any colour on any other: Pix2Struct's first curriculum is to read them."""
    piece = draft.text.passage(draft.rng)
    starts = [0, *(place for place in break_points(piece) if place < len(piece) - 20)]
    start = pick(draft.rng, starts)
    text = piece[start:].encode()[:SNIPPET_BYTES].decode("utf-8", "ignore").strip()
    if len(piece) - start > len(text) and " " in text[len(text) // 2 :]:
        text = text[: text.rfind(" ")]
    look = draft.look.with_(
        colour=draft.look.colour, bold=draft.chance(0.3), align=pick(draft.rng, ("start", "center"))
    )
    paper: Colour = draft.sheet.paper
    if not draft.style.plain:
        paper = pick(draft.rng, (*ACCENTS, (255, 255, 255), (250, 240, 200), (200, 225, 245), (20, 20, 24)))
        is_dark = sum(paper) < 380
        look = look.with_(
            colour=tuple(int(c) for c in draft.rng.integers(190 if is_dark else 0, 256 if is_dark else 90, 3))
        )
    pad = look.size
    column = max(draft.sheet.text_width(text, look) / draft.rng.uniform(1, 5), 8 * look.size)
    width = round(min(column, draft.style.size[0] - 2 * pad)) + 2 * pad
    draft.begin((width, draft.style.size[1]), margin=0, paper=paper)
    draft.margin = draft.y = pad
    draft.block(text, look, x=pad, width=width - 2 * pad, bottom=draft.sheet.height - pad)
    draft.sheet.cut(draft.y + pad)
    draft.parse["text_sequence"] = " ".join(line.text for line in draft.sheet.lines)
