"""Strategies of cells put together: a word is a row of numbers in a table of patches.

What is known of words is in a `vocabulary`. Ink that reaches beyond a word's first or last patch is laid over the
neighbours, if these are white there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, groupby
from typing import NamedTuple

import numpy as np

from pixlm.rendering.assembly.flow import flow_of, order_of_pieces, pieces_of
from pixlm.rendering.assembly.patches import ID, PatchTable
from pixlm.rendering.assembly.tiles import Spill
from pixlm.rendering.assembly.vocabulary import Name, Vocabulary
from pixlm.rendering.assembly.words import Words
from pixlm.rendering.backends import Painter
from pixlm.rendering.geometry import Geometry
from pixlm.rendering.line import Line
from pixlm.rendering.rendered import Assembled
from pixlm.rendering.strategies.cells import Cells
from pixlm.rendering.strategies.fitting import looks_rtl
from pixlm.rendering.strategies.plan import Layout
from pixlm.rendering.strategies.upstream_bigrams import UpstreamBigrams
from pixlm.rendering.unicode.bidi import embedding_levels, visual_order

_BLACK = ID.type(0).tobytes()  # the first patch of a table
_NO_SPILLS: dict[Name, Spill] = {}


class _Row(NamedTuple):
    """Words, or pieces of words, from left to right, the numbers of their patches, where each starts, and the end.
    ``word_starts``: the same of whole words."""

    words: Sequence[Name]
    flow: str
    numbers: bytes
    starts: list[int]
    word_starts: list[int]


def _row_of(names: Sequence[Name], flow: str, numbers: bytes, parts: Sequence[bytes | bool | None]) -> _Row | None:
    starts = [size >> 2 for size in accumulate(map(len, parts), initial=0)]  # type: ignore[arg-type]
    return _Row(names, flow, numbers, starts, starts) if numbers else None


class AssembledCells:
    """What `strategies.cells.Cells` and `UpstreamBigrams` plan, drawn. Every method returns None where the plain way
    has to be gone: texts that do not fit, characters that no font has, patches with ink from both neighbours."""

    def __init__(
        self,
        strategy: Cells,
        words: Words,
        painter: Painter,
        layout: Layout,
        baseline: Callable[[Line], int],
    ) -> None:
        self._mirrors = isinstance(strategy, UpstreamBigrams)
        self._words = words
        self._patch = painter.rows
        self._vocabulary = Vocabulary(strategy, words.fonts, painter, layout, baseline)

    def width(self, text: str) -> int | None:
        self._vocabulary.make_room()
        row = self._row(text.split(), text, None)
        return None if row is None else row.starts[-1] * self._patch

    def arrays(self) -> dict[str, np.ndarray]:
        return self._vocabulary.arrays()

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        self._vocabulary.restore(arrays)

    def text(self, text: str, geometry: Geometry, *, rtl: bool | None) -> Assembled | None:
        self._vocabulary.make_room()
        row = self._row(text.split(), text, rtl)
        return None if row is None else self._assembled([row], geometry, row.word_starts)

    def words(self, words: list[str], geometry: Geometry, *, rtl: bool | None) -> Assembled | None:
        self._vocabulary.make_room()
        row = self._row(words, " ".join(words), rtl, is_list=True)
        return None if row is None else self._assembled([row], geometry, row.word_starts)

    def pair(
        self, first: str, second: str, geometry: Geometry, *, rtl: bool | None, max_length: int | None
    ) -> Assembled | None:
        self._vocabulary.make_room()
        if self._mirrors:
            rtl = bool(rtl or (looks_rtl(first) and looks_rtl(second)))
        row_a = self._row(first.split(), first, rtl)
        row_b = self._row(second.split(), second, rtl)
        limit = geometry.patches - 3
        limit = limit if max_length is None else min(limit, max_length)
        if row_a is None or row_b is None or row_a.starts[-1] > limit:
            return None
        return self._assembled([row_a, row_b], geometry, None)

    def _row(self, words: list[str], text: str, rtl: bool | None, *, is_list: bool = False) -> _Row | None:
        if not words or not words[0]:
            return None
        if self._mirrors:
            flow: str | None = "R" if rtl or (rtl is None and looks_rtl(text)) else "L"
        else:
            flow = flow_of(words[0], self._words.base_level(words) if rtl is None else int(rtl))
        if flow is None:
            return self._both_ways(words, text, rtl, is_list)
        book = self._vocabulary.book(flow)
        if flow != "L" and not is_list:
            words = words[::-1]
        numbers = list(map(book.get, words))
        try:
            row = b"".join(numbers)  # type: ignore[arg-type]
        except TypeError:  # new words, or words that are not to be had without their line
            self._vocabulary.add(words, flow)
            numbers = list(map(book.get, words))
            if False in numbers:
                in_order = words if is_list else text.split()
                return None if self._mirrors else self._both_ways(in_order, text, rtl, is_list)
            row = b"".join(numbers)  # type: ignore[arg-type]
        return _row_of(words, flow, row, numbers)

    def _both_ways(self, words: list[str], text: str, rtl: bool | None, is_list: bool) -> _Row | None:
        """The row of a line some of whose words run the other way, each known by the levels of its characters."""
        if not all(words):
            return None
        spans, start = [], 0
        for word in words:
            start = start if is_list else text.index(word, start)
            spans.append((start, start + len(word)))
            start += len(word) + is_list
        base = self._words.base_level(words) if rtl is None else int(rtl)
        levels = embedding_levels(text, base)[0].tobytes()
        pieces, owners = pieces_of(levels, spans)
        if is_list:  # in the list's order, each word by itself
            order = []
            for _, group in groupby(range(len(pieces)), owners.__getitem__):
                own = list(group)
                order += [own[index] for index in visual_order([levels[pieces[piece][0]] for piece in own])]
        else:
            order, _ = order_of_pieces(levels, pieces)
        names: list[Name] = [(text[slice(*pieces[piece])], levels[slice(*pieces[piece])]) for piece in order]
        book = self._vocabulary.book("")
        self._vocabulary.add(names, "")
        numbers = [book[name] for name in names]
        if False in numbers:
            return None
        row = _row_of(names, "", b"".join(numbers), numbers)  # type: ignore[arg-type]
        if row is None:
            return None
        begins: dict[int, int] = {}
        for piece, start in zip(order, row.starts, strict=False):
            begins.setdefault(owners[piece], start)
        return row._replace(word_starts=[*sorted(begins.values()), row.starts[-1]])

    def _assembled(self, rows: list[_Row], geometry: Geometry, word_starts: list[int] | None) -> Assembled | None:
        separators = [last - 1 for last in accumulate(row.starts[-1] + 1 for row in rows)]
        if separators[-1] > geometry.patches - 1:
            return None
        numbers = b"".join([part for row in rows for part in (row.numbers, _BLACK)])
        spilt: list[tuple[np.ndarray, int]] | None = []
        if any(not self._vocabulary.spills.get(row.flow, _NO_SPILLS).keys().isdisjoint(row.words) for row in rows):
            index = np.frombuffer(numbers, ID).copy()
            spilt = self._spilt(rows, index)
            numbers = index.tobytes()
        if spilt is None:
            return None
        return Assembled(separators, word_starts, partial(_draw, self._vocabulary.table, numbers, spilt))

    def _spilt(self, rows: list[_Row], index: np.ndarray) -> list[tuple[np.ndarray, int]] | None:
        """The ink beyond words' patches, with the pixel where it begins.

        Where it meets ink of the neighbour, the number of the neighbour's patch in ``index`` is replaced by that of one
        on which both were drawn. None if a patch meets ink from both sides.
        """
        patch = self._patch
        found: list[tuple[np.ndarray, int]] = []
        touched: set[int] = set()
        begin = 0
        for row in rows:
            spills = self._vocabulary.spills.get(row.flow, _NO_SPILLS)
            for place, word in enumerate(row.words):
                spill = spills.get(word)
                if spill is None:
                    continue
                for ink, side in ((spill.left, -1), (spill.right, 1)):
                    at = begin + (row.starts[place] - 1 if side < 0 else row.starts[place + 1])
                    width = ink.shape[1]
                    if not width or at < 0 or not index[at]:
                        continue  # beyond the image, or under a separator
                    if at in touched or width > patch:
                        return None
                    touched.add(at)
                    if self._vocabulary.is_white(int(index[at]), side * width):
                        found.append((ink, at * patch + (0 if side > 0 else patch - width)))
                        continue
                    if row.starts[place + side] == row.starts[place + side + 1]:
                        return None  # the neighbour takes no patch; this is that of the word beyond
                    first = place + min(side, 0)
                    joint = self._vocabulary.joint(row.words[first], row.words[first + 1], row.flow)
                    index[at] = joint[at - begin - row.starts[first]]
            begin += row.starts[-1] + 1
        return found


def _draw(table: PatchTable, numbers: bytes, spilt: list[tuple[np.ndarray, int]], image: np.ndarray) -> None:
    table.put(image, numbers)
    for ink, x in spilt:
        image[:, x : x + ink.shape[1]] = ink
