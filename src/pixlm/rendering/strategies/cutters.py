"""How each strategy cuts a word into cells, and how a cell is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pixlm.rendering.line import Line
from pixlm.rendering.offsets import Span
from pixlm.rendering.strategies.plan import Cell, Layout
from pixlm.rendering.unicode.graphemes import grapheme_clusters
from pixlm.rendering.unicode.properties import SCRIPT, in_ranges

_MARGIN = 2  # pixels left of the first word of a line and right of the last, as in PIXEL

#: Scripts whose characters get a patch each, and scripts whose words stay whole (`adaptive`).
_ONE_EACH = frozenset(("Hani", "Hira", "Kana", "Hang", "Bopo", "Hrkt"))
_WHOLE = frozenset(("Arab", "Hebr"))

#: East_Asian_Width W and F (UAX #11), by block: inclusive ranges first, last, first, last ...
_WIDE = (
    *(0x1100, 0x115F, 0x231A, 0x231B, 0x2329, 0x232A, 0x23E9, 0x23EC, 0x2E80, 0x303E, 0x3041, 0x33FF, 0x3400, 0x4DBF),
    *(0x4E00, 0xA4CF, 0xA960, 0xA97F, 0xAC00, 0xD7A3, 0xF900, 0xFAFF, 0xFE10, 0xFE19, 0xFE30, 0xFE6F, 0xFF01, 0xFF60),
    *(0xFFE0, 0xFFE6, 0x16FE0, 0x18DFF, 0x1AFF0, 0x1B2FF, 0x1F004, 0x1F004, 0x1F0CF, 0x1F0CF, 0x1F18E, 0x1F18E),
    *(0x1F191, 0x1F19A, 0x1F1E6, 0x1F202, 0x1F210, 0x1F265, 0x1F300, 0x1F64F, 0x1F680, 0x1F6FF, 0x1F7E0, 0x1F7F0),
    *(0x1F90C, 0x1FAFF, 0x20000, 0x2FFFD, 0x30000, 0x3FFFD),
)


class Bigrams:
    """Two code points a cell, each laid out and drawn alone: no shaping, no ligatures, no kerning.

    ``isolated``: a character's direction is its own, not that of the cell; ``least``: patches of a cell.
    """

    keeps_spaces = whole_words = clips = False
    isolated = False
    least = 1

    def cut(self, text: str, level: int, layout: Layout, patch: int) -> Iterable[Span]:
        return _pairs(len(text))

    def cell(self, text: str, level: int | None, layout: Layout, patch: int, *, first: bool, last: bool) -> Cell:
        lines = [layout(char, level=None if self.isolated else level) for char in text]
        return side_by_side(lines[::-1] if level else lines, patch, least=self.least)


class GraphemeBigrams:
    """Two grapheme clusters (UAX #29) a cell, shaped together."""

    keeps_spaces = whole_words = clips = False

    def cut(self, text: str, level: int, layout: Layout, patch: int) -> Iterable[Span]:
        clusters = grapheme_clusters(text)
        return ((clusters[first][0], clusters[last - 1][1]) for first, last in _pairs(len(clusters)))

    def cell(self, text: str, level: int | None, layout: Layout, patch: int, *, first: bool, last: bool) -> Cell:
        # The cell's level is that of all its characters, whatever control outside of it gave it to them.
        return side_by_side([layout(text, level=level, is_one_level=True)], patch, least=1)


class Adaptive(GraphemeBigrams):
    """Whole words of Arabic and Hebrew, shaped; single grapheme clusters of Han, kana and Hangul; two grapheme clusters
    of everything else.

    Wide punctuation gets a cell of its own, too. Other punctuation and marks stay in an Arabic or Hebrew word; numbers
    in it have a direction of their own and are cut by twos.
    """

    def cut(self, text: str, level: int, layout: Layout, patch: int) -> Iterator[Span]:
        clusters = grapheme_clusters(text)
        scripts = [SCRIPT[text[start]] for start, _ in clusters]
        kinds = [_kind(text[start], script) for (start, _), script in zip(clusters, scripts, strict=True)]
        if level & 1 and "whole" in kinds:
            kinds = ["whole" if kind == "common" else kind for kind in kinds]
        index = 0
        while index < len(clusters):
            kind, last = kinds[index], index + 1
            if kind == "whole":
                while last < len(clusters) and kinds[last] == "whole":
                    last += 1
            elif kind != "one" and last < len(clusters) and kinds[last] in ("two", "common"):
                last += 1
            yield clusters[index][0], clusters[last - 1][1]
            index = last


class Mono:
    """A grid of half patches: one grapheme cluster a cell of P/2 pixels, drawn alone and centred in it, two cells a
    patch.

    East Asian wide characters and emoji take a full patch, and so does what is wider than one and a half cells; what is
    wider than one and a quarter patches takes more. All these begin at a patch border. Spaces inside a text are
    characters. With a monospaced font (8 pixels wide at 8 points and 120 dpi) every glyph fits its cell; with others,
    wide letters reach into their neighbours.
    """

    keeps_spaces = True
    whole_words = clips = False

    def cut(self, text: str, level: int, layout: Layout, patch: int) -> Iterator[Span]:
        begin: int | None = None  # of a narrow cluster that waits for its neighbour
        for start, end in grapheme_clusters(text):
            narrow = self._is_narrow(text[start:end], layout(text[start:end], level=level), patch)
            if begin is not None:
                yield begin, end if narrow else start
                begin = None
                if narrow:
                    continue
            if narrow:
                begin = start
            else:
                yield start, end
        if begin is not None:
            yield begin, len(text)

    def cell(self, text: str, level: int | None, layout: Layout, patch: int, *, first: bool, last: bool) -> Cell:
        lines = [layout(text[start:end], level=level) for start, end in grapheme_clusters(text)]
        half = patch // 2
        if len(lines) == 1 and not self._is_narrow(text, lines[0], patch):
            patches = max(-(-(lines[0].width - patch // 4) // patch), 1)  # emoji are a pixel wider than a patch
            places = [((patches * patch - lines[0].width) // 2)]
        else:  # the first character of a right-to-left cell is on the right
            patches = 1
            halves = (half, 0) if level else (0, half)
            places = [x + (half - line.width) // 2 for x, line in zip(halves, lines, strict=False)]
        return _cell(zip(lines, places, strict=True), patches)

    @staticmethod
    def _is_narrow(text: str, line: Line, patch: int) -> bool:
        return not is_wide(text[0]) and line.width <= patch * 3 // 4


class Words:
    """A word a cell, shaped as a whole: what `continuous` does with the words of a list."""

    keeps_spaces = False
    whole_words = clips = True

    def cut(self, text: str, level: int, layout: Layout, patch: int) -> Iterable[Span]:
        return [(0, len(text))]

    def cell(self, text: str, level: int | None, layout: Layout, patch: int, *, first: bool, last: bool) -> Cell:
        line = layout(text if last else text + " ", level=level)
        x = _MARGIN * first
        return _cell([(line, x)], -(-(x + line.width + _MARGIN * last) // patch))


def side_by_side(lines: list[Line], patch: int, least: int) -> Cell:
    """A cell of lines from left to right, ``least`` patches or more."""
    placed = []
    x = 0
    for line in lines:
        placed.append((line, x))
        x += line.width
    return _cell(placed, max(-(-x // patch), least))


def is_wide(char: str) -> bool:
    """Whether a character is as wide as it is high in East Asian typography."""
    return char >= "\u1100" and in_ranges(char, _WIDE)


def _cell(lines: Iterable[tuple[Line, int]], patches: int) -> Cell:
    lines = tuple(lines)
    missing = [line.text[index] for line, _ in lines if line.missing for index in line.missing]
    return Cell(lines, patches, "".join(missing))


def _pairs(count: int) -> list[Span]:
    return [(first, min(first + 2, count)) for first in range(0, count, 2)]


def _kind(char: str, script: str) -> str:
    if script in _ONE_EACH or is_wide(char):
        return "one"
    if script in _WHOLE:
        return "whole"
    return "common" if script in ("Zyyy", "Zinh") else "two"
