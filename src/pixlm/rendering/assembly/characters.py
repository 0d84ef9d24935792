"""Characters drawn alone, as the cells of bigrams hold them, without the objects of a layout for each."""

from __future__ import annotations

from typing import NamedTuple

from pixlm.rendering.assembly.pieces import Columns, ink_of_glyphs
from pixlm.rendering.backends import centred
from pixlm.rendering.drawing import Painter
from pixlm.rendering.font import UNITS
from pixlm.rendering.itemize import FORCED_BREAKS, NO_FONT, FontSet
from pixlm.rendering.shaping import UNKNOWN_GLYPH
from pixlm.rendering.unicode.bidi import embedding_levels, first_strong_level
from pixlm.rendering.unicode.emoji import EMOJI_CATEGORY
from pixlm.rendering.unicode.properties import BIDI_CLASS, SCRIPT
from pixlm.rendering.unicode.scripts import COMMON, NO_SCRIPT

_LEFT_TO_RIGHT = frozenset("LNWECTSM")  # bidi classes that run from left to right where the paragraph does


class CharacterInk(NamedTuple):
    """``data``: columns of ink, the first ``first`` pixels right of the character's left end; ``width`` is in
    pixels."""

    data: Columns
    first: int
    width: int


class Characters:
    """Characters of one set of fonts, each a line of its own at the place where cells have it.

    Args:
        isolated: a character's line has the character's direction, not that of the cell.
    """

    def __init__(self, fonts: FontSet, painter: Painter, *, isolated: bool) -> None:
        self._fonts = fonts
        self.painter = painter
        self._isolated = isolated
        self._known: tuple[dict[str, CharacterInk | None], ...] = ({}, {})

    def inks(self, text: str, odd: int) -> dict[str, CharacterInk | None]:
        """The ink of characters in cells whose level is even or odd, of all that are in a text, and others; None: it
        has to be laid out."""
        known = self._known[odd]
        for char in sorted(set(text).difference(known)):
            known[char] = self._drawn(char, None if self._isolated else odd)
        return known

    def _drawn(self, char: str, level: int | None) -> CharacterInk | None:
        """What `LineLayout.layout` and `ink_of` do, for a character of one black run."""
        place = self._fonts.choose(char, False)
        if (
            place == NO_FONT
            or place >= len(self._fonts.fonts)
            or char in FORCED_BREAKS
            or EMOJI_CATEGORY[char] not in ".kt"
        ):
            return None
        font = self._fonts.fonts[place]
        if font.has_colour:
            return None
        if level is None:
            level = first_strong_level(char) or 0
        is_plain = not level and BIDI_CLASS[char] in _LEFT_TO_RIGHT
        rtl = not is_plain and bool(int(embedding_levels(char, level)[0][0]) & 1)
        script = SCRIPT[char]
        shaped = font.shape(char, 0, 1, script=COMMON if script in NO_SCRIPT else script, rtl=rtl)
        if UNKNOWN_GLYPH in shaped.glyphs:
            return None
        pen = 0
        xs, ys = [], []
        for dx, dy, advance in shaped.places:
            if advance < 0:  # as Pango does it, before it rounds
                advance = -advance
                dx += advance
            xs.append(pen * UNITS + dx)
            ys.append(-dy)
            pen += (advance + UNITS // 2) // UNITS
        height = -(-(font.ascent + font.descent) // UNITS)
        baseline = centred(height, font.ascent, self.painter.rows)
        data, first, _ = ink_of_glyphs(font, shaped.glyphs, xs, ys, baseline, self.painter)
        return CharacterInk(data, first, pen)
