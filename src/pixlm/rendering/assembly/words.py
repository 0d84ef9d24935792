"""What a word tells about its line, and whether the word can be drawn apart from it.

A line of words is laid out as one stretch if all its characters have one script (or none of their own), one direction
and one font. The words can then be shaped one by one if the font's rules do not reach across the spaces between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pixlm.rendering.assembly.flow import flow_of, flow_of_item, levels_inside, runs_one_way
from pixlm.rendering.font import Font
from pixlm.rendering.itemize import NO_FONT, Item, font_runs
from pixlm.rendering.layout import LineLayout, ShapedLine
from pixlm.rendering.unicode.bidi import first_strong_level
from pixlm.rendering.unicode.emoji import EMOJI_CATEGORY
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

    def __init__(self, layout: LineLayout) -> None:
        self._layout = layout
        self._fonts = self.fonts = layout.fonts
        self._traits: dict[str, _Trait] = {}
        self._plain: dict[Setting, set[str]] = {}
        self.space_font = self._fonts.for_space(False)  # of spaces that stand by themselves

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

    def font(self, setting: Setting) -> Font:
        return self._fonts.fonts[setting.font]

    def has_colour(self, setting: Setting) -> bool:
        return self._fonts.fonts[setting.font].has_colour

    def may_all_stand_alone(self, words: Sequence[str], setting: Setting) -> bool:
        """Whether `may_stand_alone` holds for all of these words, as far as that was found out before."""
        plain = self._plain.get(setting)
        return (
            plain is not None
            and plain.issuperset("".join(words))
            and "M" not in {GENERAL_CATEGORY[char][0] for char in {word[0] for word in words}}
        )

    def may_stand_alone(self, word: str, setting: Setting) -> bool:
        """Whether the characters of a word have nothing against its being drawn apart from its line."""
        plain = self._plain.get(setting)
        if plain is None:
            plain = self._plain[setting] = set()
        if not plain.issuperset(word):
            new = set(word) - plain
            if not runs_one_way("".join(new), setting.flow) or not all(self._is_plain(char, setting) for char in new):
                return False
            plain |= new
        return not word or GENERAL_CATEGORY[word[0]][0] != "M"

    def _is_plain(self, char: str, setting: Setting) -> bool:
        """Of a character that may stand in the setting's flow."""
        return (
            (SCRIPT[char] in NO_SCRIPT or SCRIPT[char] == setting.script)
            and self._fonts.choose(char, False) in (NO_FONT, setting.font)
            and _SELF_CONTAINED[char]
        )

    def line(self, text: str, setting: Setting) -> ShapedLine:
        """A word, or a space, of a setting laid out alone."""
        return self._layout.layout(text, level=setting.level, items=self._items(text, setting))

    def _items(self, text: str, setting: Setting) -> Iterator[Item]:
        levels = levels_inside(text, setting.flow)
        borders = [0, *(np.flatnonzero(levels[1:] != levels[:-1]) + 1).tolist(), len(text)]
        for start, end in pairwise(borders):
            yield Item(start, end, int(levels[start]), setting.script, self._fonts.fonts[setting.font])

    def items_on_line(
        self, word: str, runs: list[tuple[int, int, str]], levels: bytes
    ) -> list[tuple[Item, int]] | None:
        """The items, with their fonts' places, of a word in a line of several scripts, fonts or directions. None if the
        word cannot be drawn apart; of one item in a flow `Inks` find that out.

        Args:
            runs: start, end and script of the stretches of one script.
            levels: bidi levels of the characters; without, they run from left to right.
        """
        choose = self._fonts.choose
        if (
            (not levels and not runs_one_way(word, "L"))
            or not all(map(_SELF_CONTAINED.__getitem__, word))
            or GENERAL_CATEGORY[word[0]][0] == "M"
        ):
            return None
        if NO_FONT in (choose(word[0], False), choose(word[-1], False)) or len(self._fonts.fonts) in self._fonts.places(
            word, False
        ):
            return None
        found = [
            (Item(start, end, levels[start] if levels else 0, script, self._fonts.fonts[font]), font)
            for first, last, script in runs
            for begin, stop in _level_runs(levels, first, last)
            for start, end, font in font_runs(word, begin, stop, self._fonts, False)
        ]
        if len(found) > 1 or flow_of_item(word, found[0][0].level) is None:
            for item, _ in (found[0], found[-1]):
                text = f"  {word[item.start : item.end]}  "
                rtl = bool(item.level & 1)
                shaped = item.font.shaping.shape_apart(text, script=item.script, rtl=rtl)
                if not shaped.is_apart(2, len(shaped.glyphs) - 2, 2, len(text) - 2, rtl, item.font.circle):
                    return None
        return found


class _SelfContained(dict[str, bool]):
    """Whether a character is neither a joiner nor part of sequences such as emoji."""

    def __missing__(self, char: str) -> bool:
        is_plain = not is_default_ignorable(char) and char not in "\t\u2028" and EMOJI_CATEGORY[char] in ".kt"
        self[char] = is_plain
        return is_plain


_SELF_CONTAINED = _SelfContained()


def _level_runs(levels: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches of one level from ``start`` to ``end``."""
    borders = [index for index in range(start + 1, end) if levels and levels[index] != levels[index - 1]]
    yield from pairwise((start, *borders, end))
