"""HarfBuzz's own functions, in the library that uharfbuzz's wheel carries.

uharfbuzz makes an object for every glyph, which takes as long as shaping. Where its library shows HarfBuzz's functions
(on Linux it does) they are called directly, and all glyphs of a text come as one array. Names, arguments and records
are those of HarfBuzz's public interface, which does not change between versions.
"""

from __future__ import annotations

import sys
from ctypes import POINTER, PyDLL, Structure, byref, c_char_p, c_int, c_uint, c_uint32, c_void_p, string_at
from functools import cache
from types import SimpleNamespace
from typing import Any
from weakref import finalize

import uharfbuzz as hb

_READ_ONLY = 1  # hb_memory_mode_t
_MONOTONE_CHARACTERS = int(hb.BufferClusterLevel.MONOTONE_CHARACTERS)
_DIRECTIONS = (4, 5)  # left to right, right to left
_ENCODING = "utf-32-le" if sys.byteorder == "little" else "utf-32-be"
_RECORD = 20  # bytes of an hb_glyph_info_t and of an hb_glyph_position_t


class _Properties(Structure):
    """hb_segment_properties_t"""

    _fields_ = (
        ("direction", c_int),
        ("script", c_uint32),
        ("language", c_void_p),
        ("reserved1", c_void_p),
        ("reserved2", c_void_p),
    )


class _Feature(Structure):
    """hb_feature_t"""

    _fields_ = (("tag", c_uint32), ("value", c_uint32), ("start", c_uint), ("end", c_uint))


_FUNCTIONS = {  # result, arguments
    "version_string": (c_char_p, ()),
    "blob_create": (c_void_p, (c_char_p, c_uint, c_int, c_void_p, c_void_p)),
    "blob_destroy": (None, (c_void_p,)),
    "face_create": (c_void_p, (c_void_p, c_uint)),
    "face_destroy": (None, (c_void_p,)),
    "font_create": (c_void_p, (c_void_p,)),
    "font_destroy": (None, (c_void_p,)),
    "font_set_scale": (None, (c_void_p, c_int, c_int)),
    "buffer_create": (c_void_p, ()),
    "buffer_clear_contents": (None, (c_void_p,)),
    "buffer_set_cluster_level": (None, (c_void_p, c_int)),
    "buffer_set_flags": (None, (c_void_p, c_int)),
    "buffer_set_invisible_glyph": (None, (c_void_p, c_uint32)),
    "buffer_set_not_found_glyph": (None, (c_void_p, c_uint32)),
    "buffer_set_segment_properties": (None, (c_void_p, POINTER(_Properties))),
    "buffer_add_utf32": (None, (c_void_p, c_char_p, c_int, c_uint, c_int)),
    "buffer_get_glyph_infos": (c_void_p, (c_void_p, POINTER(c_uint))),
    "buffer_get_glyph_positions": (c_void_p, (c_void_p, POINTER(c_uint))),
    "script_from_string": (c_uint32, (c_char_p, c_int)),
    "language_from_string": (c_void_p, (c_char_p, c_int)),
    "shape": (None, (c_void_p, c_void_p, POINTER(_Feature), c_uint)),
}


@cache
def functions() -> Any:
    """HarfBuzz's functions as attributes, without ``hb_``; None where the library does not show them."""
    try:
        library = PyDLL(hb._harfbuzz.__file__)  # calls are short: they keep the interpreter's lock
        found = SimpleNamespace()
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, f"hb_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(found, name, function)
    except (OSError, AttributeError):
        return None
    return found if found.version_string().decode() == hb.version_string() else None


class DirectShaper:
    """Shapes with one face of a font file at one scale.

    Args:
        glyphs: numbers to give to glyphs that are not drawn, and to characters that the font lacks.
        features: OpenType features to switch off, by script.
    """

    def __init__(
        self,
        data: bytes,
        index: int,
        scale: int,
        *,
        language: str,
        glyphs: tuple[int, int],
        features: dict[str, str],
    ) -> None:
        hb_ = self._functions = functions()
        blob = hb_.blob_create(data, len(data), _READ_ONLY, None, None)
        face = hb_.face_create(blob, index)
        self._font = hb_.font_create(face)
        hb_.face_destroy(face)  # the font keeps it, and it the blob
        hb_.blob_destroy(blob)
        finalize(self, _release, hb_.font_destroy, self._font, data)
        hb_.font_set_scale(self._font, scale, scale)
        self._language = hb_.language_from_string(language.encode(), -1)
        self._buffers = _buffers.setdefault(glyphs, [])
        self._glyphs = glyphs
        self._features = {script: _Feature(_tag(name), 0, 0, 0xFFFFFFFF) for script, name in features.items()}
        self._properties: dict[tuple[str, bool], Any] = {}

    def shape(self, text: str, start: int, length: int, *, script: str, rtl: bool, flags: int) -> tuple[bytes, bytes]:
        """The records of the glyphs of ``text[start:start + length]``: hb_glyph_info_t and hb_glyph_position_t."""
        hb_ = self._functions
        properties = self._properties.get((script, rtl))
        if properties is None:
            tag = hb_.script_from_string(script.encode(), -1)
            properties = _Properties(_DIRECTIONS[rtl], tag, self._language, None, None)
            self._properties[script, rtl] = properties = byref(properties)
        try:
            buffer = self._buffers.pop()
        except IndexError:
            buffer = hb_.buffer_create()
            hb_.buffer_set_cluster_level(buffer, _MONOTONE_CHARACTERS)
            hb_.buffer_set_invisible_glyph(buffer, self._glyphs[0])
            hb_.buffer_set_not_found_glyph(buffer, self._glyphs[1])
        count = c_uint()
        try:
            hb_.buffer_set_flags(buffer, flags)
            hb_.buffer_set_segment_properties(buffer, properties)
            hb_.buffer_add_utf32(buffer, text.encode(_ENCODING, "surrogatepass"), len(text), start, length)
            feature = self._features.get(script)
            hb_.shape(self._font, buffer, feature, int(feature is not None))
            infos = hb_.buffer_get_glyph_infos(buffer, byref(count))
            size = count.value * _RECORD
            if not size:
                return b"", b""
            return string_at(infos, size), string_at(hb_.buffer_get_glyph_positions(buffer, None), size)
        finally:
            hb_.buffer_clear_contents(buffer)
            self._buffers.append(buffer)


_buffers: dict[tuple[int, int], list[int]] = {}  # that no thread uses, by the numbers that they give


def _tag(name: str) -> int:
    return int.from_bytes(name.encode(), "big")


def _release(destroy: Any, font: int, data: bytes) -> None:
    """``data`` is there to be kept until now."""
    destroy(font)
