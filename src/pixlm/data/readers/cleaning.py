"""PIXEL's cosmetic cleaning of texts to be classified."""

from __future__ import annotations

_REPLACEMENTS = (
    (" ,", ","), (" .", "."), (" !", "!"), (" ?", "?"), (" #", "#"), (" /", "/"), (' "', '"'), ('" ', '"'),
    (" '", "'"), ("' ", "'"), (" n't", "n't"), ("( ", "("), (" )", ")"), ("[ ", "["), (" ]", "]"),
)  # fmt: skip


def close_up(text: str) -> str:
    """``text`` without the spaces that tokenizers put around punctuation; the order of the rules matters.

    PIXEL's and PIXEL-M4's scripts for GLUE, NLI, XNLI and SIB-200 pass each text of an example through these rules
    before rendering it, in all languages.
    """
    for old, new in _REPLACEMENTS:
        text = text.replace(old, new)
    return text
