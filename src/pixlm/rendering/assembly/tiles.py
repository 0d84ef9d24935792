"""Cells as numbers of patches: each is drawn once, alone, and together with the neighbours that its ink reaches.

Words are many, the cells that they consist of are few. A cell whose ink keeps to its patches looks the same in every
word. Where ink reaches onto a neighbour the two are drawn together, and kept together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from pixlm.rendering import compiled
from pixlm.rendering.assembly.patches import PatchTable
from pixlm.rendering.assembly.pieces import Columns, Picture, ink_of, is_one_run
from pixlm.rendering.backends import Painter
from pixlm.rendering.cell_drawing import CellPainter
from pixlm.rendering.line import Line
from pixlm.rendering.strategies.plan import Cell, PlacedCell

_MOST_SPRITES = 50_000
_MARGIN = 2  # patches around cells that are drawn


# Black ink of coverage 255 - y over what is on paper, x, with pixman's rounding: in colour, and in grey, where coverage
# is collected and inverted at the end. uint8 [x, y].
_PAPER = np.arange(256)[:, None]
_COVERED = (255 - _PAPER) * np.arange(256) + 128
_OVER_GREY = (np.arange(256) - ((_COVERED + (_COVERED >> 8)) >> 8)).astype(np.uint8)
_WHITE = _PAPER * np.arange(256) + 128
_OVER_COLOUR = ((_WHITE + (_WHITE >> 8)) >> 8).astype(np.uint8)


#: How many patches cells take, and what is on them: columns of ink, the pixel of the first, and whether it is one run.
Sprites = tuple[int, list[tuple[Columns, int, bool]]]


class Spill(NamedTuple):
    """Ink beyond the patches of cells, uint8 [P, columns(, 3)], left and right of them."""

    left: np.ndarray
    right: np.ndarray


class Tile(NamedTuple):
    """Cells side by side: the numbers of their patches, as int32, and ink beyond these, if there is any."""

    numbers: bytes
    spill: Spill | None

    @property
    def reaches_left(self) -> bool:
        return self.spill is not None and bool(self.spill.left.shape[1])

    @property
    def reaches_right(self) -> bool:
        return self.spill is not None and bool(self.spill.right.shape[1])


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


class Tiles:
    """Cells in a table of patches. ``baseline``: where a line of a cell stands, in units from the top."""

    def __init__(self, painter: Painter, baseline: Callable[[Line], int], table: PatchTable) -> None:
        self._painter = painter
        self._baseline = baseline
        self._table = table
        self._cells = CellPainter(painter, baseline)
        self._white = b"\xff" * painter.rows * (3 if painter.rgb else 1)  # a column
        self._contained: dict[Cell, bytes] = {}  # numbers of the cells that keep to their patches
        self._others: dict[tuple[Cell, ...], Tile | None] = {}  # other cells, and neighbours; None: not to be pieced
        self._sprites: dict[int, _Sprite] = {}
        self._groups: dict[tuple[_Sprite | int, ...], bytes | None] = {}

    def __len__(self) -> int:
        return len(self._contained) + len(self._others)

    def add(self, cells: Iterable[Cell]) -> None:
        """Draw cells that are met for the first time, all in one go."""
        new = [cell for cell in dict.fromkeys(cells) if cell not in self._contained and (cell,) not in self._others]
        if new:
            self._draw([(cell,) for cell in new])

    def contained(self, cell: Cell) -> bytes | None:
        """The numbers of a cell that was added, if it keeps to its patches."""
        return self._contained.get(cell)

    def of(self, words: Sequence[Sequence[Cell]]) -> list[Tile]:
        """The tiles of the cells of words, which were added before, from left to right."""
        cut = [self._groups_in(cells) for cells in words]
        together = [group for groups in cut for group in groups or () if len(group) > 1]
        new = [group for group in dict.fromkeys(together) if group not in self._others]
        if new:
            self._draw(new)
        return [self._linked(groups) or self._as_drawn(cells) for groups, cells in zip(cut, words, strict=True)]

    def together(self, cells: Sequence[Cell]) -> bytes:
        """The numbers of cells that are drawn as if all reached onto their neighbours."""
        return (self._tile(tuple(cells)) or self._as_drawn(cells)).numbers

    def _groups_in(self, cells: Sequence[Cell]) -> list[tuple[Cell, ...]] | None:
        """Cells, those that reach onto their neighbours together; None if one is not to be pieced together."""
        groups: list[tuple[Cell, ...]] = []
        reached = False
        for cell in cells:
            reaches_left = reaches_right = False
            if cell not in self._contained:
                tile = self._others[cell,]
                if tile is None:
                    return None
                reaches_left, reaches_right = tile.reaches_left, tile.reaches_right
            if groups and (reached or reaches_left):
                groups[-1] += (cell,)
            else:
                groups.append((cell,))
            reached = reaches_right
        return groups

    def _linked(self, groups: list[tuple[Cell, ...]] | None) -> Tile | None:
        """Groups side by side; None if they cannot be pieced together."""
        numbers: list[bytes] = []
        left = right = None  # ink beyond the first and the last group
        for group in groups or ():
            contained = self._contained.get(group[0]) if len(group) == 1 else None
            if contained is not None:
                spill = None
                numbers.append(contained)
            else:
                tile = self._others[group]
                if tile is None:
                    return None
                numbers.append(tile.numbers)
                spill = tile.spill
            if right is not None and right.shape[1]:
                return None  # beyond a neighbour
            if spill is None:
                right = None
                continue
            if len(numbers) == 1:
                left = spill.left
            elif spill.left.shape[1]:
                return None
            right = spill.right
        if not numbers:
            return None
        if left is None and right is None:
            return Tile(b"".join(numbers), None)
        none = np.zeros((self._painter.rows, 0, *(3,) * self._painter.rgb), np.uint8)
        return Tile(b"".join(numbers), Spill(none if left is None else left, none if right is None else right))

    def _tile(self, cells: tuple[Cell, ...]) -> Tile | None:
        if len(cells) == 1 and (numbers := self._contained.get(cells[0])) is not None:
            return Tile(numbers, None)
        if cells not in self._others:
            self._draw([cells])
        return self._others[cells]

    def _draw(self, groups: Sequence[tuple[Cell, ...]]) -> None:
        """Draw cells, those of each group side by side."""
        if compiled.inner is None:
            self._draw_on_strip(groups)
            return
        rows = self._painter.rows
        given: list[Sprites] = []
        for cells in groups:
            sprites = []
            patches = 0
            for cell in cells:
                for line, left in cell.lines:
                    sprite = self._sprites.get(id(line)) or self._sprite(line)
                    if sprite.ink.data:
                        at = patches * rows + left + sprite.ink.first
                        sprites.append((sprite.ink.data, at, sprite.is_one_run))
                patches += cell.patches
            given.append((patches, sprites))
        for cells, tile in zip(groups, self.composited(given), strict=True):
            self.remember(cells, tile)

    def composited(self, given: list[Sprites]) -> list[Tile | None]:
        """Tiles of sprites, by the compiled loops; None where a line of several runs reaches onto what is there."""
        assert compiled.inner is not None
        drawn = compiled.inner.cells(given, self._painter.rows, 3 if self._painter.rgb else 1)
        numbers = self._table.add_rows(b"".join([one[0] for one in drawn if one])).tobytes()
        size = self._table.number_size
        at = 0
        tiles: list[Tile | None] = []
        for (patches, _), one in zip(given, drawn, strict=True):
            if one is None:
                tiles.append(None)
                continue
            _, left_ink, right_ink = one
            spill = None
            if left_ink or right_ink:
                spill = Spill(self._beyond(left_ink), self._beyond(right_ink))
            tiles.append(Tile(numbers[at : at + patches * size], spill))
            at += patches * size
        return tiles

    def remember(self, cells: tuple[Cell, ...], tile: Tile | None) -> None:
        """Keep what was drawn of cells side by side."""
        if tile is not None and tile.spill is None and len(cells) == 1:
            self._contained[cells[0]] = tile.numbers
        else:
            self._others[cells] = tile

    def _beyond(self, ink: bytes) -> np.ndarray:
        """Ink row by row, uint8 [P, columns(, 3)]."""
        rows = self._painter.rows
        width = len(ink) // len(self._white)
        return np.frombuffer(ink, np.uint8).reshape(rows, width, *(3,) * self._painter.rgb)

    def _draw_on_strip(self, groups: Sequence[tuple[Cell, ...]]) -> None:
        """What `_inner.cells` does: all groups on one strip, with margins between them."""
        patch = self._painter.rows
        parts: list[Columns] = []
        begin = _MARGIN * patch
        end = 0  # of the parts, in pixels
        drawn: list[tuple[tuple[Cell, ...], int, int, int, int]] = []  # begin and end of the cells and of their ink
        for cells in groups:
            strip = self._side_by_side(cells, begin, end)
            if strip is None:
                self._others[cells] = None
                continue
            parts += strip.parts
            drawn.append((cells, begin, strip.end, strip.low, max(strip.inked, strip.end)))
            end, begin = strip.inked, strip.end + _MARGIN * patch
        if not drawn:
            return
        parts.append(self._white * (begin - end))
        columns = np.frombuffer(b"".join(parts), np.uint8).reshape(-1, patch, *(3,) * self._painter.rgb)
        places = [range(start // patch, stop // patch) for _, start, stop, _, _ in drawn]
        numbers = self._table.add(self._patches(columns)[list(chain.from_iterable(places))]).tobytes()
        size = self._table.number_size
        at = 0
        for (cells, start, stop, low, high), own in zip(drawn, places, strict=True):
            spill = self._spill(columns, start, stop, low, high)
            self.remember(cells, Tile(numbers[at : at + len(own) * size], spill))
            at += len(own) * size

    @staticmethod
    def _spill(columns: np.ndarray, first: int, last: int, low: int, high: int) -> Spill | None:
        """What is on columns beyond ``[first, last)``, inked from ``low`` to ``high``."""
        if low >= first and high <= last:
            return None
        left, right = columns[min(low, first) : first], columns[last : max(high, last)]
        return Spill(left.swapaxes(0, 1).copy(), right.swapaxes(0, 1).copy())

    def _patches(self, columns: np.ndarray) -> np.ndarray:
        """uint8 [n * P, P(, 3)] as [n, P, P(, 3)]."""
        return columns.reshape(-1, self._painter.rows, *columns.shape[1:])

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
        canvas = bytearray(b"\xff" * (end - first) * size)
        inked = 0  # bytes; blank from there on
        over = _OVER_COLOUR if self._painter.rgb else _OVER_GREY
        for sprite, at in group:
            ink = sprite.ink.data
            start = (at - first) * size
            canvas[max(start, inked) : start + len(ink)] = ink[max(inked - start, 0) :]
            if start < inked:
                both = min(inked - start, len(ink))
                below = np.frombuffer(canvas, np.uint8, both, start)
                canvas[start : start + both] = over[below, np.frombuffer(ink, np.uint8, both)].tobytes()
            inked = max(inked, start + len(ink))
        return bytes(canvas)

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

    def _as_drawn(self, cells: Sequence[Cell]) -> Tile:
        """Cells composited line by line, as the plain way does it."""
        columns, *places = self._composed(cells)
        first, last = places[:2]
        return Tile(self._table.add(self._patches(columns[first:last])).tobytes(), self._spill(columns, *places))

    def _composed(self, cells: Sequence[Cell]) -> tuple[np.ndarray, int, int, int, int]:
        """Cells side by side: uint8 [columns, P(, 3)], white 255; begin and end of the cells and of the ink."""
        patch = self._painter.rows
        placed = []
        end = _MARGIN
        for cell in cells:
            placed.append(PlacedCell(cell, end, cell.patches, 0, 0, 0))
            end += cell.patches
        canvas = self._painter.blank((end + _MARGIN) * patch)
        self._cells.draw(canvas, placed, patch)
        if not self._painter.rgb:
            canvas = 255 - canvas
        first, last = _MARGIN * patch, end * patch
        inked = np.flatnonzero((canvas != 255).reshape(len(canvas), -1).any(axis=1))
        low, high = (int(inked[0]), int(inked[-1]) + 1) if len(inked) else (first, last)
        return canvas, first, last, low, high
