"""Glyphs in colour: bitmaps (CBDT, sbix), scaled down as Cairo does, and layers (COLR), painted by HarfBuzz.

CBDT glyphs equal PangoCairo's. Cairo 1.16 draws no COLR and FreeType's reading of sbix is not imitated to the pixel, so
there is nothing to equal for these two. SVG glyphs are not drawn.
"""

from __future__ import annotations

import io
import struct

import numpy as np
import uharfbuzz as hb

from pixlm.rendering.resampling import scale_down

_LARGEST = 4096  # pixels a side; larger pictures are refused before they are decoded

Picture = tuple[int, int, np.ndarray, np.ndarray]
"""Left and top of a bitmap, its alpha uint8 [rows, columns], its premultiplied colour uint8 [rows, columns, 3]."""


class DamagedGlyph(Exception):
    """A glyph's picture cannot be decoded."""


def sbix_strike(face: hb.Face) -> float:
    """Pixels per em of the largest strike, which is the one that HarfBuzz takes; 0 if there is none."""
    data = face.reference_table("sbix").data
    try:
        (count,) = struct.unpack_from(">L", data, 4)
        offsets = struct.unpack_from(f">{min(count, 256)}L", data, 8)
        return float(max((struct.unpack_from(">H", data, offset)[0] for offset in offsets), default=0))
    except struct.error:
        return 0.0


def from_strike(font: hb.Font, glyph: int, strike: float, size: int, unit: int) -> Picture | None:
    """A bitmap glyph; None if the glyph has none.

    Args:
        strike: pixels per em of the bitmap.
        size: of the font in units, of which a pixel has ``unit``.
    """
    png = font.get_glyph_color_png(glyph).data
    extents = font.get_glyph_extents(glyph)
    if not png or extents is None:
        return None
    from PIL import Image

    try:
        with Image.open(io.BytesIO(png)) as image:
            if max(image.size) > _LARGEST:
                raise DamagedGlyph
            pixels = np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, SyntaxError):  # what Pillow raises for pictures that are none
        raise DamagedGlyph from None
    # HarfBuzz scales the strike's bearings to the font's size; undoing that gives back whole strike pixels.
    strike_units = size / strike
    left, top = round(extents.x_bearing / strike_units), round(extents.y_bearing / strike_units)
    return scale_down(pixels, left, top, size / unit / strike)


def can_paint() -> bool:
    """Whether this HarfBuzz paints layers of colour."""
    return hasattr(hb, "RasterPaint")


def from_layers(font: hb.Font, glyph: int, unit: int) -> Picture | None:
    """A COLR glyph (version 0 or 1, palette 0); None if the glyph has no layers."""
    face = font.face
    if not (face.glyph_has_color_paint(glyph) or face.get_glyph_color_layers(glyph)):
        return None
    extents = font.get_glyph_extents(glyph)
    if extents is None or max(abs(extents.width), abs(extents.height)) > _LARGEST * unit:
        raise DamagedGlyph
    painter = hb.RasterPaint()
    painter.scale_factor = (unit, unit)
    if not painter.set_glyph_extents(extents) or not painter.paint_glyph_or_fail(font, glyph):
        return None
    image = painter.render()
    if image is None:
        return None
    box = image.extents
    rows = np.frombuffer(image.buffer, np.uint8).reshape(box.height, box.stride)
    pixels = rows[::-1, : 4 * box.width].reshape(box.height, box.width, 4)  # premultiplied blue, green, red, alpha
    return box.x_origin, box.y_origin + box.height, pixels[:, :, 3].copy(), pixels[:, :, 2::-1].copy()
