"""One font file at one size: shaping with HarfBuzz, line metrics, glyph bitmaps with FreeType.

Units: HarfBuzz works in 1/1024 pixel (``UNITS``), as Pango does; FreeType in 1/64 pixel.

The bitmaps equal those of a FreeType built without HarfBuzz (the one that Linux distributions ship and that PIXEL's
fine-tuning images came from): light hinting, from a copy of the font that `autohint` prepares.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import struct
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import uharfbuzz as hb

from pixlm.errors import UsageError
from pixlm.rendering import colour_glyphs
from pixlm.rendering.autohint import without_harfbuzz
from pixlm.rendering.freetype_library import freetype
from pixlm.rendering.shaping import Shaping

UNITS = 1024  # HarfBuzz and Pango units in a pixel

_LOAD_FLAGS = freetype.FT_LOAD_TARGET_LIGHT | freetype.FT_LOAD_IGNORE_GLOBAL_ADVANCE_WIDTH | freetype.FT_LOAD_NO_BITMAP
_SFNT_VERSIONS = (b"\x00\x01\x00\x00", b"OTTO", b"true", b"ttcf")
_COLOUR_TABLES = {"CBDT", "sbix", "COLR"}


@dataclass(frozen=True)
class Bitmap:
    """What a glyph looks like. ``alpha``: uint8 [rows, columns]; its first row is ``top`` pixels above the baseline and
    its first column ``left`` pixels right of the pen. ``colour``: uint8 [rows, columns, 3], premultiplied, or None."""

    left: int
    top: int
    alpha: np.ndarray
    colour: np.ndarray | None = None


_NO_BITMAP = Bitmap(0, 0, np.zeros((0, 0), np.uint8))


class Font:
    """A font file at a size.

    Args:
        path: TrueType or OpenType file. Of a collection (``.ttc``) the first face, or the one whose number stands after
            a number sign: ``fonts.ttc#2``. Of a variable font the default instance.
        size: pixels per em in 1/1024 px.
        same: the font at another size, if it is open: the file is not read again.

    Raises:
        UsageError: the file is missing, no font, or broken.
    """

    def __init__(self, path: Path, size: int, same: Font | None = None) -> None:
        self.path = path
        self.file, self.index = split_face(path)
        try:
            data: bytes = self.file.read_bytes() if same is None else same.data
        except OSError as error:
            raise UsageError(f"cannot read the font file {path}: {error.strerror or error}") from None
        self.data: bytes = data
        tables = check_tables(path, data, self.index)
        self.size = size
        self.face = hb.Face(hb.Blob(data), self.index)
        self.font = hb.Font(self.face)
        self.font.scale = (size, size)
        extents = self.font.get_font_extents("ltr")
        self.ascender: int = extents.ascender
        self.descender: int = extents.descender
        # Pango rounds both up to whole pixels, after taking off a hundredth of a unit of noise.
        self.ascent = -(-self.ascender // UNITS) * UNITS
        self.descent = -(self.descender // UNITS) * UNITS
        self.has_colour = bool(_COLOUR_TABLES & tables.keys())
        try:
            directory = _directory_offset(data, self.index)
            if same is None:
                self._prepared: bytes = without_harfbuzz(data, directory, self.font.get_nominal_glyph)
            else:
                self._prepared = same._prepared
            self._rasteriser = freetype.Face(io.BytesIO(self._prepared), self.index)
            if self._rasteriser.is_scalable:
                self._rasteriser.set_char_size((size * 64 * 2 // UNITS + 1) // 2)
                self._strike = colour_glyphs.sbix_strike(self.face) if "sbix" in tables else 0.0
            else:
                sizes = self._rasteriser.available_sizes
                self._strike = max(s.y_ppem for s in sizes) / 64 if sizes else 0.0
                if not self._strike:
                    raise UsageError(f"{path} has neither outlines nor bitmaps that can be drawn")
        except freetype.FT_Exception as error:
            raise UsageError(f"FreeType cannot open the font {path}: {error}") from None
        if not self.face.glyph_count or not len(self.face.unicodes):
            raise UsageError(f"{path} is no usable font: it maps no characters to glyphs")
        self._layers = "COLR" in tables and colour_glyphs.can_paint()
        if "COLR" in tables and not self._layers:
            warnings.warn(
                f"{path} has layers of colour (COLR), which uharfbuzz {hb.__version__} cannot paint; its glyphs are "
                "drawn as black outlines. Update it: pip install -U uharfbuzz",
                stacklevel=2,
            )
        self.circle: int | None = self.font.get_nominal_glyph(0x25CC)
        self.shaping = Shaping(data, self.index, size, self.font)
        self.shape = self.shaping.shape
        self._bitmaps: dict[int, Bitmap] = {}
        self._warned = False
        self._lock = threading.Lock()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def family(self) -> str:
        """Family name in the font's name table; the file's name if it has none."""
        return self.face.get_name(hb.OTNameIdPredefined.FONT_FAMILY) or self.path.stem

    @property
    def code_points(self) -> frozenset[int]:
        """Every code point that the font maps to a glyph."""
        return frozenset(self.face.unicodes)

    def covers(self, char: str) -> bool:
        return self.font.get_nominal_glyph(ord(char)) is not None

    def baseline(self, tag: str, script: str) -> int:
        """The font's baseline ``tag`` in units; without a BASE table synthesised the way HarfBuzz 6 does."""
        value = self.font.get_layout_baseline(tag, "LTR", script, "dflt")
        if value is not None:
            return int(value)
        if tag == "icfb":  # ideographic face bottom: a tenth of the em box up from its bottom
            bottom = self.font.get_layout_baseline("ideo", "LTR", script, "dflt")
            top = self.font.get_layout_baseline("idtp", "LTR", script, "dflt")
            low = bottom if bottom is not None else top - self.size if top is not None else self.descender
            high = top if top is not None else bottom + self.size if bottom is not None else self.ascender
            return int(low + (high - low) // 10)
        if tag == "hang":
            return self.size * 6 // 10
        return 0

    def bitmap(self, glyph: int) -> Bitmap:
        """The glyph drawn with its origin on a whole pixel. Damaged glyphs are blank; the first one of a font warns."""
        found = self._bitmaps.get(glyph)
        if found is None:
            with self._lock:
                found = self._bitmaps[glyph] = self._draw(glyph)
        return found

    def _draw(self, glyph: int) -> Bitmap:
        picture = None
        try:
            if self._strike:
                picture = colour_glyphs.from_strike(self.font, glyph, self._strike, self.size, UNITS)
            elif self._layers:
                picture = colour_glyphs.from_layers(self.font, glyph, UNITS)
        except colour_glyphs.DamagedGlyph:
            return self._damaged(glyph)
        if picture is not None:
            return Bitmap(*picture)
        return self._outline(glyph) if self._rasteriser.is_scalable else _NO_BITMAP

    def _outline(self, glyph: int) -> Bitmap:
        # FreeType itself: the wrapper would make objects for every glyph, and a list of its bytes.
        face = self._rasteriser._FT_Face
        if freetype.FT_Load_Glyph(face, glyph, _LOAD_FLAGS):
            return self._damaged(glyph)
        pointer = face.contents.glyph
        if freetype.FT_Render_Glyph(pointer, freetype.FT_RENDER_MODE_NORMAL):
            return self._damaged(glyph)
        slot = pointer.contents
        bitmap = slot.bitmap
        rows, columns, pitch = bitmap.rows, bitmap.width, bitmap.pitch
        if not rows or not columns:
            return _NO_BITMAP
        data = ctypes.string_at(bitmap.buffer, rows * pitch)
        alpha = np.frombuffer(data, np.uint8).reshape(rows, pitch)[:, :columns].copy()
        return Bitmap(slot.bitmap_left, slot.bitmap_top, alpha)

    def _damaged(self, glyph: int) -> Bitmap:
        if not self._warned:
            self._warned = True
            warnings.warn(f"the font file {self.path} is damaged: glyph {glyph} cannot be drawn", stacklevel=2)
        return _NO_BITMAP


def split_face(path: Path) -> tuple[Path, int]:
    """File and number of the face of ``fonts.ttc#2``; 0 without a number sign, or if a file has that very name."""
    file, sign, number = path.name.rpartition("#")
    if sign and number.isdecimal() and not path.exists():
        return path.with_name(file), int(number)
    return path, 0


def face_count(data: bytes) -> int:
    """Faces in a font file: 1 but for collections."""
    return int(struct.unpack_from(">L", data, 8)[0]) if data[:4] == b"ttcf" else 1


def check_tables(path: Path, data: bytes, index: int) -> dict[str, tuple[int, int]]:
    """The table directory of a face, checked against the file's size before any library parses it."""
    if len(data) < 12 or data[:4] not in _SFNT_VERSIONS:
        raise UsageError(f"{path} is no TrueType or OpenType font")
    if index >= (count := face_count(data)):
        which = f"faces 0 to {count - 1}" if count > 1 else "one face only"
        raise UsageError(f"there is no font {path}: the file has {which}")
    try:
        tables = _table_directory(data, index)
    except struct.error:
        raise UsageError(f"the font file {path} is broken: it ends inside its table directory") from None
    for tag, (offset, length) in tables.items():
        if offset + length > len(data):
            raise UsageError(f"the font file {path} is truncated: its table {tag!r} ends beyond the end of the file")
    missing = sorted({"cmap", "head", "maxp"} - tables.keys())
    if missing:
        raise UsageError(f"the font file {path} is broken: it lacks the table {missing[0]!r}")
    return tables


def _directory_offset(data: bytes, index: int) -> int:
    return struct.unpack_from(">L", data, 12 + 4 * index)[0] if data[:4] == b"ttcf" else 0


def _table_directory(data: bytes, index: int) -> dict[str, tuple[int, int]]:
    start = _directory_offset(data, index)
    (count,) = struct.unpack_from(">H", data, start + 4)
    records = (struct.unpack_from(">4sLLL", data, start + 12 + 16 * record) for record in range(count))
    return {tag.decode("latin-1"): (offset, length) for tag, _, offset, length in records}


def ot_script_tag(script: str) -> str:
    """The OpenType tag of an ISO 15924 script in the first generation of tags, which BASE tables use."""
    return {"Hira": "kana", "Laoo": "lao ", "Yiii": "yi  ", "Nkoo": "nko ", "Vaii": "vai "}.get(script, script.lower())


def as_units(pixels: float) -> int:
    """Pixels to Pango units, rounded as Pango rounds a font size."""
    return int(pixels * UNITS + 0.5)


def unify(paths: Sequence[Path]) -> tuple[Path, ...]:
    """``paths`` without repetitions, first occurrence first."""
    return tuple(dict.fromkeys(paths))
