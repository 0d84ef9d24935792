"""What a word tells about its line, and whether the word can be drawn apart from it.

A line of words is laid out as one stretch if all its characters have one script (or none of their own), one direction
and one font. The words can then be shaped one by one if the font's rules do not reach across the spaces between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pixlm.rendering.assembly.flow import flow_of, levels_inside, runs_one_way
from pixlm.rendering.itemize import NO_FONT, FontSet, Item, font_runs
from pixlm.rendering.unicode.bidi import first_strong_level
from pixlm.rendering.unicode.emoji import emoji_runs
from pixlm.rendering.unicode.properties import GENERAL_CATEGORY, SCRIPT, is_default_ignorable
from pixlm.rendering.unicode.scripts import COMMON, NO_SCRIPT

_MOST_TRAITS = 200_000


class Setting(NamedTuple):
    """What the words of a line have in common. ``flow``: see `flow`; ``font``: index in the font set."""

    script: str
    flow: str
    font: int

    @property
    def level(self) -> int:
        return int(self.flow != "L")


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
        flow = flow_of(words[0], base or 0)
        return None if flow is None else Setting(script or COMMON, flow, font)

    def base_level(self, words: Sequence[str]) -> int:
        """The level of a line by its first strong character."""
        for word in words:
            level = (self._traits.get(word) or self._trait(word)).level
            if level is not None:
                return level
        return 0

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
        return (
            runs_one_way(word, setting.flow)
            and {SCRIPT[char] for char in word} <= NO_SCRIPT | {setting.script}
            and not self._fonts.places(word, False) - {NO_FONT, setting.font}
            and _is_self_contained(word)
            and self._fonts.fonts[setting.font].stands_alone(word, setting.script, rtl=bool(setting.level))
        )

    def items(self, text: str, setting: Setting) -> Iterator[Item]:
        """The items of a word that stands alone, with a space after it."""
        levels = levels_inside(text, setting.flow)
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
        if not word or not runs_one_way(word, "L") or not _is_self_contained(word):
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
