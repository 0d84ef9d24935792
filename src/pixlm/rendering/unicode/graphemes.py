"""Extended grapheme clusters (UAX #29, Unicode 15): what a reader takes for one character."""

from __future__ import annotations

import re

from pixlm.rendering.unicode import _tables
from pixlm.rendering.unicode.properties import RangeTable

#: Letters of Grapheme_Cluster_Break: R N C = CR, LF, control; E Z S = extend, ZWJ, spacing mark; P = prepend;
#: I = regional indicator; X = pictograph; L V T A B = Hangul jamo and syllables (A = LV, B = LVT).
_BREAK = RangeTable(_tables.GRAPHEME_STARTS, _tables.GRAPHEME_VALUES)

_CLUSTER = re.compile(
    "RN|[RNC]"
    "|P*(?:"
    "L*(?:V+|AV*|B)T*|L+|T+"  # Hangul
    "|II"  # flag
    "|X(?:E*ZX)*"  # emoji joined by ZWJ
    "|[^RNC]"
    ")[EZS]*"
)


def grapheme_clusters(text: str) -> list[tuple[int, int]]:
    """(start, end) of each grapheme cluster, half-open code point offsets, covering the text; linear time."""
    if text.isascii() and "\r" not in text:
        return [(index, index + 1) for index in range(len(text))]
    return [match.span() for match in _CLUSTER.finditer("".join(map(_BREAK.__getitem__, text)))]
