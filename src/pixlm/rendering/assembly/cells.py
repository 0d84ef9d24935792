"""Strategies of cells put together: a word is a row of numbers in a table of patches.

Cells are drawn alone, so a word's patches depend on nothing but the direction of its line. Ink that reaches beyond a
word's first or last patch is kept apart and laid over the neighbours, if these are white there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, chain, groupby
from typing import NamedTuple

import numpy as np

from pixlm.rendering.assembly.flow import flow_of, has_numbers, levels_inside, order_of_pieces, pieces_of, runs_one_way
from pixlm.rendering.assembly.pieces import Columns, Picture, ink_of, is_one_run
from pixlm.rendering.assembly.store import strings, texts_of
from pixlm.rendering.assembly.words import Words
from pixlm.rendering.backends import Painter
from pixlm.rendering.cell_drawing import CellPainter
from pixlm.rendering.geometry import Geometry
from pixlm.rendering.line import Line
from pixlm.rendering.offsets import Span
from pixlm.rendering.rendered import Assembled
from pixlm.rendering.strategies.cells import Cells
from pixlm.rendering.strategies.fitting import looks_rtl
from pixlm.rendering.strategies.plan import Cell, Layout, PlacedCell
from pixlm.rendering.strategies.upstream_bigrams import UpstreamBigrams
from pixlm.rendering.unicode.bidi import embedding_levels, visual_order

_ID = np.dtype(np.int32)
_BLACK = _ID.type(0).tobytes()  # the first patch of a table
_LONGEST_WORD = 1024
_MOST_SPRITES = 50_000
_MOST_PATCHES = 200_000
_MOST_WORDS = 200_000
_MARGIN = 2  # patches around a word that is drawn


class PatchTable:
    """Patches by number: number 0 is black.

    Args:
        patch: P, height and width.
        channels: 1 or 3.
        given: uint8 [patches, P * P * channels], the first patches of the table; they may be read-only.
    """

    def __init__(self, patch: int, channels: int, given: np.ndarray | None = None) -> None:
        self._row = np.dtype((np.void, patch * channels))
        self._patch = patch
        # Two arrays [patches, P] of patch rows: what was given, and what came later.
        self._given = np.zeros((0, patch), self._row) if given is None else self._rows_of(given)
        self._own = np.zeros((1024, patch), self._row)
        self.count = len(self._given) or 1

    def _rows_of(self, patches: np.ndarray) -> np.ndarray:
        size = self._patch * self._row.itemsize
        return np.ascontiguousarray(patches).reshape(len(patches), size).view(self._row)

    def add(self, patches: np.ndarray) -> np.ndarray:
        """Numbers of new patches. ``patches``: uint8 [n, P, P(, 3)], each a list of columns."""
        used = self.count - len(self._given)
        while used + len(patches) > len(self._own):
            self._own = np.concatenate([self._own, np.zeros_like(self._own)])
        self._own[used : used + len(patches)] = self._rows_of(np.ascontiguousarray(patches.swapaxes(1, 2)))
        numbers = np.arange(self.count, self.count + len(patches), dtype=_ID)
        self.count += len(patches)
        return numbers

    def pixels(self) -> np.ndarray:
        """All patches, as they may be given to a new table."""
        rows = np.concatenate([self._given, self._own[: self.count - len(self._given)]])
        return rows.view(np.uint8).reshape(self.count, -1)

    def _take(self, index: np.ndarray) -> np.ndarray:
        given = len(self._given)
        if not given:
            return self._own.take(index, axis=0)
        found = self._given.take(np.minimum(index, given - 1), axis=0)
        late = index >= given
        if late.any():
            found[late] = self._own.take(index[late] - given, axis=0)
        return found

    def is_white(self, number: int, columns: int) -> bool:
        """Whether the first (or, if negative, the last) ``columns`` of a patch are white."""
        pixels = self._take(np.array([number])).view(np.uint8).reshape(self._patch, self._patch, -1)
        return int((pixels[:, :columns] if columns > 0 else pixels[:, columns:]).min()) == 255

    def put(self, image: np.ndarray, numbers: bytes) -> None:
        """Draw patches on an image from its left end on."""
        index = np.frombuffer(numbers, _ID)
        rows = image.reshape(len(image), -1).view(self._row)
        rows[:, : len(index)] = self._take(index).T


class _Spill(NamedTuple):
    """Ink beyond a word's patches, uint8 [P, columns(, 3)], left and right of them."""

    left: np.ndarray
    right: np.ndarray


#: A word of a line that runs one way, or a word and the bidi levels of its characters.
_Name = str | tuple[str, bytes]

#: Word -> numbers of its patches from left to right, as int32; False if it has to go the plain way.
_Book = dict[_Name, "bytes | bool"]


@dataclass(frozen=True, eq=False, slots=True)
class _Sprite:
    """A line of a cell drawn alone."""

    line: Line
    ink: Picture
    is_one_run: bool


class _Placed(NamedTuple):
    """A sprite, and the pixel of its first inked column."""

    sprite: _Sprite
    at: int


class _Strip(NamedTuple):
    """Cells side by side: ``parts`` from the ink before them to their last ink, where they ``end``, and their ink."""

    parts: list[Columns]
    end: int
    low: int
    inked: int


class _Row(NamedTuple):
    """Words, or pieces of words, from left to right, the numbers of their patches, where each starts, and the end.
    ``word_starts``: the same of whole words."""

    words: Sequence[_Name]
    flow: str
    numbers: bytes
    starts: list[int]
    word_starts: list[int]


def _row_of(names: Sequence[_Name], flow: str, numbers: bytes, parts: Sequence[bytes | bool | None]) -> _Row | None:
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
        self._strategy = strategy
        self._mirrors = isinstance(strategy, UpstreamBigrams)
        self._words = words
        self._cells = CellPainter(painter, baseline)
        self._painter = painter
        self._layout = layout
        self._baseline = baseline
        self._white = b"\xff" * painter.rows * (3 if painter.rgb else 1)  # a column
        self._start()

    def _start(self) -> None:
        """Empty caches. Images that are still to be drawn keep their table."""
        self._table = PatchTable(self._painter.rows, 3 if self._painter.rgb else 1)
        self._books: dict[str, _Book] = {}
        self._kept = 0  # words
        self._spills: dict[tuple[_Name, str], _Spill] = {}
        self._joints: dict[tuple[_Name, _Name, str], np.ndarray | None] = {}
        self._sprites: dict[int, _Sprite] = {}
        self._groups: dict[tuple[_Sprite | int, ...], bytes | None] = {}

    def _make_room(self) -> None:
        """To be called before the first row of an image: rows refer to the table that is there."""
        if self._table.count > _MOST_PATCHES or self._kept > _MOST_WORDS:
            self._start()

    def width(self, text: str) -> int | None:
        self._make_room()
        row = self._row(text.split(), text, None)
        return None if row is None else row.starts[-1] * self._painter.rows

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that is kept of words, for `store`; lines that run both ways are left out."""
        found = {"patches": self._table.pixels()}
        for flow, book in self._books.items():
            words = [(word, part) for word, part in book.items() if isinstance(word, str)]
            if words:
                found[f"words {flow}"] = strings([word for word, _ in words])
                sizes = [len(part) if isinstance(part, bytes) else -1 for _, part in words]
                found[f"sizes {flow}"] = np.array(sizes, np.int32)
                numbers = b"".join([part for _, part in words if isinstance(part, bytes)])
                found[f"numbers {flow}"] = np.frombuffer(numbers, _ID)
            spills = [
                (word, spill) for (word, own), spill in self._spills.items() if own == flow and isinstance(word, str)
            ]
            if spills:
                found[f"spilling {flow}"] = strings([word for word, _ in spills])
                found[f"widths {flow}"] = np.array([(s.left.shape[1], s.right.shape[1]) for _, s in spills], np.int32)
                found[f"spilt {flow}"] = np.concatenate([part.ravel() for _, spill in spills for part in spill])
        return found

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Put back what `arrays` gave; the patches stay where they are in memory."""
        self._start()
        patch, channels = self._painter.rows, 3 if self._painter.rgb else 1
        last = max(
            [int(part.max()) for name, part in arrays.items() if name.startswith("numbers") and len(part)] or [0]
        )
        if last >= len(arrays["patches"]):
            raise ValueError("a word has a patch that is not there")
        self._table = PatchTable(patch, channels, arrays["patches"])
        for flow in ("L", "R", "a"):
            if f"words {flow}" not in arrays:
                continue
            numbers, start = arrays[f"numbers {flow}"].tobytes(), 0
            book = self._books[flow] = {}
            for word, size in zip(texts_of(arrays[f"words {flow}"]), arrays[f"sizes {flow}"].tolist(), strict=True):
                book[word] = size >= 0 and numbers[start : start + size]
                start += max(size, 0)
            self._kept += len(book)
            if f"spilling {flow}" not in arrays:
                continue
            spilt, start = arrays[f"spilt {flow}"], 0
            for word, widths in zip(
                texts_of(arrays[f"spilling {flow}"]), arrays[f"widths {flow}"].tolist(), strict=True
            ):
                parts = []
                for width in widths:
                    size = patch * width * channels
                    parts.append(spilt[start : start + size].reshape(patch, width, *(3,) * self._painter.rgb))
                    start += size
                self._spills[word, flow] = _Spill(*parts)

    def text(self, text: str, geometry: Geometry, *, rtl: bool | None) -> Assembled | None:
        self._make_room()
        row = self._row(text.split(), text, rtl)
        return None if row is None else self._assembled([row], geometry, row.word_starts)

    def words(self, words: list[str], geometry: Geometry, *, rtl: bool | None) -> Assembled | None:
        self._make_room()
        row = self._row(words, " ".join(words), rtl, is_list=True)
        return None if row is None else self._assembled([row], geometry, row.word_starts)

    def pair(
        self, first: str, second: str, geometry: Geometry, *, rtl: bool | None, max_length: int | None
    ) -> Assembled | None:
        self._make_room()
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
        book = self._books.get(flow)
        if book is None:
            book = self._books[flow] = {}
        if flow != "L" and not is_list:
            words = words[::-1]
        numbers = list(map(book.get, words))
        try:
            row = b"".join(numbers)  # type: ignore[arg-type]
        except TypeError:  # new words, or words that are not to be had without their line
            self._add([word for word in dict.fromkeys(words) if word not in book], flow, book)
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
        names: list[_Name] = [(text[slice(*pieces[piece])], levels[slice(*pieces[piece])]) for piece in order]
        book = self._books.setdefault("", {})
        self._add([name for name in dict.fromkeys(names) if name not in book], "", book)
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
        if self._spills:
            index = np.frombuffer(numbers, _ID).copy()
            spilt = self._spilt(rows, index)
            numbers = index.tobytes()
        return (
            None if spilt is None else Assembled(separators, word_starts, partial(_draw, self._table, numbers, spilt))
        )

    def _spilt(self, rows: list[_Row], index: np.ndarray) -> list[tuple[np.ndarray, int]] | None:
        """The ink beyond words' patches, with the pixel where it begins.

        Where it meets ink of the neighbour, the number of the neighbour's patch in ``index`` is replaced by that of one
        on which both were drawn. None if a patch meets ink from both sides.
        """
        patch = self._painter.rows
        found: list[tuple[np.ndarray, int]] = []
        touched: set[int] = set()
        begin = 0
        for row in rows:
            for place, word in enumerate(row.words):
                spill = self._spills.get((word, row.flow))
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
                    if self._table.is_white(index[at], side * width):
                        found.append((ink, at * patch + (0 if side > 0 else patch - width)))
                        continue
                    first = place + min(side, 0)
                    joint = self._joint(row.words[first], row.words[first + 1], row.flow)
                    if joint is None:
                        return None
                    index[at] = joint[at - begin - row.starts[first]]
            begin += row.starts[-1] + 1
        return found

    def _joint(self, first: _Name, second: _Name, flow: str) -> np.ndarray | None:
        """The numbers of the patches of two neighbours that reach onto each other."""
        key = first, second, flow
        if key not in self._joints:
            columns = self._columns([first, second], flow)
            self._joints[key] = None if columns is None else self._table.add(self._patches(columns))
        return self._joints[key]

    def _columns(self, words: list[_Name], flow: str) -> np.ndarray | None:
        """The patches of words side by side, uint8 [n * P, P(, 3)]."""
        begin = _MARGIN * self._painter.rows
        cells = [cell for word in words for cell in self._cells_of(word, flow) or ()]
        strip = self._side_by_side(cells, begin, 0)
        if strip is None:
            drawn = self._drawn(words, flow)
            return None if drawn is None else drawn[0][slice(*drawn[1])]
        data = b"".join([*strip.parts, self._white * (strip.end - strip.inked)])
        columns = np.frombuffer(data, np.uint8).reshape(-1, self._painter.rows, *(3,) * self._painter.rgb)
        return columns[begin : strip.end]

    def _add(self, words: list[_Name], flow: str, book: _Book) -> None:
        """Draw words that are met for the first time."""
        patch = self._painter.rows
        self._kept += len(words)
        parts: list[Columns] = []  # of a strip on which the words stand side by side, margins between them
        begin = _MARGIN * patch
        end = 0  # of the parts, in pixels
        drawn: list[tuple[_Name, int, int, int, int]] = []  # word, begin and end of its cells and of its ink
        for word in words:
            cells = self._cells_of(word, flow)
            if cells is None:
                book[word] = False
                continue
            strip = self._side_by_side(cells, begin, end)
            if strip is None:
                self._keep(word, flow, book)
                continue
            parts += strip.parts
            drawn.append((word, begin, strip.end, strip.low, max(strip.inked, strip.end)))
            end, begin = strip.inked, strip.end + _MARGIN * patch
        if drawn:
            parts.append(self._white * (begin - end))
            columns = np.frombuffer(b"".join(parts), np.uint8).reshape(begin, patch, *(3,) * self._painter.rgb)
            patches = self._patches(columns)
            places = [range(start // patch, stop // patch) for _, start, stop, _, _ in drawn]
            numbers = self._table.add(patches[list(chain.from_iterable(places))])
            first = 0
            for (word, start, stop, low, high), own in zip(drawn, places, strict=True):
                book[word] = numbers[first : first + len(own)].tobytes()
                self._keep_spill(word, flow, columns, (start, stop), (low, high))
                first += len(own)

    def _side_by_side(self, cells: Sequence[Cell], begin: int, inked: int) -> _Strip | None:
        """Cells from pixel ``begin`` on, on a strip inked up to ``inked``; None if they cannot be pieced together."""
        x = begin
        groups: list[list[_Placed]] = []  # of sprites that reach onto one another
        right = -1
        for cell in cells:
            for line, left in cell.lines:
                sprite = self._sprite(line)
                if sprite.ink.data:
                    at = x + left + sprite.ink.first
                    if at < right:
                        groups[-1].append(_Placed(sprite, at))
                    else:
                        groups.append([_Placed(sprite, at)])
                    right = max(right, x + left + sprite.ink.last)
            x += cell.patches * self._painter.rows
        parts: list[Columns] = []
        low = begin
        for number, group in enumerate(groups):
            first = group[0].at if len(group) == 1 else min(placed.at for placed in group)
            data = group[0].sprite.ink.data if len(group) == 1 else self._painted(group, first)
            if data is None or first < inked:
                return None
            parts += (self._white * (first - inked), data)
            inked = first + len(data) // len(self._white)
            low = low if number else first
        return _Strip(parts, x, low, inked)

    def _patches(self, columns: np.ndarray) -> np.ndarray:
        """uint8 [n * P, P(, 3)] as [n, P, P(, 3)]."""
        return columns.reshape(-1, self._painter.rows, *columns.shape[1:])

    def _painted(self, group: list[_Placed], first: int) -> bytes | None:
        """The columns of sprites that reach onto one another, from ``first`` on, composited one after the other. None
        if that is not what drawing their lines one after the other gives: of lines of several runs."""
        key = tuple([part for placed in group for part in (placed.sprite, placed.at - first)])
        if key not in self._groups:
            if len(self._groups) >= _MOST_SPRITES:
                self._groups.clear()
            simple = all(placed.sprite.is_one_run for placed in group)
            self._groups[key] = self._composited(group, first) if simple else None
        return self._groups[key]

    def _composited(self, group: list[_Placed], first: int) -> bytes:
        size = len(self._white)
        end = max(at + sprite.ink.last - sprite.ink.first for sprite, at in group)
        canvas = np.full((end - first, size), 255, np.uint8)
        for sprite, at in group:
            ink = np.frombuffer(sprite.ink.data, np.uint8).reshape(-1, size)
            window = canvas[at - first : at - first + len(ink)]
            # Black ink of coverage 255 - ink over white paper, or over coverage, with pixman's rounding.
            if self._painter.rgb:
                product = window * ink.astype(np.uint32) + 128
                window[...] = (product + (product >> 8)) >> 8
            else:
                product = (255 - window) * ink.astype(np.uint32) + 128
                window[...] = ink - ((product + (product >> 8)) >> 8)
        return canvas.tobytes()

    def _sprite(self, line: Line) -> _Sprite:
        """A line of a cell as it is drawn alone. Lines are kept by their strategy, so most come again."""
        found = self._sprites.get(id(line))
        if found is None:
            if len(self._sprites) >= _MOST_SPRITES:
                self._sprites.clear()
                self._groups.clear()
            ink = ink_of(line, self._painter, self._baseline(line))
            found = self._sprites[id(line)] = _Sprite(line, ink, is_one_run(line))
        return found

    def _cells_of(self, name: _Name, flow: str) -> list[Cell] | None:
        """A word's cells from left to right, None if they are not to be had without its line, or a font is missing."""
        word, given = (name, b"") if isinstance(name, str) else name
        if not 0 < len(word) <= _LONGEST_WORD:
            return None
        levels: np.ndarray | int
        if given:
            levels = given[0] if len(set(given)) == 1 else np.frombuffer(given, np.uint8)
        elif self._mirrors or flow == "L" or not has_numbers(word):
            levels = int(flow != "L")
        else:
            levels = levels_inside(word, flow)
        if not given and not self._mirrors and not runs_one_way(word, flow):
            return None
        cells = self._strategy.cells_of_word(word, levels, self._layout, self._painter.rows)
        return None if any(cell.missing for cell in cells) else cells

    def _keep(self, word: _Name, flow: str, book: _Book) -> None:
        drawn = self._drawn([word], flow)
        assert drawn is not None
        columns, cells, ink = drawn
        book[word] = self._table.add(self._patches(columns[slice(*cells)])).tobytes()
        self._keep_spill(word, flow, columns, cells, ink)

    def _keep_spill(self, word: _Name, flow: str, columns: np.ndarray, cells: Span, ink: Span) -> None:
        if ink[0] < cells[0] or ink[1] > cells[1]:
            left, right = columns[min(ink[0], cells[0]) : cells[0]], columns[cells[1] : max(ink[1], cells[1])]
            self._spills[word, flow] = _Spill(left.swapaxes(0, 1).copy(), right.swapaxes(0, 1).copy())

    def _drawn(self, words: list[_Name], flow: str) -> tuple[np.ndarray, Span, Span] | None:
        """Words side by side, composited cell by cell: uint8 [columns, P(, 3)], white 255; begin and end of the cells
        and of the ink."""
        patch = self._painter.rows
        placed = []
        end = _MARGIN
        for word in words:
            cells = self._cells_of(word, flow)
            if cells is None:
                return None
            for cell in cells:
                placed.append(PlacedCell(cell, end, cell.patches, 0, 0, 0))
                end += cell.patches
        canvas = self._painter.blank((end + _MARGIN) * patch)
        self._cells.draw(canvas, placed, patch)
        if not self._painter.rgb:
            canvas = 255 - canvas
        first, last = _MARGIN * patch, end * patch
        inked = np.flatnonzero((canvas != 255).reshape(len(canvas), -1).any(axis=1))
        ink = (int(inked[0]), int(inked[-1]) + 1) if len(inked) else (first, last)
        return canvas, (first, last), ink


def _draw(table: PatchTable, numbers: bytes, spilt: list[tuple[np.ndarray, int]], image: np.ndarray) -> None:
    table.put(image, numbers)
    for ink, x in spilt:
        image[:, x : x + ink.shape[1]] = ink
