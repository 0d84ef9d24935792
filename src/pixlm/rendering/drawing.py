"""Compositing lines onto a strip of pixels: black on white, with the pixel arithmetic of Cairo 1.16 and pixman.

A canvas is stored column by column (``[columns, rows]``), so that a glyph's pixels have the same distances on a strip
of any width and a strip is as long as it needs to be.

Within one run coverage adds up, limited to 255; runs are then laid over one another. In grey the coverage is collected
and inverted at the end (Cairo's A8 surface); in colour each run darkens white paper (RGB24). The two round differently
where runs overlap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pixlm.rendering import compiled
from pixlm.rendering.font import UNITS, Bitmap, Font
from pixlm.rendering.layout import ShapedLine, ShapedRun
from pixlm.rendering.line import run_positions
from pixlm.rendering.missing import MissingBox
from pixlm.rendering.shaping import EMPTY_GLYPH, UNKNOWN_GLYPH

if TYPE_CHECKING:
    from pixlm.rendering._inner import Glyphs


class Points(NamedTuple):
    """Ink: places on a canvas of the painter's height, and coverage there; columns from ``first`` to ``end - 1``."""

    places: np.ndarray
    values: np.ndarray
    first: int
    end: int


_NOTHING = Points(np.zeros(0, np.int64), np.zeros(0, np.uint8), 0, 0)
_Ink = tuple[np.ndarray, np.ndarray]  # places and coverage


class Painter:
    """Draws lines onto canvases ``rows`` pixels high."""

    def __init__(self, rows: int, rgb: bool, missing_box: MissingBox) -> None:
        self.rows = rows
        self.rgb = rgb
        self._missing_box = missing_box
        self._points: dict[tuple[Font, int, int], Points] = {}
        self._bitmaps: dict[Font, Glyphs] = {}

    def blank(self, columns: int) -> np.ndarray:
        """An empty canvas: uint8 [columns, rows] of coverage (grey), [columns, rows, 3] white (colour)."""
        if self.rgb:
            return np.full((columns, self.rows, 3), 255, np.uint8)
        return np.zeros((columns, self.rows), np.uint8)

    def finish(self, canvas: np.ndarray) -> np.ndarray:
        """The picture on a canvas: uint8 [rows, columns(, 3)], white 255, a new contiguous array."""
        if self.rgb:
            return np.ascontiguousarray(canvas.transpose(1, 0, 2))
        return np.ascontiguousarray(255 - canvas.T)

    def draw(self, canvas: np.ndarray, line: ShapedLine, left: int, baseline: int) -> None:
        """Draw a line with its left end at pixel ``left`` and its baseline at ``baseline`` units below the top."""
        end = len(canvas)
        pending: list[_Ink] = []
        for run, x in run_positions(line.runs):
            x += left
            if x > end + run.width or x + run.width < -run.width:
                continue  # far outside
            if run.item.font.has_colour and self._has_colour_glyphs(run):
                self._flush(canvas, pending)
                self._draw_colour(canvas, run, x, baseline)
            else:
                points = self._run_points(run, x, baseline, end)
                if points is not None:
                    pending.append(points)
        self._flush(canvas, pending)

    def _has_colour_glyphs(self, run: ShapedRun) -> bool:
        return any(
            run.item.font.bitmap(glyph).colour is not None
            for glyph in run.glyphs
            if glyph not in (EMPTY_GLYPH, UNKNOWN_GLYPH)
        )

    def _run_points(self, run: ShapedRun, left: int, baseline: int, end: int) -> _Ink | None:
        """Where a run puts ink: flat canvas places (with repetitions) and coverage."""
        origin_x, origin_y = left * UNITS + UNITS // 2, baseline - run.rise + UNITS // 2
        places, values, shifts, lengths = [], [], [], []
        rows, font = self.rows, run.item.font
        for index, glyph in enumerate(run.glyphs):
            if glyph == EMPTY_GLYPH:
                continue
            column = (origin_x + run.x[index]) >> 10
            if glyph == UNKNOWN_GLYPH:
                points = self._box_points(run, index, baseline - run.rise)
            else:
                points = self.glyph(font, glyph, (origin_y + run.y[index]) >> 10)
            if len(points[0]) and column < end + rows:
                places.append(points[0])
                values.append(points[1])
                shifts.append(column * rows)
                lengths.append(len(points[0]))
        if not places:
            return None
        flat = np.concatenate(places) + np.repeat(np.array(shifts, np.int64), lengths)
        value = np.concatenate(values)
        inside = (flat >= 0) & (flat < end * rows)
        return (flat, value) if inside.all() else (flat[inside], value[inside])

    def glyph(self, font: Font, glyph: int, row: int) -> Points:
        """The ink of a glyph whose origin is in column 0 of ``row``."""
        key = font, glyph, row
        points = self._points.get(key)
        if points is None:
            points = self._points[key] = self._clip(font.bitmap(glyph), row)
        return points

    def bitmaps(self, font: Font) -> Glyphs:
        """A font's bitmaps for the compiled loops, which must be there."""
        glyphs = self._bitmaps.get(font)
        if glyphs is None:

            def load(glyph: int) -> tuple[int, int, int, int, bytes]:
                bitmap = font.bitmap(glyph)
                return bitmap.left, bitmap.top, *bitmap.alpha.shape, bitmap.alpha.tobytes()

            assert compiled.inner is not None
            glyphs = self._bitmaps[font] = compiled.inner.Glyphs(load)
        return glyphs

    def coverage(self, glyphs: list[Points], columns: list[int], width: int) -> np.ndarray:
        """Glyphs of one run, each with its origin in a column: uint8 [width, rows]. No ink may be beyond ``width``."""
        mask = np.zeros(width * self.rows, np.uint8)
        if len(glyphs) == 1:
            mask[glyphs[0].places + columns[0] * self.rows] = glyphs[0].values
        elif glyphs:
            lengths = [len(points.places) for points in glyphs]
            flat = np.concatenate([points.places for points in glyphs])
            flat += np.repeat(np.array(columns, np.int64) * self.rows, lengths)
            value = np.concatenate([points.values for points in glyphs])
            mask = _added_up(mask, flat, value)
        return mask.reshape(width, self.rows)

    def _box_points(self, run: ShapedRun, index: int, baseline: int) -> Points:
        box = run.boxes[index]
        fraction = (baseline % UNITS) / UNITS
        return self._clip(self._missing_box.bitmap(box, run.item.font, fraction), baseline // UNITS)

    def _clip(self, bitmap: Bitmap, row: int) -> Points:
        """The inked pixels of a bitmap whose origin is in column 0 of ``row``, without those above or below."""
        top = row - bitmap.top
        alpha = bitmap.alpha[max(-top, 0) : max(self.rows - top, 0)].T
        xs, ys = alpha.nonzero()  # column by column
        if not len(xs):
            return _NOTHING
        first, end = int(xs[0]) + bitmap.left, int(xs[-1]) + bitmap.left + 1
        places = xs * self.rows
        places += ys
        places += bitmap.left * self.rows + max(top, 0)
        return Points(places, alpha[xs, ys], first, end)

    def _flush(self, canvas: np.ndarray, pending: list[_Ink]) -> None:
        """Lay the runs in ``pending`` over the canvas, in order, and empty it."""
        for flat, value in pending:
            if not len(flat):
                continue
            low, high = int(flat.min()) // self.rows, int(flat.max()) // self.rows + 1
            flat = flat - low * self.rows
            mask = _added_up(np.zeros((high - low) * self.rows, np.uint8), flat, value)
            self._over(canvas[low:high], mask.reshape(-1, self.rows), None)
        pending.clear()

    def _draw_colour(self, canvas: np.ndarray, run: ShapedRun, left: int, baseline: int) -> None:
        for index, glyph in enumerate(run.glyphs):
            if glyph in (EMPTY_GLYPH, UNKNOWN_GLYPH):
                continue
            bitmap = run.item.font.bitmap(glyph)
            column = ((left * UNITS + run.x[index] + UNITS // 2) >> 10) + bitmap.left
            row = ((baseline - run.rise + run.y[index] + UNITS // 2) >> 10) - bitmap.top
            height, width = bitmap.alpha.shape
            top, bottom = max(row, 0), min(row + height, self.rows)
            first, last = max(column, 0), min(column + width, len(canvas))
            if top >= bottom or first >= last:
                continue
            window = np.s_[top - row : bottom - row, first - column : last - column]
            colour = None if bitmap.colour is None or not self.rgb else bitmap.colour[window].transpose(1, 0, 2)
            self._over(canvas[first:last, top:bottom], bitmap.alpha[window].T, colour)

    def _over(self, canvas: np.ndarray, alpha: np.ndarray, colour: np.ndarray | None) -> None:
        """canvas = colour + canvas * (1 - alpha); ``colour`` (premultiplied) None is black ink."""
        product = canvas * (255 - alpha.astype(np.uint32))[(...,) + (None,) * self.rgb] + 128
        canvas[...] = (product + (product >> 8)) >> 8
        if colour is not None:
            canvas += colour
        elif not self.rgb:  # black ink is coverage in grey, and nothing to add in colour
            canvas += alpha


def _added_up(mask: np.ndarray, flat: np.ndarray, value: np.ndarray) -> np.ndarray:
    """A blank mask with coverage put to places, some of which may occur more than once; limited to 255."""
    mask[flat] = value
    if int(mask.sum()) != int(value.sum()):  # glyphs overlap
        mask = np.minimum(np.bincount(flat, value, len(mask)), 255).astype(np.uint8)
    return mask
