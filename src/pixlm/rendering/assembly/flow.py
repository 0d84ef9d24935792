"""Lines that run one way, numbers apart: which words may stand in them, and the directions inside these.

Lines that run both ways are put into order here, too: `pieces_of`, `order_of_pieces`.

The flow of a line is the bidi class of its letters: "L" left to right, "R" right to left, "a" right to left with Arabic
letters, among which numbers go by other rules (UAX #9, W2 to W7). All words of such a line have the paragraph's level,
but for numbers from right to left, which never reach beyond a word; so the words stand in the line's order or its
reverse, and each looks the same in all lines of a flow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby, pairwise

import numpy as np

from pixlm.rendering.offsets import Span
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


def pieces_of(levels: bytes, spans: Sequence[Span]) -> tuple[list[Span], list[int]]:
    """Words cut where their direction changes; no letters join there. Begin and end of the pieces, and whose they are.

    Args:
        levels: bidi levels of the line's characters.
        spans: begin and end of each word.
    """
    pieces: list[Span] = []
    owners: list[int] = []
    for word, (begin, end) in enumerate(spans):
        if levels.count(levels[begin], begin, end) == end - begin:
            pieces.append((begin, end))
        else:
            borders = [index for index in range(begin + 1, end) if levels[index] != levels[index - 1]]
            pieces += pairwise((begin, *borders, end))
        owners += [word] * (len(pieces) - len(owners))
    return pieces, owners


def order_of_pieces(levels: bytes, pieces: Sequence[Span]) -> tuple[list[int], list[int]]:
    """The pieces of a line from left to right, and how many spaces stand before each and after the last."""
    runs: list[tuple[int, int, int]] = []  # piece or -1, level, length
    start = 0
    for piece, (begin, end) in enumerate((*pieces, (len(levels), len(levels)))):
        if begin == start + 1:
            runs.append((-1, levels[start], 1))
        elif begin > start:
            runs += [(-1, level, len(list(same))) for level, same in groupby(levels[start:begin])]
        if end > begin:
            runs.append((piece, levels[begin], 0))
        start = end
    order: list[int] = []
    gaps = [0]
    for index in visual_order([level for _, level, _ in runs]):
        piece, _, spaces = runs[index]
        if piece < 0:
            gaps[-1] += spaces
        else:
            order.append(piece)
            gaps.append(0)
    return order, gaps
