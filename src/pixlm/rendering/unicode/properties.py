"""Character properties of one fixed Unicode version, from generated tables.

Python's `unicodedata` is not used: its Unicode version changes with the interpreter, so the same text would be cut into
different runs, and drawn differently, by Python 3.11 and 3.13.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from pixlm.rendering.unicode import _tables

UNICODE_VERSION = _tables.UNICODE_VERSION


class RangeTable(dict[str, str]):
    """Character -> value of one property; looks a character up in the range table once and remembers it.

    `map(table.__getitem__, text)` is the fast way through a line.
    """

    def __init__(self, starts: Sequence[int], values: str) -> None:
        super().__init__()
        self._starts = starts
        self._width = len(values) // len(starts)
        self._values = values

    def __missing__(self, char: str) -> str:
        at = (bisect_right(self._starts, ord(char)) - 1) * self._width
        value = self[char] = self._values[at : at + self._width]
        return value


#: Bidi_Class as one letter (see `_tables.BIDI_STARTS`), Script as ISO 15924 tag, General_Category as two letters.
BIDI_CLASS = RangeTable(_tables.BIDI_STARTS, _tables.BIDI_VALUES)
SCRIPT = RangeTable(_tables.SCRIPT_STARTS, _tables.SCRIPT_VALUES)
GENERAL_CATEGORY = RangeTable(_tables.CATEGORY_STARTS, _tables.CATEGORY_VALUES)


def in_ranges(char: str, ranges: Sequence[int]) -> bool:
    """Whether a character lies in a flat sequence first, last, first, last ... of inclusive ranges."""
    code = ord(char)
    at = bisect_right(ranges, code)
    return at % 2 == 1 or (at > 0 and ranges[at - 1] == code)


def general_category(char: str) -> str:
    """General_Category of one character, two letters such as "Lu"; "Cs" for a lone surrogate, "Cn" if unassigned."""
    return GENERAL_CATEGORY[char]


def script(char: str) -> str:
    """Script of one character as an ISO 15924 tag; "Zyyy" common, "Zinh" inherited, "Zzzz" unknown or unassigned."""
    return SCRIPT[char]


def is_default_ignorable(char: str) -> bool:
    """Default_Ignorable_Code_Point: drawn as nothing when no font has it (joiners, variation selectors, ...)."""
    return in_ranges(char, _tables.DEFAULT_IGNORABLE)


def asks_for_no_font(char: str) -> bool:
    """Whether font selection passes over a character, so that it stays in the font of the text before it.

    Pango 1.50's rule, format characters as observed: controls, invisible format characters, surrogates, separators,
    all spaces but the visible Ogham one, and variation selectors.
    """
    category = GENERAL_CATEGORY[char]
    if category == "Cf":
        # But not those that are drawn, such as Arabic number signs. (Annotation controls are not, for Pango.)
        return is_default_ignorable(char) or "\ufff9" <= char <= "\ufffb"
    if category in ("Cc", "Cs", "Zl", "Zp"):
        return True
    if category == "Zs":
        return char != "\u1680"
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"
