"""Cells as numbers of patches: each is drawn once, alone, and together with the neighbours that its ink reaches.

Words are many, the cells that they consist of are few. A cell whose ink keeps to its patches looks the same in every
word. Where ink reaches onto a neighbour the two are drawn together, and kept together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from pixlm.rendering import compiled
from pixlm.rendering.assembly.patches import PatchTable
from pixlm.rendering.assembly.pieces import Columns
from pixlm.rendering.assembly.sprites import Sprites
from pixlm.rendering.backends import Painter
from pixlm.rendering.cell_drawing import CellPainter
from pixlm.rendering.line import Line
from pixlm.rendering.strategies.plan import Cell, PlacedCell

_MARGIN = 2  # patches around cells that are drawn


class Spill(NamedTuple):
    """Ink beyond the patches of cells, uint8 [P, columns(, 3)], left and right of them."""

    left: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, inks: Sequence[bytes], painter: Painter) -> Spill:
        """From two strings of bytes, as the compiled loops give them."""
        rows, channels = painter.rows, 3 if painter.rgb else 1
        shapes = [(rows, len(ink) // (rows * channels), *(3,) * painter.rgb) for ink in inks]
        return cls(*[np.frombuffer(ink, np.uint8).reshape(shape) for ink, shape in zip(inks, shapes, strict=True)])


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


class Tiles:
    """Cells in a table of patches. ``baseline``: where a line of a cell stands, in units from the top."""

    def __init__(self, painter: Painter, baseline: Callable[[Line], int], table: PatchTable) -> None:
        self._painter = painter
        self._baseline = baseline
        self._table = table
        self._cells = CellPainter(painter, baseline)
        self._sprites = Sprites(painter, baseline)
        self._contained: dict[Cell, bytes] = {}  # numbers of the cells that keep to their patches
        self._others: dict[tuple[Cell, ...], Tile | None] = {}  # other cells, and neighbours; None: not to be pieced

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
        given: list[tuple[int, list[tuple[Columns, int, bool]]]] = []
        for cells in groups:
            parts = []
            patches = 0
            for cell in cells:
                for line, left in cell.lines:
                    sprite = self._sprites.of(line)
                    if sprite.ink.data:
                        parts.append((sprite.ink.data, patches * rows + left + sprite.ink.first, sprite.is_one_run))
                patches += cell.patches
            given.append((patches, parts))
        drawn = compiled.inner.cells(given, rows, 3 if self._painter.rgb else 1)
        numbers = self._table.add_rows(b"".join([one[0] for one in drawn if one])).tobytes()
        size = self._table.number_size
        at = 0
        for cells, (patches, _), one in zip(groups, given, drawn, strict=True):
            if one is None:  # a line of several runs reaches onto what is there
                self._remember(cells, None)
                continue
            _, left_ink, right_ink = one
            spill = Spill.of((left_ink, right_ink), self._painter) if left_ink or right_ink else None
            self._remember(cells, Tile(numbers[at : at + patches * size], spill))
            at += patches * size

    def _remember(self, cells: tuple[Cell, ...], tile: Tile | None) -> None:
        """Keep what was drawn of cells side by side."""
        if tile is not None and tile.spill is None and len(cells) == 1:
            self._contained[cells[0]] = tile.numbers
        else:
            self._others[cells] = tile

    def _draw_on_strip(self, groups: Sequence[tuple[Cell, ...]]) -> None:
        """What `_inner.cells` does: all groups on one strip, with margins between them."""
        patch = self._painter.rows
        parts: list[Columns] = []
        begin = _MARGIN * patch
        end = 0  # of the parts, in pixels
        drawn: list[tuple[tuple[Cell, ...], int, int, int, int]] = []  # begin and end of the cells and of their ink
        for cells in groups:
            strip = self._sprites.side_by_side(cells, begin, end)
            if strip is None:
                self._others[cells] = None
                continue
            parts += strip.parts
            drawn.append((cells, begin, strip.end, strip.low, max(strip.inked, strip.end)))
            end, begin = strip.inked, strip.end + _MARGIN * patch
        if not drawn:
            return
        white = b"\xff" * patch * (3 if self._painter.rgb else 1)  # a column
        parts.append(white * (begin - end))
        columns = np.frombuffer(b"".join(parts), np.uint8).reshape(-1, patch, *(3,) * self._painter.rgb)
        places = [range(start // patch, stop // patch) for _, start, stop, _, _ in drawn]
        numbers = self._table.add(self._patches(columns)[list(chain.from_iterable(places))]).tobytes()
        size = self._table.number_size
        at = 0
        for (cells, start, stop, low, high), own in zip(drawn, places, strict=True):
            spill = self._spill(columns, start, stop, low, high)
            self._remember(cells, Tile(numbers[at : at + len(own) * size], spill))
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
