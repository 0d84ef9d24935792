"""A page that text is set on, and everything that stands there: lines with their words and boxes, and how they nest.

Places are given from the page's own beginning: on a page from right to left, x counts from its right side, so that
columns, tables and forms come out mirrored without their makers knowing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixlm.rendering import TextRenderer
from pixlm.rendering.font_tools.faces import faces_of, shipped
from pixlm.rendering.page import RenderedPage, TextBox

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
SIZES = (8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 36, 42, 48)
"""Of letters in pixels: few, since every one opens the fonts anew."""
_PAD = 4  # pixels round a block, for ink that stands out of its lines' ends
_RENDERERS = 64  # kept open


def nearest_size(pixels: float) -> int:
    """The one of ``SIZES`` that is nearest."""
    return min(SIZES, key=lambda size: abs(size - pixels))


@dataclass(frozen=True)
class Look:
    """Of a block of text. size: pixels; align: start, end, center or justify; spacing: of lines, in line heights."""

    size: int
    colour: Colour = BLACK
    bold: bool = False
    underline: bool = False
    align: str = "start"
    spacing: float = 1.15
    font: Path | None = None

    def with_(self, **changes: Any) -> Look:
        """A copy with changes; ``scale`` multiplies the size."""
        scale = changes.pop("scale", 1.0)
        return replace(self, size=nearest_size(self.size * scale), **changes)


@dataclass(frozen=True)
class Mark:
    """Characters ``start`` to ``end`` of a block that look otherwise: bold, in a colour, underlined."""

    start: int
    end: int
    bold: bool = False
    underline: bool = False
    colour: Colour | None = None


@dataclass
class Line:
    """A line of text on the page. words: (text, box); file, alt: of a picture, which is no text."""

    text: str
    box: Box
    words: list[tuple[str, Box]] = field(default_factory=list)
    file: str = ""
    alt: str = ""

    @property
    def is_picture(self) -> bool:
        return bool(self.file)


Tree = Line | list["Tree"]
"""Lines, nested."""


class Block(list[Tree]):
    """The lines of one text, such as a paragraph."""


@dataclass
class Set:
    """A block that was set. bottom: the row behind it; rest: its text that did not fit."""

    lines: list[Line]
    bottom: int
    rest: str


class Fonts:
    """Open renderers by font and size."""

    def __init__(self, files: Sequence[Path] = ()):
        self.files = tuple(files)
        self._covered = {file: frozenset().union(*(face.code_points for face in faces_of(file))) for file in files}
        self._choices: dict[str, list[Path | None]] = {}
        self._open: OrderedDict[tuple[Path | None, int], TextRenderer] = OrderedDict()

    def shown(self, text: str) -> str:
        """A text without the characters that the default family does not have."""
        usual = self.renderer(None, SIZES[0])
        return "".join(char for char in text if char.isspace() or usual.covers(char))

    def choices(self, letters: str) -> list[Path | None]:
        """The fonts that have these letters; the default family (None) where no file has them."""
        if letters not in self._choices:
            wanted = set(map(ord, letters))
            self._choices[letters] = [file for file in self.files if wanted <= self._covered[file]] or [None]
        return self._choices[letters]

    def renderer(self, font: Path | None, size: int) -> TextRenderer:
        """A renderer whose letters are ``size`` pixels high, with the default family to fall back to."""
        key = (font, size)
        if key not in self._open:
            fallbacks = () if font is None else shipped()
            self._open[key] = TextRenderer(font, font_size=size, dpi=72, missing_glyph="box", fallback_fonts=fallbacks)
            while len(self._open) > _RENDERERS:
                self._open.popitem(last=False)
        self._open.move_to_end(key)
        return self._open[key]


class Sheet:
    """An empty page of ``size`` (width, height) in one colour."""

    def __init__(self, size: tuple[int, int], fonts: Fonts, *, rtl: bool = False, paper: Colour = WHITE):
        self.width, self.height = size
        self.fonts, self.rtl, self.paper = fonts, rtl, paper
        self.pixels = np.empty((self.height, self.width, 3), np.uint8)
        self.pixels[:] = paper
        self.lines: list[Line] = []

    def cut(self, height: int) -> None:
        """Leave only so many rows."""
        self.height = min(height, self.height)
        self.pixels = self.pixels[: self.height]

    def line_height(self, look: Look) -> int:
        """Rows from one line to the next."""
        return round(1.37 * look.size * look.spacing)

    def text_width(self, text: str, look: Look) -> int:
        """Pixels that a text takes on one line."""
        return self.fonts.renderer(look.font, look.size).text_width(text) + 2 * look.bold * _bold_pixels(look)

    def fill(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A rectangle."""
        left = round(self._left(x, width))
        top = max(round(y), 0)
        self.pixels[top : max(round(y + height), 0), max(left, 0) : max(left + round(width), 0)] = colour

    def frame(self, x: float, y: float, width: float, height: float, colour: Colour, line: int = 1) -> None:
        """The sides of a rectangle, within it."""
        self.fill(x, y, width, line, colour)
        self.fill(x, y + height - line, width, line, colour)
        self.fill(x, y, line, height, colour)
        self.fill(x + width - line, y, line, height, colour)

    def picture(self, x: int, y: int, width: int, height: int, file: str, alt: str, colour: Colour) -> Line:
        """A box that stands for a picture: its frame, and its corners joined."""
        self.fill(x, y, width, height, _mixed(self.paper, colour, 0.15))
        steps = np.linspace(0, 1, 2 * max(width, height))
        rows = (y + steps * (height - 1)).astype(int)
        left = round(self._left(x, width))
        for columns in (left + steps * (width - 1), left + (1 - steps) * (width - 1)):
            inside = (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)
            self.pixels[rows[inside], columns[inside].astype(int)] = _mixed(self.paper, colour, 0.5)
        self.frame(x, y, width, height, colour)
        return Line("", (left, y, left + width, y + height), file=file, alt=alt)

    def text(
        self,
        text: str,
        look: Look,
        x: float,
        y: float,
        width: float,
        *,
        bottom: float | None = None,
        marks: Sequence[Mark] = (),
    ) -> Set:
        """Set a block between ``x`` and ``x + width``, from row ``y`` down to row ``bottom`` at most (the page's)."""
        end = self.height if bottom is None else min(round(bottom), self.height)
        room, column = end - round(y), round(width)
        renderer = self.fonts.renderer(look.font, look.size)
        if room < look.size or column < 1 or not text.strip():
            return Set([], round(y), text)
        page = renderer.render_page(
            text,
            size=(column + 2 * _PAD, room + 2 * _PAD),
            margins=_PAD,
            line_spacing=look.spacing,
            alignment=self._alignment(look.align),
        )
        if not page.lines:
            return Set([], round(y), text)
        left, top = round(self._left(x, width)) - _PAD, round(y) - _PAD
        self._ink(page, look, left, top, marks)
        lines = _lines_of(text, page, left, top)
        self.lines += lines
        return Set(lines, top + page.lines[-1].y1, text[page.lines[-1].end :])

    def _left(self, x: float, width: float) -> float:
        return self.width - x - width if self.rtl else x

    def _alignment(self, align: str) -> str:
        if align in ("start", "end"):
            return "right" if self.rtl == (align == "start") else "left"
        if align == "justify" and self.rtl:
            return "justify"
        return align

    def _ink(self, page: RenderedPage, look: Look, left: int, top: int, marks: Sequence[Mark]) -> None:
        used = page.lines[-1].y1 + _PAD
        ink = 255 - page.pixel_values[:used]
        if look.bold:
            ink = _bolder(ink, _bold_pixels(look))
        marked = []
        for word in page.words if marks else ():
            of_word = [mark for mark in marks if word.start < mark.end and word.end > mark.start]
            if of_word:
                x0 = max(word.x0 - 1, 0)
                area = slice(word.y0, word.y1), slice(x0, word.x1 + 2)
                part = ink[area].copy()
                ink[area] = 0
                if any(mark.bold for mark in of_word):
                    part = _bolder(part, _bold_pixels(look))
                if any(mark.underline for mark in of_word):
                    row = _baseline(word, look)
                    part[row.start - word.y0 : row.stop - word.y0] = 255
                colour = next((mark.colour for mark in of_word if mark.colour), look.colour)
                marked.append((part, x0, word.y0, colour))
        if look.underline:
            for line in page.lines:
                ink[_baseline(line, look), line.x0 : line.x1] = 255
        self._blend(ink, left, top, look.colour)
        for part, x, y, colour in marked:
            self._blend(part, left + x, top + y, colour)

    def _blend(self, ink: np.ndarray, left: int, top: int, colour: Colour) -> None:
        y0, x0 = max(top, 0), max(left, 0)
        part = ink[y0 - top : self.height - top, x0 - left : self.width - left]
        if not part.size:
            return
        area = self.pixels[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]]
        share = part[..., None].astype(np.uint16)
        area[:] = (area * (255 - share) + np.array(colour, np.uint16) * share + 127) // 255


def _lines_of(text: str, page: RenderedPage, left: int, top: int) -> list[Line]:
    def place(box: TextBox) -> Box:
        return (box.x0 + left, box.y0 + top, box.x1 + left, box.y1 + top)

    lines = []
    words = iter(page.words)
    word = next(words, None)
    for one in page.lines:
        found = []
        while word is not None and word.start < one.end:
            found.append((text[word.start : word.end], place(word)))
            word = next(words, None)
        if found:
            lines.append(Line(" ".join(text[one.start : one.end].split()), place(one), found))
    return lines


def _bold_pixels(look: Look) -> int:
    return max(round(look.size / 18), 1)


def _bolder(ink: np.ndarray, pixels: int) -> np.ndarray:
    """Strokes wider by so many pixels: the default family has one weight."""
    wide = ink.copy()
    for step in range(1, pixels + 1):
        wide[:, step:] = np.maximum(wide[:, step:], ink[:, :-step])
    return wide


def _baseline(word: TextBox, look: Look) -> slice:
    row = min(word.y1 - max(look.size // 8, 1), word.y1 - 1)
    return slice(row, row + max(look.size // 16, 1))


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a * (1 - share) + b * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
