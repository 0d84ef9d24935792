"""Drawing cells onto a strip: each is drawn once, kept as a small picture, and copied from then on.

A copy replaces what is on the strip. Cells whose ink reaches onto one another's patches are therefore composited line
by line, as one picture, which is kept, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from pixlm.rendering.backends import Painter
from pixlm.rendering.line import Line
from pixlm.rendering.strategies.plan import Cell, PlacedCell

_CACHE_SIZE = 100_000  # a patch in grey takes 256 bytes
_Key = TypeVar("_Key")
_LONGEST_GROUP = 12  # cells; longer groups hardly come again


class _Picture(NamedTuple):
    """``pixels``: uint8 [columns, rows(, 3)] of everything that a cell or a group of cells draws; its first column is
    ``left`` columns left of the cell. ``end``: one past the last inked column, counted from the cell."""

    pixels: np.ndarray
    left: int
    end: int


class CellPainter:
    """Draws cells with a painter. ``baseline``: where a line of a cell stands, in units from the top."""

    def __init__(self, painter: Painter, baseline: Callable[[Line], int]) -> None:
        self._painter = painter
        self._baseline = baseline
        self._pictures: dict[Cell, _Picture] = {}
        self._groups: dict[tuple[Cell | int, ...], _Picture] = {}

    def draw(self, canvas: np.ndarray, cells: Sequence[PlacedCell], patch: int) -> None:
        """Draw cells, which are given from left to right, onto a blank canvas of the painter."""
        pictures = self._pictures
        group: list[tuple[Cell, int]] = []  # cells that touch, with their pixels
        inked = 0  # the strip is blank from this column on, the group drawn
        for cell, index, patches, _, _, level in cells:
            x = index * patch
            if x >= len(canvas):
                break
            if patches < cell.patches:
                self._draw_group(canvas, group, patch)
                group = []
                if level & 1:  # the end, which is cut off, is on the left
                    self._draw_lines(canvas[x:], cell, (patches - cell.patches) * patch)
                else:
                    self._draw_lines(canvas[: x + patches * patch], cell, x)
                continue
            picture = pictures.get(cell)
            if picture is None:
                picture = self._remember(pictures, cell, [(cell, 0)], patch)
            if group and x - picture.left >= inked:
                self._draw_group(canvas, group, patch)
                group = []
            group.append((cell, x))
            inked = max(inked, x + picture.end)
        self._draw_group(canvas, group, patch)

    def _draw_group(self, canvas: np.ndarray, group: list[tuple[Cell, int]], patch: int) -> None:
        if not group:
            return
        first, x = group[0]
        if len(group) == 1:
            picture = self._pictures[first]
        elif len(group) <= _LONGEST_GROUP:
            key = tuple(part for cell, at in group for part in (cell, at - x))
            found = self._groups.get(key)
            picture = found or self._remember(self._groups, key, [(cell, at - x) for cell, at in group], patch)
        else:
            for cell, at in group:
                self._draw_lines(canvas, cell, at)
            return
        pixels, left, _ = picture
        begin, end = x - left, x - left + len(pixels)
        if begin >= 0 and end <= len(canvas):
            canvas[begin:end] = pixels
        else:
            hidden = max(-begin, 0)
            canvas[begin + hidden : end] = pixels[hidden : len(canvas) - begin]

    def _draw_lines(self, canvas: np.ndarray, cell: Cell, x: int) -> None:
        for line, left in cell.lines:
            self._painter.draw(canvas, line, x + left, self._baseline(line))

    def _remember(
        self, pictures: dict[_Key, _Picture], key: _Key, cells: list[tuple[Cell, int]], patch: int
    ) -> _Picture:
        if len(pictures) >= _CACHE_SIZE:
            pictures.clear()
        pictures[key] = picture = self._picture(cells, patch)
        return picture

    def _picture(self, cells: list[tuple[Cell, int]], patch: int) -> _Picture:
        last, x = cells[-1]
        width = x + last.patches * patch
        margin = 2 * patch
        while True:
            canvas = self._painter.blank(width + 2 * margin)
            blank = canvas[:1].copy()
            for cell, x in cells:
                self._draw_lines(canvas, cell, margin + x)
            inked = np.flatnonzero((canvas != blank).reshape(len(canvas), -1).any(axis=1))
            first, end = (int(inked[0]), int(inked[-1]) + 1) if len(inked) else (margin, margin)
            if (first > 0 and end < len(canvas)) or margin > 64 * patch:
                break
            margin *= 4  # ink so far out may go on
        first = min(first, margin)
        return _Picture(canvas[first : max(end, margin + width)].copy(), margin - first, end - margin)
