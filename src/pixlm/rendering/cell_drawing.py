"""Drawing cells onto a strip: each is drawn once, kept as a small picture, and copied from then on.

A copy replaces what is on the strip. That is right only where the strip is still blank, so a cell whose ink crosses the
border to the cell before it, or onto whose patches that one's ink reaches, is composited line by line instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pixlm.rendering.backends import Painter
from pixlm.rendering.line import Line
from pixlm.rendering.strategies.plan import Cell, PlacedCell

_CACHE_SIZE = 100_000  # a patch in grey takes 256 bytes


class _Picture(NamedTuple):
    """``pixels``: uint8 [columns, rows(, 3)] from the cell's left border to its last inked column, or to its right
    border if that is further. ``end``: one past the last inked column."""

    pixels: np.ndarray
    end: int
    crosses: bool  # there is ink left of the cell, or too far right of it to be looked for


class CellPainter:
    """Draws cells with a painter. ``baseline``: where a line of a cell stands, in units from the top."""

    def __init__(self, painter: Painter, baseline: Callable[[Line], int]) -> None:
        self._painter = painter
        self._baseline = baseline
        self._pictures: dict[Cell, _Picture] = {}

    def draw(self, canvas: np.ndarray, cells: Sequence[PlacedCell], patch: int) -> None:
        """Draw cells, which are given from left to right, onto a canvas of the painter."""
        pictures = self._pictures
        inked = 0  # right of this column the strip is blank
        for cell, index, patches, _, _, level in cells:
            x = index * patch
            if patches < cell.patches:
                if level & 1:  # the end, which is cut off, is on the left
                    self._draw_lines(canvas[x:], cell, (patches - cell.patches) * patch)
                else:
                    self._draw_lines(canvas[: x + patches * patch], cell, x)
                inked = x + patches * patch
                continue
            picture = pictures.get(cell)
            if picture is None:
                if len(pictures) >= _CACHE_SIZE:
                    pictures.clear()
                picture = pictures[cell] = self._picture(cell, patch)
            if picture.crosses or x < inked:
                self._draw_lines(canvas, cell, x)
            else:
                columns = len(canvas) - x
                if columns <= 0:
                    break
                pixels = picture.pixels
                canvas[x : x + len(pixels)] = pixels if len(pixels) <= columns else pixels[:columns]
            inked = max(inked, x + picture.end)

    def _draw_lines(self, canvas: np.ndarray, cell: Cell, x: int) -> None:
        for line, left in cell.lines:
            self._painter.draw(canvas, line, x + left, self._baseline(line))

    def _picture(self, cell: Cell, patch: int) -> _Picture:
        width, margin = cell.patches * patch, 2 * patch
        canvas = self._painter.blank(width + 2 * margin)
        blank = canvas[:1].copy()
        self._draw_lines(canvas, cell, margin)
        ink = np.flatnonzero((canvas != blank).reshape(len(canvas), -1).any(axis=1))
        first, end = (int(ink[0]), int(ink[-1]) + 1) if len(ink) else (margin, margin)
        crosses = first < margin or end > len(canvas) - patch
        return _Picture(canvas[margin : max(end, margin + width)].copy(), end - margin, crosses)
