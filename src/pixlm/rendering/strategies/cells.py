"""Strategies that cut text into cells: text -> words -> cells, each of which begins at a patch border.

One geometry for all: strategies differ in how a word is cut and how a cell is drawn (:class:`Cutter`).

* White space separates words and is not drawn (unless the cutter keeps it); there is no margin between words.
* A single text and the texts of a pair are laid out in the order in which they are read on screen (UAX #9): a
  right-to-left line begins, at the left, with its last word, but numbers and Latin words inside it run from left to
  right. No cell holds characters of two directions. Words of a list keep the order of the list.
* What does not fit is left out from the logical end on, cell by cell, so the closing separator covers no text.
* A text without characters is one white patch.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, pairwise
from typing import NamedTuple, Protocol

import numpy as np

from pixlm.rendering.geometry import Geometry
from pixlm.rendering.offsets import SEPARATOR, Span, patch_spans
from pixlm.rendering.strategies.fitting import characters_before, count_characters, shown_characters
from pixlm.rendering.strategies.plan import Cell, Layout, PlacedCell, Plan
from pixlm.rendering.strategies.windows import WordWindow, list_windows, room_for_text, word_windows
from pixlm.rendering.unicode.bidi import embedding_levels, first_strong_level, visual_order

WORD = re.compile(r"\S+")

#: Longest stretch of one direction whose cells are kept in the cache, in code points, and the size of the cache.
_CACHED_LENGTH = 48
_CACHE_SIZE = 50_000


class Cutter(Protocol):
    """What makes a strategy.

    Attributes:
        keeps_spaces: spaces inside a single text are drawn, and words need not begin at a patch border.
        whole_words: a word is one cell, whatever the directions of its characters.
        clips: a cell that does not fit is drawn as far as it fits, not left out.
    """

    keeps_spaces: bool
    whole_words: bool
    clips: bool

    def cut(self, text: str, level: int, layout: Layout, patch: int) -> Iterable[Span]:
        """Where the cells of a stretch of one direction begin and end."""
        ...

    def cell(self, text: str, level: int | None, layout: Layout, patch: int, *, first: bool, last: bool) -> Cell:
        """The cell of a text that :meth:`cut` gave; ``first``, ``last``: it begins or ends the line. ``level`` is None
        for whole words whose characters decide."""
        ...


class Piece(NamedTuple):
    """A cell of a text: ``[start, end)`` in code points, bidi level, and patches to show."""

    cell: Cell
    start: int
    end: int
    level: int
    patches: int


@dataclass
class Source:
    """A text to be cut. ``words``: spans of the words; ``levels``: bidi levels, None if all are even; ``rtl``: as it
    was given."""

    text: str
    words: list[Span]
    levels: np.ndarray | None
    is_list: bool = False
    rtl: bool | None = None

    @property
    def paragraph(self) -> int | None:
        """The level that whole words are laid out with."""
        return None if self.rtl is None else int(self.rtl)

    def level(self, start: int, end: int) -> int:
        """The lowest level of a stretch."""
        return 0 if self.levels is None or start >= end else int(self.levels[start:end].min())


@dataclass
class CellPlan(Plan):
    """A plan of cells. ``source`` is the (second) text, of which ``shown`` are the pieces in logical order."""

    source: Source = field(default_factory=lambda: Source("", [], None))
    shown: list[Piece] = field(default_factory=list)
    pieces: Iterator[Piece] = field(default_factory=lambda: iter(()))  # those after the last one in ``shown``


class Cells:
    """A strategy made of a cutter."""

    def __init__(self, cutter: Cutter) -> None:
        self.cutter = cutter
        self._runs: dict[tuple[str, int], list[tuple[Cell, int, int]]] = {}
        self._cells: dict[tuple[str, int | None, bool, bool], Cell] = {}
        self.empty = Cell((), 1)

    # ---- the strategy

    def text(self, text: str, geometry: Geometry, layout: Layout, *, rtl: bool | None = None) -> Plan:
        source = self.source(text, rtl)
        plan = self._plan(source, geometry.patches - 1, geometry, layout)
        end = max(sum(piece.patches for piece in plan.shown), 1)
        plan.word_starts = [*self._word_starts(plan), end]
        plan.separators = [min(end, geometry.patches - 1)]
        return plan

    def words(self, words: list[str], geometry: Geometry, layout: Layout, *, rtl: bool | None = None) -> Plan:
        source = self.list_source(words, rtl)
        plan = self._plan(source, geometry.patches - 1, geometry, layout)
        starts = self._word_starts(plan)
        end = sum(piece.patches for piece in plan.shown)
        plan.word_starts = [*starts, end]
        plan.separators = [min(end, geometry.patches - 1)]
        plan.words = words
        plan.lost = len(words) - _whole_words(plan, geometry)
        plan.cells = relative_to_words(plan)
        return plan

    def pair(
        self, first: str, second: str, geometry: Geometry, layout: Layout, *, rtl: bool | None, max_length: int | None
    ) -> Plan:
        limit = geometry.patches - 3  # leaves one patch to the second text
        limit = limit if max_length is None else min(limit, max_length)
        plan_a = self._plan(self.source(first, rtl), limit, geometry, layout)
        last = geometry.patches - 1
        separator = min(max(sum(piece.patches for piece in plan_a.shown), 1), last)
        plan = self._plan(self.source(second, rtl), last - 1 - separator, geometry, layout, separator + 1)
        end = separator + 1 + max(sum(piece.patches for piece in plan.shown), 1)
        plan.separators = [separator, min(end, last)]
        plan.cells = plan_a.cells + plan.cells
        plan.lost += plan_a.lost
        return plan

    def offsets(self, plan: Plan, geometry: Geometry) -> list[Span]:
        spans = [SEPARATOR] * geometry.patches
        separators = set(plan.separators)
        for placed in plan.cells:
            for patch, span in enumerate(_cell_spans(placed, geometry), placed.patch):
                if patch < plan.end and patch not in separators:
                    spans[patch] = span
        return spans

    def windows(
        self, plan: Plan, geometry: Geometry, layout: Layout, stride: int, *, rtl: bool | None = None
    ) -> list[tuple[Plan, list[Span]]]:
        """Consecutive windows share the cells on at most ``stride`` patches of the (second) text."""
        if plan.words is not None:
            return list_windows(self, plan, geometry, layout, stride, rtl)
        assert isinstance(plan, CellPlan)
        is_pair = len(plan.separators) > 1
        begin = plan.separators[0] + 1 if is_pair else 0
        kept = [placed for placed in plan.cells if placed.patch < begin]
        make = self._word_windows if self.cutter.whole_words else self._cell_windows
        windows: list[tuple[Plan, list[Span]]] = []
        for window in make(plan, geometry, layout, begin, stride):
            end = begin + max(sum(piece.patches for piece in window.shown), 1)
            window.separators = [*plan.separators[:-1], min(end, geometry.patches - 1)]
            window.cells = kept + window.cells
            if not is_pair:
                window.word_starts = [*self._word_starts(window), end]
            windows.append((window, self.offsets(window, geometry)))
        return windows

    def _cell_windows(
        self, plan: CellPlan, geometry: Geometry, layout: Layout, begin: int, stride: int
    ) -> Iterator[CellPlan]:
        room = room_for_text(begin, geometry, stride)
        source, shown, pieces = plan.source, plan.shown, plan.pieces
        counts = characters_before(source.text)
        while (head := next(pieces, None)) is not None:
            shared = _last_patches(shown, stride)
            window = self._fill(source, chain(shared, (head,), pieces), room, geometry, layout, begin)
            if len(window.shown) <= len(shared):  # the next cell is too wide to stand beside what was shared
                pieces = islice(window.pieces, len(shared) - len(window.shown), None)
                window = self._fill(source, pieces, room, geometry, layout, begin)
            shown, pieces = window.shown, window.pieces
            window.lost = self._characters_after(shown[-1], source, counts)
            window.lost += _hidden(shown[-1], source.text, geometry.patch)
            yield window

    def _word_windows(
        self, plan: CellPlan, geometry: Geometry, layout: Layout, begin: int, stride: int
    ) -> Iterator[CellPlan]:
        source = plan.source
        room = room_for_text(begin, geometry, stride)
        counts = characters_before(source.text)
        base = bool(first_strong_level(source.text)) if source.rtl is None else source.rtl

        def window(plan: CellPlan) -> WordWindow:
            return WordWindow(plan, _whole_words(plan, geometry), [piece.patches for piece in plan.shown])

        def make(start: int) -> WordWindow:
            first, end = source.words[start][0], source.words[start : start + geometry.patches][-1][1]
            part_source = self.source(source.text[first:end], base)
            part_source.rtl = source.rtl
            part = self._plan(part_source, room, geometry, layout, begin)
            part.lost += counts[-1] - counts[end]
            return window(part)

        for made, start in word_windows(window(plan), len(source.words), make, geometry, begin, stride):
            assert isinstance(made, CellPlan)
            first = source.words[start][0]
            made.source = source
            made.cells = [cell._replace(start=cell.start + first, end=cell.end + first) for cell in made.cells]
            yield made

    def _characters_after(self, piece: Piece, source: Source, counts: list[int]) -> int:
        """``counts``: of the source's text, see `characters_before`."""
        return counts[-1] - counts[piece.end]

    def width(self, text: str, geometry: Geometry, layout: Layout) -> int:
        endless = Geometry(geometry.patch, sys.maxsize)
        source = self.source(text, None)
        pieces = list(self.pieces(source, layout, endless))
        width = sum(piece.patches for piece in pieces)
        if self.cutter.whole_words and source.levels is not None:
            # The first and the last are drawn in other ways; a text fits where it does in both.
            edged = self._with_edges(self._order(pieces, source), source, geometry, layout)
            width = max(width, sum(piece.patches for piece in edged))
        return width * geometry.patch

    # ---- cutting

    def source(self, text: str, rtl: bool | None) -> Source:
        words = [match.span() for match in WORD.finditer(text)]
        return Source(text, words, _levels(text, rtl), rtl=rtl)

    def list_source(self, words: list[str], rtl: bool | None) -> Source:
        text = " ".join(words)
        spans, start = [], 0
        for word in words:
            spans.append((start, start + len(word)))
            start += len(word) + 1
        return Source(text, spans, _levels(text, rtl), is_list=True, rtl=rtl)

    def pieces(self, source: Source, layout: Layout, geometry: Geometry) -> Iterator[Piece]:
        """The pieces of a text in logical order."""
        words = source.words
        if self.cutter.keeps_spaces and not source.is_list and words:
            words = [(words[0][0], words[-1][1])]
        for index, (start, end) in enumerate(words):
            if start == end:
                yield Piece(self.empty, start, end, source.level(start, end), 1)
                continue
            if self.cutter.whole_words:
                edges = index == 0, index == len(words) - 1
                # What is wider than the strip need not be laid out to its end, if it is not kept for other strips.
                enough = layout if end - start <= _CACHED_LENGTH else partial(layout, max_width=geometry.last)
                cell = self._cell(source.text[start:end], source.paragraph, enough, geometry.patch, *edges)
                # A list's word that does not fit is clipped on the right, as in `continuous`.
                level = 0 if source.is_list else source.level(start, end)
                yield Piece(cell, start, end, level, cell.patches)
                continue
            for run_start, run_end, level in _level_runs(source, start, end):
                run = source.text[run_start:run_end]
                for cell, first, last in self._cut(run, level & 1, layout, geometry.patch):
                    yield Piece(cell, run_start + first, run_start + last, level, cell.patches)

    def _cut(self, run: str, odd: int, layout: Layout, patch: int) -> Iterable[tuple[Cell, int, int]]:
        found = self._runs.get((run, odd))
        if found is not None:
            return found
        cut = (
            (self._cell(run[start:end], odd, layout, patch), start, end)
            for start, end in self.cutter.cut(run, odd, layout, patch)
        )
        if len(run) > _CACHED_LENGTH:
            return cut  # made as far as it is needed
        if len(self._runs) >= _CACHE_SIZE:
            self._runs.clear()
        found = self._runs[run, odd] = list(cut)
        return found

    def _cell(
        self, text: str, level: int | None, layout: Layout, patch: int, first: bool = False, last: bool = False
    ) -> Cell:
        key = text, level, first, last
        cell = self._cells.get(key)
        if cell is None:
            cell = self.cutter.cell(text, level, layout, patch, first=first, last=last)
            if len(text) <= _CACHED_LENGTH:
                if len(self._cells) >= _CACHE_SIZE:
                    self._cells.clear()
                self._cells[key] = cell
        return cell

    def texts_of_word(self, word: str, odd: int, layout: Layout, patch: int) -> list[str]:
        """The texts of the cells of a word of one level, even or odd, from left to right."""
        texts = [word[start:end] for start, end in self.cutter.cut(word, odd, layout, patch)]
        return texts[::-1] if odd else texts

    def cell_of(self, text: str, odd: int, layout: Layout, patch: int) -> Cell:
        """The cell of one of these texts."""
        return self._cell(text, odd, layout, patch)

    def cells_of_word(self, word: str, levels: np.ndarray | int, layout: Layout, patch: int) -> list[Cell]:
        """The cells of one word from left to right. ``levels``: bidi levels of its characters, or the one of all."""
        if isinstance(levels, int):
            texts = self.texts_of_word(word, levels & 1, layout, patch)
            return [self._cell(text, levels & 1, layout, patch) for text in texts]
        source = Source(word, [(0, len(word))], levels)
        pieces = list(self.pieces(source, layout, Geometry(patch, sys.maxsize)))
        return [piece.cell for piece in self._order(pieces, source)]

    # ---- placing

    def _plan(self, source: Source, room: int, geometry: Geometry, layout: Layout, begin: int = 0) -> CellPlan:
        plan = self._fill(source, self.pieces(source, layout, geometry), room, geometry, layout, begin)
        shown = plan.shown
        plan.lost = count_characters(source.text[shown[-1].end if shown else 0 :])
        if shown:
            plan.lost += _hidden(shown[-1], source.text, geometry.patch)
        return plan

    def _fill(
        self, source: Source, pieces: Iterator[Piece], room: int, geometry: Geometry, layout: Layout, begin: int
    ) -> CellPlan:
        """As many pieces as fit on ``room`` patches from patch ``begin`` on, in the order of the screen."""
        shown: list[Piece] = []
        used = 0
        rest = pieces
        for piece in pieces:
            if used + piece.patches > room:
                clips = not shown or (self.cutter.clips and (source.is_list or source.levels is None))
                if clips and used < room:
                    shown.append(piece._replace(patches=room - used))
                else:
                    rest = chain((piece,), pieces)
                break
            shown.append(piece)
            used += piece.patches
        order = self._order(shown, source)
        if self.cutter.whole_words and not source.is_list and source.levels is not None:
            order = self._with_edges(order, source, geometry, layout)
            while len(order) > 1 and sum(piece.patches for piece in order) > room:
                rest = chain((shown.pop(),), rest)
                order = self._with_edges(self._order(shown, source), source, geometry, layout)
            shown = sorted(order, key=lambda piece: piece.start)
        plan = CellPlan(source=source, shown=shown, pieces=rest)
        for piece in order:
            plan.cells.append(PlacedCell(piece.cell, begin, piece.patches, piece.start, piece.end, piece.level))
            begin += piece.patches
        return plan

    def _order(self, pieces: list[Piece], source: Source) -> list[Piece]:
        """Pieces in logical order in the order of the screen. White space counts, since what it separates does not
        join; words of a list are ordered only inside."""
        if source.levels is None:
            return pieces
        ordered: list[Piece] = []
        line: list[Piece | None] = []
        levels: list[int] = []

        def flush() -> None:
            ordered.extend(piece for index in visual_order(levels) if (piece := line[index]) is not None)
            line.clear()
            levels.clear()

        end = pieces[0].start if pieces else 0
        for piece in pieces:
            if piece.start > end:
                if source.is_list:
                    flush()
                else:
                    line.append(None)
                    levels.append(source.level(end, piece.start))
            line.append(piece)
            levels.append(piece.level)
            end = piece.end
        flush()
        return ordered

    def _with_edges(self, order: list[Piece], source: Source, geometry: Geometry, layout: Layout) -> list[Piece]:
        """Pieces whose first and last are drawn as the first and the last of the line."""
        made = []
        for index, piece in enumerate(order):
            edges = index == 0, index == len(order) - 1
            cell = self._cell(source.text[piece.start : piece.end], source.paragraph, layout, geometry.patch, *edges)
            patches = cell.patches if piece.patches == piece.cell.patches else min(piece.patches, cell.patches)
            made.append(piece._replace(cell=cell, patches=patches))
        return made

    def _word_starts(self, plan: CellPlan) -> list[int]:
        """The first patch of every word of which something is shown, in the order of the patches."""
        words = plan.source.words
        begins = [start for start, _ in words]
        starts: dict[int, int] = {}
        for placed in plan.cells:
            index = bisect_right(begins, max(placed.end - 1, placed.start)) - 1
            if index >= 0 and placed.start < max(words[index][1], words[index][0] + 1):
                starts[index] = min(placed.patch, starts.get(index, placed.patch))
        return sorted(starts.values())


def _levels(text: str, rtl: bool | None) -> np.ndarray | None:
    base = (first_strong_level(text) or 0) if rtl is None else int(rtl)
    levels, _ = embedding_levels(text, base)
    return levels if levels.any() else None


def _level_runs(source: Source, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The stretches of one level in ``[start, end)``: start, end, level."""
    if source.levels is None:
        yield start, end, 0
        return
    levels = source.levels[start:end]
    borders = [start, *(np.flatnonzero(np.diff(levels)) + start + 1).tolist(), end]
    for first, last in pairwise(borders):
        yield first, last, int(source.levels[first])


def _last_patches(pieces: list[Piece], stride: int) -> list[Piece]:
    """The last pieces that together take at most ``stride`` patches, but not all pieces."""
    first, used = len(pieces), 0
    while first > 1 and used + pieces[first - 1].patches <= stride:
        first -= 1
        used += pieces[first].patches
    return pieces[first:]


def _cell_spans(placed: PlacedCell, geometry: Geometry) -> list[Span]:
    """Of each patch of a cell: the characters on it if the cell is one line, else all of the cell."""
    whole = placed.start, placed.end
    if len(placed.cell.lines) != 1 or placed.cell.patches == 1:
        return [whole] * placed.patches
    line, x = placed.cell.lines[0]
    cut = (placed.cell.patches - placed.patches) if placed.level & 1 else 0
    spans = patch_spans(line, x, cut, cut + placed.patches, geometry.patch)
    length = placed.end - placed.start  # the line may have a space more
    return [
        (placed.start + start, placed.start + min(stop, length)) if start < min(stop, length) else whole
        for start, stop in spans
    ]


def _hidden(piece: Piece, text: str, patch: int) -> int:
    """Characters of a cell that are not, or not wholly, on its patches since it is cut off."""
    if piece.patches == piece.cell.patches:
        return 0
    cut = (piece.cell.patches - piece.patches) * patch if piece.level & 1 else 0
    shown = sum(shown_characters(line, cut - x, cut - x + piece.patches * patch) for line, x in piece.cell.lines)
    return max(count_characters(text[piece.start : piece.end]) - shown, 0)


def _whole_words(plan: CellPlan, geometry: Geometry) -> int:
    """How many words are wholly shown; these are the first ones, in logical order."""
    if not plan.shown:
        return 0
    last = plan.shown[-1]
    word = bisect_right(plan.source.words, (last.start, sys.maxsize)) - 1
    is_whole = last.end == plan.source.words[word][1] and not _hidden(last, plan.source.text, geometry.patch)
    return word + is_whole


def relative_to_words(plan: CellPlan) -> list[PlacedCell]:
    """The cells with spans that count from the start of their word."""
    spans = plan.source.words
    cells, index = [], 0
    for placed in plan.cells:
        while index + 1 < len(spans) and placed.start >= spans[index + 1][0]:
            index += 1
        begin = spans[index][0]
        cells.append(placed._replace(start=placed.start - begin, end=placed.end - begin))
    return cells
