"""The box that is drawn for a character that no font has: its code point in hexadecimal digits inside a frame.

It is Pango's box. Pango takes the digits from the system's monospaced font; here they come from the main font, so that
the picture depends on nothing but the fonts that the renderer was given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixlm.rendering.font import UNITS, Bitmap, Font

_DIGITS = "0123456789ABCDEF"


@dataclass(frozen=True)
class Box:
    """Size of the box of one character: ``advance`` in pixels, ``ascent`` and ``descent`` of its line in units."""

    code: str
    advance: int
    ascent: int
    descent: int
    columns: int


@dataclass(frozen=True)
class _Geometry:
    """Pixels. ``digit``: width and height of a digit's cell; ``bottom``: lower edge of the frame below the baseline."""

    digits: Font
    rows: int
    digit: tuple[int, int]
    pad: int
    height: int
    bottom: int


class MissingBox:
    """Makes the boxes; the digits are drawn with the font at ``path`` at a size that follows the missing font's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._geometries: dict[Font, _Geometry] = {}
        self._bitmaps: dict[tuple[str, Font, float], Bitmap] = {}

    def of(self, char: str, font: Font) -> Box:
        geometry = self._geometry(font)
        code = f"{ord(char):06X}" if ord(char) > 0xFFFF else f"{ord(char):04X}"
        columns = len(code) // geometry.rows
        advance = 5 * geometry.pad + columns * (geometry.digit[0] + geometry.pad)
        ascent = geometry.height + geometry.pad - geometry.bottom
        return Box(code, advance, ascent * UNITS, (geometry.bottom + geometry.pad) * UNITS, columns)

    def bitmap(self, box: Box, font: Font, fraction: float) -> Bitmap:
        """The box drawn with the baseline ``fraction`` of a pixel below the upper edge of a pixel row."""
        key = box.code, font, fraction
        if key not in self._bitmaps:
            self._bitmaps[key] = _draw(box, self._geometry(font), fraction)
        return self._bitmaps[key]

    def _geometry(self, font: Font) -> _Geometry:
        found = self._geometries.get(font)
        if found is None:
            pixels = font.size / UNITS
            rows, size = 2, float(math.ceil(pixels / 2.2 - 1e-5))
            if size < 6:
                rows, size = 1, min(max(pixels - 1, 0), 6.0)
            same = font if font.path == self._path else None
            digits = Font(self._path, max(int(size * UNITS), 1), same)
            shapes = [_digit(digits, char).alpha.shape for char in _DIGITS]
            cell = max(1, *(columns for _, columns in shapes)), max(1, *(rows_ for rows_, _ in shapes))
            ascent, descent = font.ascent // UNITS, font.descent // UNITS
            pad = max(1, math.ceil(min((ascent + descent) / 43, size) - 1e-5))
            height = 3 * pad + rows * (pad + cell[1])
            if rows == 1 or height <= ascent:
                bottom = 2 * pad
            elif height <= ascent + descent - 2 * pad:
                bottom = 2 * pad + height - ascent
            else:
                bottom = math.ceil(descent * height / (ascent + descent or 1) - 1e-5)
            found = self._geometries[font] = _Geometry(digits, rows, cell, pad, height, bottom)
        return found


def _digit(font: Font, char: str) -> Bitmap:
    glyph = font.font.get_nominal_glyph(ord(char))
    return font.bitmap(0 if glyph is None else glyph)


def _draw(box: Box, geometry: _Geometry, fraction: float) -> Bitmap:
    pad, (digit_width, digit_height) = geometry.pad, geometry.digit
    width = 3 * pad + box.columns * (digit_width + pad)
    left = (box.advance - width) // 2 // pad * pad
    top = fraction + geometry.bottom - geometry.height  # of the frame, below the row that holds the baseline
    first = math.floor(top)
    last = math.ceil(top + geometry.height)
    rows = np.arange(first, last)

    def covered(upper: float, lower: float) -> np.ndarray:
        return np.clip(np.minimum(rows + 1, lower) - np.maximum(rows, upper), 0, 1)

    frame = np.repeat(covered(top, top + geometry.height)[:, None], width, axis=1)
    frame[:, pad:-pad] -= covered(top + pad, top + geometry.height - pad)[:, None]
    canvas = np.floor(frame * 255 + 0.5).astype(np.int64)
    baseline = fraction + geometry.bottom - 2 * pad
    for index, char in enumerate(box.code):
        row, column = divmod(index, box.columns)
        y = math.floor(baseline - (geometry.rows - 1 - row) * (digit_height + pad) + 0.5)
        bitmap = _digit(geometry.digits, char)
        y0, x0 = y - bitmap.top - first, 2 * pad + column * (digit_width + pad) + bitmap.left
        for dy, values in enumerate(bitmap.alpha):
            for dx, value in enumerate(values):
                if 0 <= y0 + dy < len(canvas) and 0 <= x0 + dx < width:
                    canvas[y0 + dy, x0 + dx] = min(255, canvas[y0 + dy, x0 + dx] + int(value))
    return Bitmap(left, -first, canvas.astype(np.uint8))
