"""Does FreeType draw here what it drew where pixlm was checked? A few glyphs of the default font tell.

The guarantee of equal pixels rests on one version of FreeType's light hinter. Another build of the library under the
same version number, or a patched one, would change nearly every glyph without any error.
"""

from __future__ import annotations

import functools
import hashlib
import warnings

from pixlm.rendering.font import Font, as_units
from pixlm.rendering.fonts import default_font

# Letters of scripts that the hinter treats by rules of their own (Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari,
# Thai, Khmer, Tamil) and one without rules (Han is in another file; Tifinagh here).
_SAMPLE = "agHRß&ξψжЩשלسعकतक़ฐญខ្ងறணⵣⵥ"
EXPECTED = "7a90e64bf4d1d3132818506a2d70694d1feb888106b7c9fe92a2645eba51a01e"


def sample_checksum() -> str:
    """SHA-256 of the sample's bitmaps at 13 1/3 pixels per em, their places included."""
    font = Font(default_font(), as_units(8 * 120 / 72))
    digest = hashlib.sha256()
    for character in _SAMPLE:
        glyph = font.font.get_nominal_glyph(ord(character))
        bitmap = font.bitmap(glyph or 0)
        digest.update(f"{character}{bitmap.left},{bitmap.top},{bitmap.alpha.shape}".encode())
        digest.update(bitmap.alpha.tobytes())
    return digest.hexdigest()


@functools.cache
def check_freetype() -> None:
    """Warn, once per process, if this FreeType draws other pixels than the one that pixlm was checked with."""
    if sample_checksum() != EXPECTED:
        warnings.warn(
            "this FreeType draws other pixels than the one pixlm was checked with, so images will not equal those that "
            "published checkpoints were trained on; reinstall it: pip install --force-reinstall freetype-py==2.5.1",
            stacklevel=2,
        )
