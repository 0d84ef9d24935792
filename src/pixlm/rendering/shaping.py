"""Shaping with HarfBuzz: the glyphs of an item, and what in them hangs together."""

from __future__ import annotations

from array import array
from typing import Protocol

import uharfbuzz as hb

from pixlm.rendering import harfbuzz_library

#: Glyph numbers that no font uses: nothing to draw (Pango's "empty" glyph), and a character that the font lacks.
EMPTY_GLYPH = 0x0FFFFFFF
UNKNOWN_GLYPH = 0x0FFFFFFE

_FLAGS = int(hb.BufferFlags.BOT | hb.BufferFlags.EOT)
_APART_FLAGS = int(_FLAGS | hb.BufferFlags.PRODUCE_UNSAFE_TO_CONCAT)
_UNSAFE_TO_BREAK = int(hb.GlyphFlags.UNSAFE_TO_BREAK)
_UNSAFE_TO_CONCAT = int(hb.GlyphFlags.UNSAFE_TO_CONCAT)

#: The language that every item is shaped in: none, as Pango does in the C locale, in which the reference was recorded.
_LANGUAGE = "c"

#: HarfBuzz up to 6 leaves out contextual alternates for Hangul, as Uniscribe does; later versions apply them.
_OFF = {"Hang": "calt"}


class Shaped:
    """Glyphs of one item in visual order. ``clusters`` are indices into the text that was passed; ``places`` are in
    units, y upwards, as HarfBuzz gives them.

    Args:
        infos, positions: HarfBuzz's records, five numbers of 32 bits a glyph: glyph, flags, cluster, and two of
            HarfBuzz's own; x_advance, y_advance, x_offset, y_offset, and one of its own.
    """

    def __init__(self, infos: bytes, positions: bytes) -> None:
        numbers = memoryview(infos).cast("I")
        self.glyphs: list[int] = numbers[::5].tolist()
        self.flags: list[int] = numbers[1::5].tolist()
        self.clusters: list[int] = numbers[2::5].tolist()
        lengths = memoryview(positions).cast("i")
        #: x_offset, y_offset and x_advance of each glyph
        self.places = list(zip(lengths[2::5].tolist(), lengths[3::5].tolist(), lengths[::5].tolist(), strict=True))

    def is_apart(self, first: int, last: int, start: int, end: int, rtl: bool, circle: int | None) -> bool:
        """Whether a word, ``text[start:end]`` with two spaces on either side, is shaped in the same way whatever stands
        beyond the inner spaces, and without them. (`_inner.c` has the same.)

        Args:
            first, last: its glyphs, ``last`` not included.
            circle: the glyph of U+25CC, which stands where a mark has nothing to stand on. HarfBuzz numbers syllables
                modulo 15, and puts no circle where the one before had the same number, so whether there is one depends
                on the whole line.
        """
        before, after = (end, start - 1) if rtl else (start - 1, end)  # the inner spaces
        outward = -1 if rtl else 1
        clusters = self.clusters
        if first < 2 or last <= first or last + 1 >= len(clusters) or clusters[last - 1 if rtl else first] != start:
            return False
        around = clusters[first - 2], clusters[first - 1], clusters[last], clusters[last + 1]
        if around != (before - outward, before, after, after + outward):
            return False
        if circle in self.glyphs[first:last]:
            return False
        flags = self.flags
        if (flags[first - 2] | flags[last + 1]) & _UNSAFE_TO_CONCAT:
            return False
        edges = (last - 1, first - 1) if rtl else (first, last)
        return not (flags[edges[0]] | flags[edges[1]]) & _UNSAFE_TO_BREAK


class _Shaper(Protocol):
    def shape(
        self, text: str, start: int, length: int, *, script: str, rtl: bool, flags: int
    ) -> tuple[bytes, bytes]: ...


class _ObjectShaper:
    """Shapes with uharfbuzz's classes."""

    def __init__(self, font: hb.Font) -> None:
        self._font = font

    def shape(self, text: str, start: int, length: int, *, script: str, rtl: bool, flags: int) -> tuple[bytes, bytes]:
        buffer = hb.Buffer()
        buffer.cluster_level = hb.BufferClusterLevel.MONOTONE_CHARACTERS
        buffer.add_str(text, start, length)
        buffer.flags = hb.BufferFlags(flags)
        buffer.direction = "rtl" if rtl else "ltr"
        buffer.script = script
        buffer.language = _LANGUAGE
        buffer.invisible_glyph = EMPTY_GLYPH
        buffer.not_found_glyph = UNKNOWN_GLYPH
        hb.shape(self._font, buffer, {_OFF[script]: False} if script in _OFF else None)
        infos, positions = array("I"), array("i")
        for info, position in zip(buffer.glyph_infos, buffer.glyph_positions or (), strict=True):
            infos.extend((info.codepoint, int(info.flags), info.cluster, 0, 0))
            positions.extend((position.x_advance, position.y_advance, position.x_offset, position.y_offset, 0))
        return infos.tobytes(), positions.tobytes()


class Shaping:
    """Shapes with one face of a font file. ``font``: the same, as uharfbuzz opened it at its scale."""

    def __init__(self, data: bytes, index: int, size: int, font: hb.Font) -> None:
        self._shaper: _Shaper = _ObjectShaper(font)
        if harfbuzz_library.functions() is not None:
            self._shaper = harfbuzz_library.DirectShaper(
                data, index, size, language=_LANGUAGE, glyphs=(EMPTY_GLYPH, UNKNOWN_GLYPH), features=_OFF
            )

    def shape(self, text: str, start: int, length: int, *, script: str, rtl: bool) -> Shaped:
        """Shape ``text[start:start + length]``; the rest of ``text`` is context (HarfBuzz looks at five characters)."""
        return Shaped(*self._shaper.shape(text, start, length, script=script, rtl=rtl, flags=_FLAGS))

    def records_apart(self, text: str, *, script: str, rtl: bool) -> tuple[bytes, bytes]:
        """The records of a text of which is asked what in it hangs together."""
        return self._shaper.shape(text, 0, len(text), script=script, rtl=rtl, flags=_APART_FLAGS)

    def shape_apart(self, text: str, *, script: str, rtl: bool) -> Shaped:
        """The same as `Shaped`."""
        return Shaped(*self.records_apart(text, script=script, rtl=rtl))
