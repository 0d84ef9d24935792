"""A page in the making: its sheet, its looks, and what kinds of pages share: titles, blocks, tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pixlm.data.pages.synthetic.fields import Fields
from pixlm.data.pages.synthetic.html import Sources
from pixlm.data.pages.synthetic.sheet import (
    BLACK,
    SIZES,
    WHITE,
    Block,
    Colour,
    Fonts,
    Line,
    Look,
    Mark,
    Set,
    Sheet,
    Tree,
    nearest_size,
)
from pixlm.data.pages.synthetic.texts import Text

_PAPERS: tuple[Colour, ...] = (
    *((255, 255, 255),) * 4,
    *((250, 248, 240), (246, 240, 226), (242, 242, 242), (236, 243, 248), (240, 247, 236), (252, 238, 236)),
)
_INKS: tuple[Colour, ...] = (
    *((0, 0, 0),) * 3,
    *((30, 30, 34), (52, 48, 44), (20, 30, 70), (70, 20, 24), (16, 60, 40), (84, 84, 88)),
)
ACCENTS: tuple[Colour, ...] = (
    (20, 60, 140),
    (150, 24, 30),
    (18, 100, 60),
    (110, 50, 130),
    (180, 90, 10),
    (40, 40, 40),
)


@dataclass(frozen=True)
class Style:
    """What pages may look like. size: of the largest, (width, height); letters: their least and largest size in pixels;
    plain: black on white."""

    size: tuple[int, int] = (768, 1024)
    letters: tuple[int, int] = (11, 18)
    plain: bool = False
    characters: tuple[int, int] = (10, 40)
    """Of what stands on a page of the kind lines."""


@dataclass
class Draft:
    """One page. y: the row where the next block goes; parse: its fields, by names that are the same in all languages;
    questions: (question, accepted answers); html: files of screens, None where they are made up."""

    rng: np.random.Generator
    text: Text
    fields: Fields
    fonts: Fonts
    style: Style
    html: Sources | None = None
    sheet: Sheet = field(init=False)
    look: Look = field(init=False)
    accent: Colour = field(init=False)
    margin: int = 0
    y: int = 0
    tree: list[Tree] = field(default_factory=list)
    parse: dict[str, Any] = field(default_factory=dict)
    questions: list[tuple[str, list[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        least, most = self.style.letters
        sizes = [size for size in SIZES if least <= size <= most] or [nearest_size(most)]
        fonts = self.fonts.choices(self.text.letters)
        paper = WHITE if self.style.plain else pick(self.rng, _PAPERS)
        ink = BLACK if self.style.plain else pick(self.rng, _INKS)
        self.accent = BLACK if self.style.plain else pick(self.rng, ACCENTS)
        self.look = Look(
            pick(self.rng, sizes),
            ink,
            spacing=float(self.rng.choice([1.0, 1.1, 1.2, 1.35])),
            font=pick(self.rng, fonts),
        )
        self.begin(self.style.size, paper=paper)

    def begin(self, size: tuple[int, int], *, margin: float | None = None, paper: Colour | None = None) -> None:
        """An empty sheet. margin: a share of its width; drawn where it is not given."""
        paper = self.sheet.paper if paper is None else paper
        self.sheet = Sheet(size, self.fonts, rtl=self.text.rtl, paper=paper)
        self.margin = round(size[0] * (self.rng.uniform(0.05, 0.11) if margin is None else margin))
        self.y = self.margin

    @property
    def inner(self) -> int:
        """Pixels between the margins."""
        return self.sheet.width - 2 * self.margin

    @property
    def bottom(self) -> int:
        """The first row of the bottom margin."""
        return self.sheet.height - self.margin

    @property
    def step(self) -> int:
        """From one line of the body to the next."""
        return self.sheet.line_height(self.look)

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def block(
        self,
        text: str,
        look: Look | None = None,
        *,
        x: float | None = None,
        width: float | None = None,
        bottom: float | None = None,
        gap: float = 0.0,
        into: list[Tree] | None = None,
        marks: Sequence[Mark] = (),
    ) -> Set:
        """Set a block below the last one, between the margins unless told otherwise. gap: lines left free behind it."""
        x = self.margin if x is None else x
        width = self.sheet.width - self.margin - x if width is None else width
        found = self.sheet.text(
            text,
            look or self.look,
            x,
            self.y,
            width,
            bottom=self.bottom if bottom is None else bottom,
            marks=marks,
        )
        if found.lines:
            nest(self.tree if into is None else into, found.lines)
            self.y = round(found.bottom + gap * self.step)
        return found

    def is_whole(self, found: Set) -> bool:
        return bool(found.lines) and not found.rest.strip()

    def know(self, key: str, value: str, label: str | None = None, *, also: Sequence[str] = ()) -> None:
        """Write a field down that stands on the page, with a question that asks for it by its label."""
        self.parse[key] = value
        self.questions.append((self.fields.ask(label or self.fields.label(key)), [value, *also]))

    def title(self, *, into: list[Tree] | None = None) -> None:
        """A heading, and often who wrote the page and when."""
        look = self.look.with_(
            scale=self.rng.uniform(1.4, 2.2),
            bold=self.chance(0.6),
            align=pick(self.rng, ("start", "start", "center")),
            colour=self.accent if self.chance(0.4) else self.look.colour,
            spacing=1.05,
        )
        title = self.text.heading(self.rng)
        found = self.block(title, look, gap=0.4, into=into)
        if self.is_whole(found):
            self.know("title", title)
        small = self.look.with_(scale=0.9, align=look.align)
        for key, value in (("author", self.fields.person()), ("date", self.fields.date(self.fields.day()))):
            if self.chance(0.6):
                label = self.fields.label(key)
                if self.is_whole(self.block(f"{label}: {value}", small, gap=0.1, into=into)):
                    self.know(key, value)
        self.y += round(0.6 * self.step)

    def rule(self, colour: Colour | None = None, thickness: int = 1) -> None:
        """A line across the page."""
        self.sheet.fill(self.margin, self.y, self.inner, thickness, colour or self.look.colour)
        self.y += thickness + self.step // 3


def nest(into: list[Tree], lines: Sequence[Line]) -> None:
    """A block's lines: one as it is, several as one text."""
    if lines:
        into.append(lines[0] if len(lines) == 1 else Block(lines))


def pick(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    """Any of them."""
    return choices[int(rng.integers(len(choices)))]


# ---- tables


@dataclass(frozen=True)
class Grid:
    """How a table looks. rules: all, rows, head or none; head: colour of the head's ground; stripes: of every second
    row's; padding: pixels in each cell."""

    rules: str = "rows"
    head: Colour | None = None
    stripes: Colour | None = None
    padding: int = 4
    line: Colour = (120, 120, 120)


def draw_grid(draft: Draft) -> Grid:
    """Any look of a table."""
    tint: Colour = (225, 228, 234)
    return Grid(
        rules=pick(draft.rng, ("all", "rows", "head", "none")),
        head=tint if draft.chance(0.4) else None,
        stripes=(240, 241, 244) if draft.chance(0.3) else None,
        padding=int(draft.rng.integers(4, 9)),
    )


def set_table(
    draft: Draft,
    rows: Sequence[Sequence[str]],
    widths: Sequence[float],
    grid: Grid,
    *,
    aligns: Sequence[str] = (),
    bottom: float | None = None,
    has_head: bool = True,
    x: float | None = None,
    look: Look | None = None,
    into: list[Tree] | None = None,
) -> list[list[Line]]:
    """Set rows of cells below the last block, as many as fit; the lines of each row that was set.

    Args:
        widths: of the columns, in pixels.
        has_head: whether the first row is bold, with the head's ground.
    """
    sheet, left = draft.sheet, draft.margin if x is None else x
    bottom = draft.bottom if bottom is None else bottom
    look = look or draft.look
    table: list[Tree] = []
    found: list[list[Line]] = []
    top = draft.y
    whole = sum(widths)
    for number, row in enumerate(rows):
        is_head = has_head and number == 0
        style = look.with_(bold=True) if is_head else look
        # A row's height is known once its cells are set: they are tried on an empty sheet where one may wrap.
        height = max(
            _height(draft, cell, style, width - 2 * grid.padding) for cell, width in zip(row, widths, strict=True)
        )
        height += 2 * grid.padding
        if draft.y + height > bottom:
            break
        ground = grid.head if is_head else grid.stripes if number % 2 else None
        if ground is not None:
            sheet.fill(left, draft.y, whole, height, ground)
        cells: list[Tree] = []
        lines: list[Line] = []
        place = left
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            align = aligns[column] if aligns else "start"
            area = (place + grid.padding, draft.y + grid.padding, width - 2 * grid.padding)
            done = sheet.text(cell, style.with_(align=align), *area, bottom=draft.y + height)
            nest(cells, done.lines)
            lines += done.lines
            place += width
        if cells:
            table.append(cells)
        found.append(lines)
        draft.y += height
        if grid.rules in ("all", "rows") or (grid.rules == "head" and is_head):
            sheet.fill(left, draft.y - 1, whole, 1, grid.line)
    if grid.rules == "all" and found:
        sheet.frame(left, top, whole, draft.y - top, grid.line)
        place = left
        for width in widths[:-1]:
            place += width
            sheet.fill(place, top, 1, draft.y - top, grid.line)
    if table:
        (draft.tree if into is None else into).append(table)
    return found


def _height(draft: Draft, text: str, look: Look, width: float) -> int:
    if not text.strip():
        return 0
    line = round(1.37 * look.size) + 2
    if draft.sheet.text_width(text, look) <= width:
        return line
    trial = Sheet((max(round(width), 1), draft.sheet.height), draft.fonts)
    return max(trial.text(text, look, 0, 0, width).bottom, line)
