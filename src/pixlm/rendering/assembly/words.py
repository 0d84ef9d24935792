"""What a word tells about its line, and whether the word can be drawn apart from it.

A line of words is laid out as one stretch if all its characters have one script (or none of their own), one direction
and one font. The words can then be shaped one by one if the font's rules do not reach across the spaces between them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pixlm.rendering.itemize import NO_FONT, FontSet
from pixlm.rendering.unicode.bidi import embedding_levels, first_strong_level
from pixlm.rendering.unicode.emoji import emoji_runs
from pixlm.rendering.unicode.properties import BIDI_CLASS, GENERAL_CATEGORY, SCRIPT, is_default_ignorable
from pixlm.rendering.unicode.scripts import COMMON, NO_SCRIPT

#: Bidi classes (see `unicode.bidi`) of words that run from left to right, of words that run from right to left but for
#: numbers, and the letter that stands for what is around these: numbers after Arabic letters go by other rules (UAX #9,
#: W2 to W7).
_LEFT_TO_RIGHT = re.compile("[^RanxXoOPlrfpbBs]*")
_RIGHT_TO_LEFT = {"R": re.compile("[^LaxXoOPlrfpbBs]*"), "a": re.compile("[^LRxXoOPlrfpbBs]*")}
_ARABIC_LETTER = {"Arab": "\u0627", "Syrc": "\u0710", "Thaa": "\u0780"}
_HEBREW_LETTER = "\u05d0"

_MOST_TRAITS = 200_000


class Setting(NamedTuple):
    """What the words of a line have in common. ``font``: index in the font set; ``level``: 0 or 1."""

    script: str
    level: int
    font: int


class _Trait(NamedTuple):
    """Of a word: its first script, direction and font, as far as its characters have one."""

    script: str | None
    level: int | None
    font: int | None


class Words:
    """Words of one set of fonts."""

    def __init__(self, fonts: FontSet) -> None:
        self._fonts = fonts
        self._traits: dict[str, _Trait] = {}

    def setting(self, words: Sequence[str], level: int | None) -> Setting | None:
        """What a line of words would have in common if it can be put together at all; None if it has no font or, from
        right to left, does not begin with a letter.

        Args:
            level: of the line; None: that of its first strong character.
        """
        script: str | None = None
        font: int | None = None
        base: int | None = level
        for word in words:
            trait = self._traits.get(word) or self._trait(word)
            if script is None:
                script = trait.script
            if font is None:
                font = trait.font
            if base is None:
                base = trait.level
            if script is not None and font is not None and base is not None:
                break
        if font is None:
            return None
        if base == 1 and (not words[0] or BIDI_CLASS[words[0][0]] not in "Ra"):
            return None
        return Setting(script or COMMON, base or 0, font)

    def _trait(self, word: str) -> _Trait:
        if len(self._traits) >= _MOST_TRAITS:
            self._traits.clear()
        script = next((SCRIPT[char] for char in word if SCRIPT[char] not in NO_SCRIPT), None)
        places = (self._fonts.choose(char, False) for char in word)
        place = next((place for place in places if place != NO_FONT), None)
        font = None if place is None or place >= len(self._fonts.fonts) else place
        trait = self._traits[word] = _Trait(script, first_strong_level(word), font)
        return trait

    def stands_alone(self, word: str, setting: Setting) -> bool:
        """Whether a word looks the same in every line of a setting."""
        if not word:
            return True
        types = "".join(map(BIDI_CLASS.__getitem__, word))
        one_way = _RIGHT_TO_LEFT[BIDI_CLASS[_letter(setting)]] if setting.level else _LEFT_TO_RIGHT
        if not one_way.fullmatch(types) or not {SCRIPT[char] for char in word} <= NO_SCRIPT | {setting.script}:
            return False
        if any(is_default_ignorable(char) or char in "\t\u2028" for char in word):
            return False  # joiners ask what stands beside them
        if GENERAL_CATEGORY[word[0]][0] == "M" or len(emoji_runs(word)) > 1 or emoji_runs(word)[0][2]:
            return False
        if self._fonts.places(word, False) - {NO_FONT, setting.font}:
            return False
        font = self._fonts.fonts[setting.font]
        return font.stands_alone(word, setting.script, rtl=bool(setting.level))

    def levels(self, word: str, setting: Setting) -> np.ndarray:
        """Bidi levels of a word that stands alone, and of a space after it: uint8 [len(word) + 1]."""
        if not setting.level:
            return np.zeros(len(word) + 1, np.uint8)
        letter = _letter(setting)
        levels, _ = embedding_levels(f"{letter} {word} {letter}", 1)
        return levels[2:-1]


def _letter(setting: Setting) -> str:
    return _ARABIC_LETTER.get(setting.script, _HEBREW_LETTER)
