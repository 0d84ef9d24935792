"""PIXEL-M4's bigrams with its quirks, for checkpoints trained on them.

* White space separates words; a word is cut into pairs of code points, each character drawn alone.
* A right-to-left text (decided once for a pair, or for all words) is mirrored as a whole, pairs, words and all, Latin
  words and numbers included; words of a list keep their order.
* What does not fit is left out word by word from the right end on. The last word is never looked at itself: if only it
  does not fit, the one before goes, too. The first word is always drawn. A line that just fills the strip has its last
  patch covered by the separator.
"""

from __future__ import annotations

import sys
from bisect import bisect_right

import numpy as np

from pixlm.rendering.geometry import Geometry
from pixlm.rendering.offsets import Span
from pixlm.rendering.strategies.cells import WORD, CellPlan, Cells, Piece, Source, relative_to_words
from pixlm.rendering.strategies.cutters import Bigrams
from pixlm.rendering.strategies.fitting import looks_rtl
from pixlm.rendering.strategies.plan import Cell, Layout, PlacedCell, Plan


class _IsolatedPairs(Bigrams):
    isolated = True
    least = 0  # invisible pairs take no patch


class UpstreamBigrams(Cells):
    """``bigrams`` with ``compat="pixel-m4"``.

    Offset mappings, which crash upstream, and windows, which lose words there, are those of `Cells`. ``lost`` counts
    what the separator covers, too.
    """

    def __init__(self) -> None:
        super().__init__(_IsolatedPairs())

    def text(self, text: str, geometry: Geometry, layout: Layout, *, rtl: bool | None = None) -> Plan:
        source = self.source(text, rtl)
        plan, starts, end = self._row(source, geometry.patches, geometry, layout)
        plan.word_starts = [*starts, end]
        plan.separators = [min(end, geometry.patches - 1)]
        return plan

    def words(self, words: list[str], geometry: Geometry, layout: Layout, *, rtl: bool | None = None) -> Plan:
        source = self.list_source(words, rtl)
        plan, starts, end = self._row(source, geometry.patches, geometry, layout)
        plan.word_starts = [*starts, end]
        plan.separators = [min(end, geometry.patches - 1)]
        hidden = next((placed.start for placed in plan.cells if not _is_shown(placed, geometry)), None)
        whole = len(starts) if hidden is None else bisect_right(source.words, (hidden, sys.maxsize)) - 1
        plan.words = words
        plan.lost = len(words) - whole
        plan.cells = relative_to_words(plan)
        return plan

    def pair(
        self, first: str, second: str, geometry: Geometry, layout: Layout, *, rtl: bool | None, max_length: int | None
    ) -> Plan:
        source_a, source_b = self.source(first, False), self.source(second, False)
        if rtl or (_looks_rtl(source_a) and _looks_rtl(source_b)):
            source_a, source_b = _mirrored(source_a), _mirrored(source_b)
        last = geometry.patches - 1
        limit = geometry.patches if max_length is None else max_length
        plan_a, _, end_a = self._row(source_a, limit, geometry, layout)
        separator = min(end_a, last)
        plan, _, end = self._row(source_b, geometry.patches, geometry, layout, separator + 1)
        plan.separators = [separator, min(end, last)]
        plan.cells = plan_a.cells + plan.cells
        plan.lost += plan_a.lost
        return plan

    def source(self, text: str, rtl: bool | None) -> Source:
        """``rtl`` None: by the characters; False, too, since that is what upstream's default means."""
        words = [match.span() for match in WORD.finditer(text)]
        source = Source(text, words, None)
        return _mirrored(source) if rtl or (rtl is None and _looks_rtl(source)) else source

    def list_source(self, words: list[str], rtl: bool | None) -> Source:
        source = super().list_source(words, False)
        source.levels = None
        return _mirrored(source) if rtl or (rtl is None and _looks_rtl(source)) else source

    def _row(
        self, source: Source, limit: int, geometry: Geometry, layout: Layout, begin: int = 0
    ) -> tuple[CellPlan, list[int], int]:
        """The words that fit; the first patch of each; the patch after them."""
        mirrored = source.levels is not None
        reverse = mirrored and not source.is_list
        words = source.words[::-1] if reverse else source.words
        level = int(mirrored)
        cut: list[list[tuple[Cell, int, int]]] = []
        starts = []
        end = begin
        for start, stop in words:
            cells = list(self._cut(source.text[start:stop], level, layout, geometry.patch))
            cut.append(cells)
            starts.append(end)
            end += sum([cell.patches for cell, _, _ in cells])
        kept = len(words)
        if end > limit and words:
            kept = max(next((index for index in range(kept - 2, -1, -1) if starts[index] <= limit), 0), 1)
            end = starts[kept] if kept < len(words) else end
            starts = starts[:kept]
        if starts and starts[-1] == geometry.patches - 1:
            end = starts[-1]  # a word that begins on the last patch is not drawn
        plan = CellPlan(source=source)
        patch = begin
        for (at, _), cells in zip(words, cut[:kept], strict=False):
            for cell, first, last in reversed(cells) if mirrored else cells:
                plan.cells.append(PlacedCell(cell, patch, cell.patches, at + first, at + last, level))
                patch += cell.patches
        if not source.is_list:
            plan.lost = sum(stop - start for start, stop in words[kept:])
            plan.lost += sum(placed.end - placed.start for placed in plan.cells if not _is_shown(placed, geometry))
        return plan, starts, max(end, begin + (bool(words) if source.is_list else 1))

    def windows(
        self, plan: Plan, geometry: Geometry, layout: Layout, stride: int, *, rtl: bool | None = None
    ) -> list[tuple[Plan, list[Span]]]:
        """In the order of the screen, so the windows of a right-to-left text begin with its end."""
        assert isinstance(plan, CellPlan)
        source = plan.source
        if plan.words is not None:
            return super().windows(plan, geometry, layout, stride, rtl=source.levels is not None)
        begin = plan.separators[0] + 1 if len(plan.separators) > 1 else 0
        line = [*self.pieces(source, layout, geometry)]
        if source.levels is not None:
            line.reverse()
        shown = sum(placed.patch >= begin and _is_shown(placed, geometry) for placed in plan.cells)
        plan.shown, plan.pieces = line[:shown], iter(line[shown:])
        return super().windows(plan, geometry, layout, stride)

    def _characters_after(self, piece: Piece, source: Source, counts: list[int]) -> int:
        return counts[piece.start] if source.levels is not None else super()._characters_after(piece, source, counts)

    def _order(self, pieces: list[Piece], source: Source) -> list[Piece]:
        """Pieces come in the order of the screen already."""
        return pieces


def _is_shown(placed: PlacedCell, geometry: Geometry) -> bool:
    """Whether a cell ends before the last patch, which the separator covers."""
    return placed.patch + placed.patches < geometry.patches


def _looks_rtl(source: Source) -> bool:
    return looks_rtl(source.text)


def _mirrored(source: Source) -> Source:
    """The text as one right-to-left stretch."""
    source.levels = np.ones(len(source.text), np.uint8)
    return source
