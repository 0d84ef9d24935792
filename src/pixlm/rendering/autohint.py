"""Making FreeType's auto-hinter behave as if it had been built without HarfBuzz.

Linux distributions build FreeType without HarfBuzz, the wheel of freetype-py has it inside, and the auto-hinter uses it
where it can, in two ways that change bitmaps:

* GSUB tells it which glyphs belong to a script beyond those in the cmap, and these are then hinted with that script's
  blue zones. In the copy of the font that FreeType sees, GSUB and GPOS are therefore hidden.
* Some blue zones are measured on clusters of several characters, of which only HarfBuzz makes glyphs; without it they
  do not exist. Hiding GSUB would leave them to be measured on unjoined letters, so the copy gets a small GSUB instead,
  which turns the glyphs of such a cluster, and nothing else, into spaces, which are not measured.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

#: The characters of the clusters on which FreeType 2.13 measures blue zones: Chakma, Gujarati, Kannada, Kayah Li,
#: Khmer, Malayalam, Mongolian, Sinhala.
_CLUSTER_CHARACTERS = (
    "\U00011116\U00011118\U00011119\U00011122\U00011124\U00011125\U00011133"
    "\u0a96\u0a9a\u0a9b\u0a9c\u0ab2\u0ab6\u0ab8\u0abf\u0ac0\u0ac1\u0ac3\u0ac4\u0acd"
    "\u0ca6\u0ca8\u0cb0\u0cb8\u0cbe"
    "\ua911\ua914\ua91c\ua92c\ua92d"
    "\u1780\u1781\u1782\u1784\u1785\u1790\u178f\u1793\u1794\u1799\u179a\u179b\u17a2\u17b2\u17bf\u17c0\u17c1\u17c3\u17d2"
    "\u0d1a\u0d2a\u0d4d"
    "\u200d\u1861\u1873"
    "\u0daf\u0db6\u0dad\u0dd4\u0dd6"
)

_RECORD = ">4sLLL"  # tag, checksum, offset, length


def without_harfbuzz(data: bytes, directory: int, glyph_of: Callable[[int], int | None]) -> bytes:
    """A copy of a font whose layout tables tell the auto-hinter nothing.

    Args:
        data: the font file.
        directory: where its table directory starts.
        glyph_of: the font's cmap.
    """
    found = (glyph_of(ord(char)) for char in _CLUSTER_CHARACTERS)
    glyphs = {glyph for glyph in found if glyph is not None and 0 < glyph < 0xFFFF}
    table = _unmeasured(glyphs, min(glyph_of(0x20) or 0, 0xFFFF)) if glyphs else b""
    copy = bytearray(data)
    copy += bytes(-len(copy) % 4)
    (count,) = struct.unpack_from(">H", data, directory + 4)
    for record in range(directory + 12, directory + 12 + 16 * count, 16):
        tag = bytes(copy[record : record + 4])
        if tag == b"GSUB" and table:
            struct.pack_into(_RECORD, copy, record, tag, 0, len(copy), len(table))
            copy += table
        elif tag in (b"GSUB", b"GPOS", b"sbix"):  # beside sbix bitmaps FreeType would not load outlines
            copy[record + 3] = ord("Z")  # keeps the directory sorted, which HarfBuzz relies on
    return bytes(copy)


def _unmeasured(glyphs: set[int], blank: int) -> bytes:
    """A GSUB table that replaces each of ``glyphs`` by ``blank`` if another one of them stands beside it."""
    covered = _coverage(glyphs)
    before = _coverage({blank, *glyphs})
    scripts = struct.pack(">H4sH", 1, b"DFLT", 8) + _words(4, 0) + _words(0, 0xFFFF, 1, 0)
    features = struct.pack(">H4sH", 1, b"ccmp", 8) + _words(0, 1, 0)
    # Chained contexts by coverage: counts and offsets of what stands before, of the glyph, of what follows.
    followed = _words(3, 0, 1, 18, 1, 18, 1, 0, 1) + covered
    preceded = _words(3, 1, 18 + len(covered), 1, 18, 0, 1, 0, 1) + covered + before
    contexts = _words(6, 0, 2, 10, 10 + len(followed)) + followed + preceded
    single = _words(2, 6 + 2 * len(glyphs), len(glyphs), *[blank] * len(glyphs)) + covered
    replacement = _words(1, 0, 1, 8) + single
    lookups = _words(2, 6, 6 + len(contexts)) + contexts + replacement
    return _words(1, 0, 10, 10 + len(scripts), 10 + len(scripts) + len(features)) + scripts + features + lookups


def _coverage(glyphs: Iterable[int]) -> bytes:
    ordered = sorted(glyphs)
    return _words(1, len(ordered), *ordered)


def _words(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)
