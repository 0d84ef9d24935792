"""What a letter and a word are, for attacks on text in any script."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pixlm.rendering.unicode.graphemes import grapheme_clusters
from pixlm.rendering.unicode.properties import GENERAL_CATEGORY, SCRIPT

_UNSPACED = frozenset(("Hani", "Hira", "Kana", "Bopo", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"))
"""Scripts written without spaces between words."""
_PIECE = 4
"""Characters that stand for a word in these scripts."""
_APOSTROPHES = "'\u2019\u00ad\u200c\u200d"
"""Part of a word when inside it: apostrophes, soft hyphens, joiners."""
_UNIT = re.compile("w+(?:j+w+)*|s+")


def clusters(text: str) -> list[str]:
    """The grapheme clusters of a text: what a reader takes for characters."""
    return [text[start:end] for start, end in grapheme_clusters(text)]


def is_letter(cluster: str) -> bool:
    """Whether a cluster is a letter with its marks."""
    return GENERAL_CATEGORY[cluster[0]][0] == "L"


def letter_places(parts: Sequence[str]) -> list[int]:
    """Which of the clusters of a word are letters."""
    return [place for place, part in enumerate(parts) if is_letter(part)]


def word_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of each word of a running text, without the punctuation around it.

    A word is a run of letters, marks and digits, with apostrophes inside. In scripts written without spaces four
    characters stand for a word: there is no dictionary here to cut by.
    """
    kinds = "".join(map(_kind, text))
    spans: list[tuple[int, int]] = []
    for match in _UNIT.finditer(kinds):
        start, end = match.span()
        if match[0][0] == "w":
            spans.append((start, end))
            continue
        ends = [start + stop for _, stop in grapheme_clusters(text[start:end])]
        for stop in [*ends[_PIECE - 1 :: _PIECE], end]:
            if stop > start:
                spans.append((start, stop))
                start = stop
    return spans


def _kind(char: str) -> str:
    if char in _APOSTROPHES:
        return "j"
    if GENERAL_CATEGORY[char][0] not in "LMN":
        return "."
    return "s" if SCRIPT[char] in _UNSPACED else "w"


def in_case_of(model: str, word: str) -> str:
    """``word``, which is in lower case, capitalised like ``model``."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
