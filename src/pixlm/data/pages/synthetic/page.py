"""One made-up page, whole: its image and its annotation, as a function of the settings, a split and a number."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pixlm.data.pages.synthetic.draft import Draft, Style
from pixlm.data.pages.synthetic.fields import Fields
from pixlm.data.pages.synthetic.html import split_html
from pixlm.data.pages.synthetic.kinds import KINDS
from pixlm.data.pages.synthetic.sheet import Block, Box, Fonts, Line, Tree
from pixlm.data.pages.synthetic.texts import Texts, load_texts
from pixlm.data.pages.synthetic.wear import Moved, Wear, Worn, encode, wear_page
from pixlm.errors import UsageError

USUAL = ("paragraphs", "columns", "headings", "lists", "tables", "forms", "receipts", "invoices")
"""The mixture where none is named, all alike."""


@dataclass(frozen=True)
class Making:
    """All that pages depend on, beside their split and number.

    kinds: with their weights; texts, fonts, html: files; words: a table of labels, or None; image: jpeg or png.
    """

    texts: tuple[Path, ...]
    kinds: tuple[tuple[str, float], ...] = tuple((kind, 1.0) for kind in USUAL)
    fonts: tuple[Path, ...] = ()
    words: Path | None = None
    style: Style = field(default_factory=Style)
    wear: Wear = field(default_factory=Wear)
    image: str = "jpeg"
    seed: int = 0
    html: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        width, height = self.style.size
        least, most = self.style.letters
        if min(width, height) < 128 or max(width, height) > 8000:
            raise UsageError(f"--size {width} {height}: must be 128 to 8000 pixels on each side")
        if not 8 <= least <= most <= 48:
            raise UsageError(f"--letters {least} {most}: must be two sizes from 8 to 48 pixels, the smaller first")
        if width < 16 * most:
            raise UsageError(f"--size {width} {height}: too narrow for letters of {most} pixels; see --letters")
        first, last = self.style.characters
        if not 1 <= first <= last <= 400:
            raise UsageError(f"--characters {first} {last}: must be two numbers from 1 to 400, the smaller first")
        if not 0 <= self.wear.share <= 1:
            raise UsageError(f"--worn {self.wear.share}: must be a share from 0 to 1")
        if not 0 <= self.wear.strength <= 10:
            raise UsageError(f"--strength {self.wear.strength}: must be from 0 to 10")

    def known(self) -> dict[str, Any]:
        """What is written down of it, so that a folder goes on with the same settings only."""
        values = asdict(self)
        for name in ("texts", "fonts", "words", "html"):
            del values[name]  # files are known by what is in them
        return values


def kinds_of(given: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """``receipts=2`` and the like as kinds with weights; raises UsageError for others."""
    found: dict[str, float] = {}
    for one in given or USUAL:
        name, _, weight = one.partition("=")
        if name not in KINDS:
            raise UsageError(f"--kinds {one}: no such kind; there are {', '.join(KINDS)}")
        try:
            found[name] = float(weight or 1)
        except ValueError:
            raise UsageError(f"--kinds {one}: {weight!r} is no weight; write {name}=2") from None
        if not 0 < found[name] < float("inf"):
            raise UsageError(f"--kinds {one}: a weight must be above 0")
    return tuple(found.items())


@dataclass
class Page:
    """A page. worn: its image; kind; tree: its lines, nested, in reading order; annotation: as readers of documents
    take it."""

    worn: Worn
    kind: str
    tree: list[Tree]
    lines: list[Line]
    annotation: dict[str, Any]


class Maker:
    """Makes the pages of one split. Renderers stay open from page to page."""

    def __init__(self, making: Making, split: str):
        self.making, self.split = making, split
        self.fonts = Fonts(making.fonts)
        self.texts: Texts = load_texts(making.texts, split, making.fonts)
        self.html = split_html(making.html, split) if making.html else None

    def page(self, number: int) -> Page:
        """The page of this number, from 0: always the same."""
        rng = np.random.default_rng([self.making.seed, zlib.crc32(self.split.encode()), number])
        names, weights = zip(*self.making.kinds, strict=True)
        shares = np.array(weights) / sum(weights)
        kind = str(names[int(rng.choice(len(names), p=shares))])
        text = self.texts.draw(rng)
        draft = Draft(rng, text, Fields(text, rng, self.making.words), self.fonts, self.making.style, self.html)
        KINDS[kind](draft)
        worn = wear_page(draft.sheet.pixels, self.making.wear, rng)
        return Page(worn, kind, draft.tree, draft.sheet.lines, _annotation(draft, kind, worn.moved))

    def files(self, number: int) -> tuple[bytes, dict[str, Any]]:
        """(the image file, the annotation) of a page."""
        page = self.page(number)
        return encode(page.worn, self.making.image), page.annotation


def _annotation(draft: Draft, kind: str, moved: Moved | None) -> dict[str, Any]:
    """FUNSD's ``form`` (lines and words with boxes), ``tree``, ``gt_parse``, ``questions``, ``label``."""

    def place(box: Box) -> dict[str, Any]:
        left, top, right, bottom = box
        if moved is None:
            return {"box": [round(side, 1) for side in box]}
        corners = moved(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))
        (x0, y0), (x1, y1) = corners.min(0), corners.max(0)
        around = [round(float(side), 1) for side in (x0, y0, x1, y1)]
        return {"box": around, "quad": [round(float(side), 1) for side in corners.ravel()]}

    def leaf(line: Line) -> dict[str, Any]:
        if line.is_picture:
            return {"image": {"file": line.file, "alt": line.alt}, "box": place(line.box)["box"]}
        words = [{"text": text, "box": place(box)["box"]} for text, box in line.words]
        return {"text": line.text, "box": place(line.box)["box"], "words": words}

    def node(tree: Tree) -> dict[str, Any]:
        if isinstance(tree, Line):
            return leaf(tree)
        return {"lines" if isinstance(tree, Block) else "children": [node(one) for one in tree if one]}

    annotation: dict[str, Any] = {
        "label": kind,
        "language": draft.text.language,
        "direction": "rtl" if draft.text.rtl else "ltr",
        "form": [
            {"text": line.text, **place(line.box), "words": [{"text": text, **place(box)} for text, box in line.words]}
            for line in draft.sheet.lines
        ],
        "tree": node(draft.tree),
    }
    if draft.parse:
        annotation["gt_parse"] = draft.parse
    if "text_sequence" not in draft.parse and draft.sheet.lines:
        annotation["caption"] = draft.parse.get("title") or draft.parse.get("company") or draft.sheet.lines[0].text
    if draft.questions:
        annotation["questions"] = [{"question": text, "answers": answers} for text, answers in draft.questions]
    return annotation
