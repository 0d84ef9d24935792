"""What a word tells about its line, and whether the word can be drawn apart from it.

A line of words is laid out as one stretch if all its characters have one script (or none of their own), one direction
and one font. The words can then be shaped one by one if the font's rules do not reach across the spaces between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pixlm.rendering.itemize import NO_FONT, FontSet, Item, font_runs
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
        return (
            one_way.fullmatch(types) is not None
            and {SCRIPT[char] for char in word} <= NO_SCRIPT | {setting.script}
            and not self._fonts.places(word, False) - {NO_FONT, setting.font}
            and _is_self_contained(word)
            and self._fonts.fonts[setting.font].stands_alone(word, setting.script, rtl=bool(setting.level))
        )

    def items(self, text: str, setting: Setting) -> Iterator[Item]:
        """The items of a word that stands alone, with a space after it."""
        levels = np.zeros(len(text), np.uint8)
        if setting.level:
            letter = _letter(setting)
            levels = embedding_levels(f"{letter} {text}{letter}", 1)[0][2:-1]
        borders = [0, *(np.flatnonzero(levels[1:] != levels[:-1]) + 1).tolist(), len(text)]
        for start, end in pairwise(borders):
            yield Item(start, end, int(levels[start]), setting.script, self._fonts.fonts[setting.font])

    def items_on_line(self, word: str, runs: list[tuple[int, int, str]]) -> list[tuple[Item, int]] | None:
        """The items, with their fonts' places, of a word in a line of several scripts or fonts that runs from left to
        right; to the last one belongs the space after the word. None if the word cannot be drawn apart.

        Args:
            runs: start, end and script of the stretches of one script.
        """
        choose = self._fonts.choose
        types = "".join(map(BIDI_CLASS.__getitem__, word))
        if not word or not _LEFT_TO_RIGHT.fullmatch(types) or not _is_self_contained(word):
            return None
        if NO_FONT in (choose(word[0], False), choose(word[-1], False)) or len(self._fonts.fonts) in self._fonts.places(
            word, False
        ):
            return None
        found = [
            (start, end, script, font)
            for first, last, script in runs
            for start, end, font in font_runs(word, first, last, self._fonts, False)
        ]
        for start, end, script, font in {found[0], found[-1]}:
            if not self._fonts.fonts[font].stands_alone(word[start:end], script, rtl=False):
                return None
        return [
            (Item(start, end + (end == len(word)), 0, script, self._fonts.fonts[font]), font)
            for start, end, script, font in found
        ]


def _is_self_contained(word: str) -> bool:
    """Whether neither joiners, nor marks at its beginning, nor emoji make a word more than its characters."""
    if GENERAL_CATEGORY[word[0]][0] == "M" or any(is_default_ignorable(char) or char == "\t" for char in word):
        return False
    return emoji_runs(word) == [(0, len(word), False)]


def _letter(setting: Setting) -> str:
    return _ARABIC_LETTER.get(setting.script, _HEBREW_LETTER)
