"""Emoji runs: which parts of a line ask for emoji presentation (UTS #51).

The grammar is that of the emoji segmenter written for Chromium, which Pango 1.50 uses: at each position the longest
sequence wins, and a sequence that ends in variation selector 15 asks for text.
"""

from __future__ import annotations

import re

from pixlm.rendering.unicode import _tables
from pixlm.rendering.unicode.properties import in_ranges

_SPECIAL = {
    "\u20e3": "K",  # combining enclosing keycap
    "\u20e0": "c",  # combining enclosing circle backslash
    "\u200d": "z",  # zero width joiner
    "\ufe0e": "v",  # variation selector 15
    "\ufe0f": "V",  # variation selector 16
    "\U0001f3f4": "g",  # black flag, base of tag sequences
    "\U000e007f": "Q",  # end of a tag sequence
}


class _Categories(dict[str, str]):
    """Character -> letter of its class in the grammar below; "." for everything that is no emoji."""

    def __missing__(self, char: str) -> str:
        letter = self[char] = self._find(char)
        return letter

    @staticmethod
    def _find(char: str) -> str:
        if "\u3300" <= char < "\ufe00":  # Han, Hangul and others, of which there are many
            return "."
        if char in _SPECIAL:
            return _SPECIAL[char]
        if "\U000e0030" <= char <= "\U000e0039" or "\U000e0061" <= char <= "\U000e007a":
            return "q"
        if in_ranges(char, _tables.EMOJI_MODIFIER_BASE):
            return "b"
        if in_ranges(char, _tables.EMOJI_MODIFIER):
            return "m"
        if "\U0001f1e6" <= char <= "\U0001f1ff":
            return "r"
        if char in "0123456789#*":
            return "k"
        if in_ranges(char, _tables.EMOJI_PRESENTATION):
            return "e"
        return "t" if in_ranges(char, _tables.EMOJI) else "."


#: Character -> its class in the grammar of sequences; ".", "k" (0-9, # and *) and "t" (symbols that are text) stand for
#: themselves unless a character of another class follows.
EMOJI_CATEGORY = _Categories()

_ELEMENT = "(?:[tekbg]V|bm|[tekbg])"
_TOKEN = re.compile(
    "[tekbg]v"  # text presentation sequence
    "|(?P<emoji>"
    "rr"  # flag
    "|gq+Q"  # flag of a region, spelt in tags
    "|kVK"  # keycap
    "|[tekbg]c"  # prohibition sign over an emoji
    f"|{_ELEMENT}(?:z{_ELEMENT})+"  # joined by ZWJ
    "|[tekbg]V|bm"  # emoji presentation sequence, skin tone
    "|[egb])"  # emoji presentation by default
    "|."
)


def emoji_runs(text: str) -> list[tuple[int, int, bool]]:
    """Runs (start, end, is_emoji), half-open code point offsets, covering the text; neighbours differ in `is_emoji`."""
    if not text:
        return []
    categories = "".join(map(EMOJI_CATEGORY.__getitem__, text))
    if text.isascii() or not categories.strip("."):
        return [(0, len(text), False)]
    runs: list[tuple[int, int, bool]] = []
    start, current = 0, False
    for token in _TOKEN.finditer(categories):
        is_emoji = token.lastgroup == "emoji"
        if is_emoji != current:
            if token.start() > start:
                runs.append((start, token.start(), current))
            start, current = token.start(), is_emoji
    runs.append((start, len(text), current))
    return runs
