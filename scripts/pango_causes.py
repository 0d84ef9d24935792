"""Why a line differs from PangoCairo's picture of it. Used by fuzz_against_pango.py.

Causes are looked for in the libraries that the system's Pango works with, through ctypes: FriBidi gives directions by
the tables of its own Unicode version, and HarfBuzz shapes by its own version's rules.
"""

from __future__ import annotations

import ctypes
import ctypes.util

import numpy as np

from pixlm import TextRenderer
from pixlm.rendering.font import Font
from pixlm.rendering.layout import ShapedLine
from pixlm.rendering.shaping import EMPTY_GLYPH, UNKNOWN_GLYPH
from pixlm.rendering.unicode.properties import BIDI_CLASS, UNICODE_VERSION

_CONTEXT = 5  # code points that HarfBuzz looks at on either side of an item
_EMBEDDINGS = "xXoOlrf"  # bidi classes of the controls that open an embedding, an override or an isolate


class Causes:
    """Explains differences between the lines of two renderers, ``ours`` (harfbuzz) and ``theirs`` (pango)."""

    def __init__(self, ours: TextRenderer, theirs: TextRenderer) -> None:
        self._ours, self._theirs = ours, theirs
        self._bidi = _FriBidi()
        self._shapers: dict[Font, _HarfBuzz] = {}

    def differ(self, line: str) -> bool:
        ours, theirs = (renderer.render(line).pixel_values for renderer in (self._ours, self._theirs))
        return not np.array_equal(ours, theirs)

    def shortest(self, line: str) -> str:
        """A part of a line that differs and no longer does when any one of its characters is left out."""
        size = len(line) // 2
        while size:
            start = 0
            while start < len(line):
                rest = line[:start] + line[start + size :]
                if rest and self.differ(rest):
                    line = rest
                else:
                    start += size
            size //= 2
        return line

    def of(self, line: str) -> str:
        """The cause of the difference, in words."""
        if any(self._bidi.differs(char) for char in line):
            return f"directions: FriBidi's Unicode {self._bidi.unicode_version}, pixlm's {UNICODE_VERSION}"
        laid_out = self._ours._backend.layout(line)
        assert isinstance(laid_out, ShapedLine)
        for run in laid_out.runs:
            font = run.item.font
            shaper = self._shapers.setdefault(font, _HarfBuzz(font))
            start = max(run.item.start - _CONTEXT, 0)
            text = line[start : run.item.end + _CONTEXT]
            place = run.item.start - start, run.item.end - run.item.start
            rtl = bool(run.item.level & 1)
            theirs = shaper.shape(text, *place, run.item.script, rtl)
            shaped = font.shape(text, *place, script=run.item.script, rtl=rtl)
            ours = list(zip(shaped.glyphs, shaped.places, strict=True))
            if [_drawn(glyph) for glyph in ours] != [_drawn(glyph) for glyph in theirs]:
                return f"shaping: the system's HarfBuzz {shaper.version}, pixlm's {self._version}"
            if " " in line[run.item.start : run.item.end] and not font.covers(" "):
                return "a space in a font that has none: a box for Pango"
        if any(BIDI_CLASS[char] in _EMBEDDINGS for char in line):
            return "levels: Pango passes over embedding controls around text of one direction"
        return "unknown"

    @property
    def _version(self) -> str:
        return self._ours.fingerprint["versions"]["harfbuzz"]


def _drawn(glyph: tuple[int, tuple[int, int, int]]) -> tuple[int, tuple[int, int, int]]:
    """A glyph with its place; what the font lacks, and what is drawn as nothing, has many numbers and no place."""
    return (0, (0, 0, 0)) if glyph[0] in (0, EMPTY_GLYPH, UNKNOWN_GLYPH) else glyph


class _FriBidi:
    def __init__(self) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("fribidi") or "libfribidi.so.0")
        self.unicode_version = ctypes.c_char_p.in_dll(self._library, "fribidi_unicode_version").value.decode()
        # The numbers of the types, from characters that have had theirs for ever.
        samples = dict(zip("LRaENn", "Aא\u0627" + "0!\u0661", strict=True))
        self._names = {self._type(char): name for name, char in samples.items()}

    def _type(self, char: str) -> int:
        return int(self._library.fribidi_get_bidi_type(ctypes.c_uint32(ord(char))))

    def differs(self, char: str) -> bool:
        """Whether FriBidi gives a letter, number or neutral another direction than pixlm's tables."""
        name, kind = self._names.get(self._type(char)), BIDI_CLASS[char]
        return name != kind and (name is not None or kind in "LRaENn")


class _HarfBuzz:
    """The system's HarfBuzz with one font."""

    def __init__(self, font: Font) -> None:
        self._library = library = ctypes.CDLL(ctypes.util.find_library("harfbuzz") or "libharfbuzz.so.0")
        for name in ("blob_create_from_file", "face_create", "font_create", "buffer_create", "language_from_string",
                     "buffer_get_glyph_infos", "buffer_get_glyph_positions"):  # fmt: skip
            getattr(library, f"hb_{name}").restype = ctypes.c_void_p
        library.hb_version_string.restype = ctypes.c_char_p
        self.version = library.hb_version_string().decode()
        blob = library.hb_blob_create_from_file(str(font.path).encode())
        self._font = self._pointer("font_create", self._pointer("face_create", ctypes.c_void_p(blob), 0))
        library.hb_font_set_scale(self._font, font.size, font.size)
        self._language = self._pointer("language_from_string", b"c", -1)

    def _pointer(self, name: str, *arguments: object) -> ctypes.c_void_p:
        return ctypes.c_void_p(getattr(self._library, f"hb_{name}")(*arguments))

    def shape(
        self, text: str, start: int, length: int, script: str, rtl: bool
    ) -> list[tuple[int, tuple[int, int, int]]]:
        """Glyphs with (x_offset, y_offset, x_advance), as `Font.shape` asks for them."""
        library, buffer = self._library, self._pointer("buffer_create")
        library.hb_buffer_set_cluster_level(buffer, 1)  # monotone characters
        codes = (ctypes.c_uint32 * len(text))(*map(ord, text))
        library.hb_buffer_add_utf32(buffer, codes, len(text), start, length)
        library.hb_buffer_set_flags(buffer, 3)  # the text's beginning and end
        library.hb_buffer_set_direction(buffer, 5 if rtl else 4)
        library.hb_buffer_set_script(buffer, int.from_bytes(script.encode(), "big"))
        library.hb_buffer_set_language(buffer, self._language)
        library.hb_buffer_set_invisible_glyph(buffer, EMPTY_GLYPH)
        library.hb_shape(self._font, buffer, None, 0)
        count = ctypes.c_uint()
        integers = ctypes.POINTER(ctypes.c_int32)
        infos, positions = (
            ctypes.cast(self._pointer(f"buffer_get_glyph_{name}", buffer, ctypes.byref(count)), integers)
            for name in ("infos", "positions")
        )
        shaped = []
        for at in range(0, 5 * count.value, 5):
            x_advance, _, x_offset, y_offset = positions[at : at + 4]
            shaped.append((infos[at], (x_offset, y_offset, x_advance)))
        library.hb_buffer_destroy(buffer)
        return shaped
