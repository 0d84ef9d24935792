"""Checking and normalising what people pass to a renderer.

Every rule keeps the number of code points, so that offsets are offsets into the caller's text:

* lone surrogates, which are no characters, become U+FFFD and count as missing;
* control characters and line and paragraph separators become spaces (they would be drawn as boxes, or break the line).
  With upstream's quirks, tabs stay: Pango moves to the next tab stop; and with PyGame, which draws boxes, all stay.
"""

from __future__ import annotations

import re
from typing import Any

from pixlm.errors import UsageError

_SURROGATES = re.compile("[\ud800-\udfff]")
#: What becomes a space, by what is kept.
_CONTROLS = {
    "none": re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]"),
    "tabs": re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]"),
    "all": re.compile("(?!)"),
}

SUPPORTED = "a str (one text), a tuple of two str (a pair) or a list of str (words)"


class TextInput:
    """One checked input: exactly one of ``text``, ``pair`` and ``words`` is set. ``surrogates``: lone surrogates that
    were replaced. ``keep``: the control characters that stay, "none", "tabs" or "all"."""

    def __init__(self, value: Any, keep: str) -> None:
        self.text: str | None = None
        self.pair: tuple[str, str] | None = None
        self.words: list[str] | None = None
        self.surrogates = 0
        self._controls = _CONTROLS[keep]
        if isinstance(value, str):
            self.text = self._clean(value)
        elif isinstance(value, tuple):
            if len(value) != 2:
                raise UsageError(f"TextRenderer: a tuple is a pair of two texts, but this one has {len(value)} entries")
            first, second = (self._checked(entry, f"entry {index} of the pair") for index, entry in enumerate(value))
            self.pair = first, second
        elif isinstance(value, list):
            self.words = [self._checked(entry, f"word {index}") for index, entry in enumerate(value)]
        else:
            raise TypeError(f"TextRenderer cannot render {describe(value)}; it takes {SUPPORTED}")

    def _checked(self, value: Any, what: str) -> str:
        if not isinstance(value, str):
            raise TypeError(f"TextRenderer: {what} is {describe(value)}, not a str; a renderer takes {SUPPORTED}")
        return self._clean(value)

    def _clean(self, text: str) -> str:
        if text.isprintable():
            return text
        text, count = _SURROGATES.subn("\ufffd", text)
        self.surrogates += count
        return self._controls.sub(" ", text)


def describe(value: Any) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"
