"""Lines that run one way, numbers apart: which words may stand in them, and the directions inside these.

Lines that run both ways are put into order here, too: `order_of_words`.

The flow of a line is the bidi class of its letters: "L" left to right, "R" right to left, "a" right to left with Arabic
letters, among which numbers go by other rules (UAX #9, W2 to W7). All words of such a line have the paragraph's level,
but for numbers from right to left, which never reach beyond a word; so the words stand in the line's order or its
reverse, and each looks the same in all lines of a flow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from pixlm.rendering.unicode.bidi import embedding_levels, visual_order
from pixlm.rendering.unicode.properties import BIDI_CLASS

#: Classes of the characters that may stand in a flow (letters as in `unicode.bidi`).
_ALLOWED = {
    "L": re.compile("[^RanxXoOPlrfpbBs]*"),
    "R": re.compile("[^LaxXoOPlrfpbBs]*"),
    "a": re.compile("[^LRxXoOPlrfpbBs]*"),
}
_WITHOUT_NUMBERS = frozenset("RaNWMCST")
_LETTER = {"R": "\u05d0", "a": "\u0627"}


def flow_of(first_word: str, level: int) -> str | None:
    """The flow of a line of a level, by its first word; None if that does not tell: from right to left a number at the
    beginning has no letter before it."""
    if not level:
        return "L"
    kind = BIDI_CLASS[first_word[0]] if first_word else ""
    return kind if kind in _LETTER else None


def flow_of_item(text: str, level: int) -> str | None:
    """The flow that a word of one level could stand in; None if no flow has all its characters."""
    flows = ("R", "a") if level & 1 else ("L",)
    return next((flow for flow in flows if runs_one_way(text, flow)), None)


def runs_one_way(word: str, flow: str) -> bool:
    """Whether a word may stand in a flow."""
    return _ALLOWED[flow].fullmatch("".join(map(BIDI_CLASS.__getitem__, word))) is not None


def levels_inside(text: str, flow: str) -> np.ndarray:
    """Bidi levels of a word, with or without spaces after it, inside a flow: uint8 [len(text)]."""
    if flow == "L":
        return np.zeros(len(text), np.uint8)
    letter = _LETTER[flow]
    return embedding_levels(f"{letter} {text} {letter}", 1)[0][2:-2]


def has_numbers(word: str) -> bool:
    """Whether a word from right to left has stretches that run from left to right."""
    return not _WITHOUT_NUMBERS.issuperset(map(BIDI_CLASS.__getitem__, word))


def order_of_words(levels: np.ndarray, spans: Sequence[tuple[int, int]]) -> list[int] | None:
    """The words of a line from left to right; None if one is torn apart by others.

    Args:
        levels: bidi levels of the line's characters.
        spans: begin and end of each word.
    """
    owners = np.full(len(levels), -1)  # spaces
    for index, (start, end) in enumerate(spans):
        owners[start:end] = index
    runs = [key for key, _ in groupby(zip(owners.tolist(), levels.tolist(), strict=True))]
    order = [runs[index][0] for index in visual_order([level for _, level in runs])]
    words = [word for word, _ in groupby(order) if word >= 0]
    return words if len(set(words)) == len(words) else None
