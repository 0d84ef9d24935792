"""Cutting a line into items: stretches of one direction, script and font, which are shaped as a whole.

The rules are Pango's (1.50). Fonts are chosen per character: the first font of the list that has it. Spaces, controls
and invisible format characters ask for no font; they stay with what precedes them, unless the text goes on in a font
that stands earlier in the list, to which the spaces then belong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pixlm.rendering.font import Font
from pixlm.rendering.line import Stretch
from pixlm.rendering.unicode.emoji import emoji_runs
from pixlm.rendering.unicode.properties import asks_for_no_font, is_default_ignorable
from pixlm.rendering.unicode.scripts import script_runs

NO_FONT = -1
FORCED_BREAKS = ("\t", "\u2028")

#: Longest item in code points. Longer stretches are cut so that a line of any length is shaped in bounded memory;
#: at 8 points the first cut lies thousands of pixels beyond any canvas that is in use.
MAX_ITEM = 8192


@dataclass(frozen=True)
class Item(Stretch):
    """A stretch in one font."""

    script: str  # ISO 15924
    font: Font


class _Places(dict[str, int]):
    """Character -> place of its font in an order of fonts; the number of fonts if none has it, `NO_FONT` if it asks for
    none. Characters are looked up once."""

    def __init__(self, fonts: list[Font]) -> None:
        super().__init__()
        self._fonts = fonts

    def __missing__(self, char: str) -> int:
        place = self[char] = NO_FONT if asks_for_no_font(char) else self.search(char)
        return place

    def search(self, char: str) -> int:
        for place, font in enumerate(self._fonts):
            if font.covers(char):
                return place
        return len(self._fonts)


class FontSet:
    """An ordered list of fonts: the main font first, then the fallbacks, best first."""

    def __init__(self, fonts: list[Font]) -> None:
        self.fonts = fonts
        colour_first = sorted(range(len(fonts)), key=lambda index: not fonts[index].has_colour)
        # Two orders: for text, and for characters that are to be shown as emoji.
        self._orders = (list(range(len(fonts))), colour_first)
        self._places = tuple(_Places([fonts[index] for index in order]) for order in self._orders)

    def choose(self, char: str, emoji: bool) -> int:
        """Place of the font for ``char`` in the order; the number of fonts if none has it; -1 if it asks for none."""
        return self._places[emoji][char]

    def covers(self, char: str) -> bool:
        return self.choose(char, False) < len(self.fonts) or is_default_ignorable(char)

    def places(self, text: str, emoji: bool) -> set[int]:
        return set(map(self._places[emoji].__getitem__, text))

    def at(self, place: int, emoji: bool) -> int:
        """The font at a place of an order, as an index; where no font has the character the main font draws it."""
        order = self._orders[emoji]
        return order[place] if place < len(order) else 0

    def for_space(self, emoji: bool) -> int:
        return self.at(self._places[emoji].search(" "), emoji)


def itemize(text: str, levels: np.ndarray, fonts: FontSet) -> Iterator[Item]:
    """The items of ``text`` in logical order. ``levels``: bidi level per code point, uint8 [len(text)]."""
    for start, end, level, script, emoji in _runs(text, levels):
        for item_start, item_end, font in font_runs(text, start, end, fonts, emoji):
            for piece in range(item_start, item_end, MAX_ITEM):
                yield Item(piece, min(piece + MAX_ITEM, item_end), level, script, fonts.fonts[font])


def _runs(text: str, levels: np.ndarray) -> Iterator[tuple[int, int, int, str, bool]]:
    """(start, end, level, script, emoji): stretches in which none of the three changes."""
    scripts = script_runs(text)
    emojis = emoji_runs(text)
    if len(text) == 1:  # as cells of one character are, by the thousand
        yield 0, 1, int(levels[0]), scripts[0][2], emojis[0][2]
        return
    cuts = {end for _, end, _ in scripts} | {end for _, end, _ in emojis}
    cuts.update((np.flatnonzero(levels[1:] != levels[:-1]) + 1).tolist())
    script_index = emoji_index = start = 0
    for end in sorted(cuts):
        while scripts[script_index][1] <= start:
            script_index += 1
        while emojis[emoji_index][1] <= start:
            emoji_index += 1
        yield start, end, int(levels[start]), scripts[script_index][2], emojis[emoji_index][2]
        start = end


def font_runs(text: str, start: int, end: int, fonts: FontSet, emoji: bool) -> list[tuple[int, int, int]]:
    """(start, end, font index) of the items within one run."""
    piece = text[start:end]
    if not any(char in piece for char in FORCED_BREAKS):
        places = fonts.places(piece, emoji) - {NO_FONT}
        if len(places) < 2:
            return [(start, end, fonts.at(places.pop(), emoji) if places else fonts.for_space(emoji))]
    items: list[tuple[int, int, int]] = []
    item_start = start
    font: int | None = None  # of the item that is growing; None while it holds nothing but spaces
    item_place = len(fonts.fonts) + 1
    first_space: int | None = None  # of the stretch of spaces right before the current character
    was_forced = False
    for position in range(start, end):
        char = text[position]
        place = fonts.choose(char, emoji)
        is_space = place == NO_FONT
        is_forced = char in FORCED_BREAKS
        spaces = first_space
        if not is_space:
            first_space = None
        elif first_space is None:
            first_space = position
        char_font = None if is_space else fonts.at(place, emoji)
        if position == item_start or (font is None and char_font is not None):
            font, item_place = char_font, place
        elif char_font is None:
            char_font, place = font, item_place
        if position > item_start and (char_font != font or is_forced or was_forced):
            cut = position
            if spaces is not None and item_start < spaces and not is_space and place < item_place:
                cut = spaces
            items.append((item_start, cut, fonts.for_space(emoji) if font is None else font))
            item_start, font, item_place = cut, char_font, place
        was_forced = is_forced
    items.append((item_start, end, fonts.for_space(emoji) if font is None else font))
    return items
