"""Lines of several scripts, fonts or directions put together from words.

The words of such a line depend on what precedes them: characters without a script take that of the text before, a
closing bracket that of the opening one, and all runs are aligned to the baseline of the first. So a word is kept for
each state of the line in which it was met. Its ink, if it is one run, is that of `inks`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pixlm.rendering.assembly.flow import flow_of_item, order_of_pieces, pieces_of
from pixlm.rendering.assembly.inks import Inks
from pixlm.rendering.assembly.pieces import Columns, Picture, Pieces
from pixlm.rendering.assembly.words import Setting, Words
from pixlm.rendering.backends import centred
from pixlm.rendering.font import UNITS, Font, ot_script_tag
from pixlm.rendering.itemize import Item
from pixlm.rendering.layout import Baseline, LineLayout, ShapedLine, baseline_of
from pixlm.rendering.unicode.bidi import embedding_levels
from pixlm.rendering.unicode.properties import SCRIPT
from pixlm.rendering.unicode.scripts import COMMON, NO_SCRIPT, OpenPairs, continued_runs

_MOST_WORDS = 100_000
_LONGEST_WORD = 1024


_WORD = re.compile("[^ ]+")

#: A word, the bidi levels of its characters (none: all 0), and the state of the line before it: script, open pairs,
#: baseline.
_Key = tuple[str, bytes, str, OpenPairs, Baseline | None]


@dataclass(slots=True, eq=False)
class _Word:
    """A word at a place in the state of a line.

    ``line``: laid out, if it has several runs; else ``setting`` and how far the run's baseline is above the line's,
    ``rise``. ``script``, ``opened`` and ``baseline``: the state of the line after it; ``first``: its first item;
    ``places``: of its first and last font; ``joins``: its first run goes on from the word before; ``space``: width of
    the space after it; ``top`` and ``bottom``: furthest from the line's baseline, in units; ``pictures``: by the place
    of the line's baseline on the canvas.
    """

    line: ShapedLine | None
    setting: Setting
    rise: int
    script: str
    opened: OpenPairs
    baseline: Baseline
    first: Item
    places: tuple[int, int]
    joins: bool
    space: int
    top: int
    bottom: int
    pictures: dict[int, Picture | None] = field(default_factory=dict)


class MixedLines:
    """Lines on canvases of ``rows`` pixels.

    ``white``: a blank column; ``draw``: draws a line alone, its baseline so many units below the top.
    """

    def __init__(
        self,
        words: Words,
        layout: LineLayout,
        rows: int,
        white: bytes,
        inks: Inks,
        draw: Callable[[ShapedLine, int], Picture],
    ) -> None:
        self._words = words
        self._layout = layout
        self._rows = rows
        self._white = white
        self._inks = inks
        self._draw = draw
        self._known: dict[_Key, _Word | None] = {}
        self._spaces: dict[tuple[Font, str], int] = {}

    def line(self, texts: Sequence[str], script: str) -> Pieces | None:
        """A line of at least one word that runs from left to right, None if it has to go the plain way.

        Args:
            script: the first one on it.
        """
        words = self._in_states(texts, script, [b""] * len(texts))
        if words is None or any(self._takes_space(word, before) for before, word in pairwise(words)):
            return None
        pictures = self._pictures(texts, words)
        if pictures is None:
            return None
        places: list[int] = []
        x = 0
        for word, picture in zip(words, pictures, strict=True):
            places.append(x)
            x += picture.width + word.space
        return self._joined(pictures, places, x - words[-1].space)

    def both_ways(self, text: str, base: int) -> Pieces | None:
        """A line some of whose words run the other way, None if it has to go the plain way. ``base``: its level."""
        levels = embedding_levels(text, base)[0].tobytes()
        spans, _ = pieces_of(levels, [match.span() for match in _WORD.finditer(text)])
        if not spans:
            return None
        order, gaps = order_of_pieces(levels, spans)
        texts = [text[start:end] for start, end in spans]
        script = next((SCRIPT[char] for char in text if SCRIPT[char] not in NO_SCRIPT), COMMON)
        words = self._in_states(texts, script, [levels[start:end] for start, end in spans])
        if words is None:
            return None
        # Spaces may be runs of their own: all fonts have to be the one that these are of.
        space = words[0].space
        fonts = self._words.space_font, self._words.space_font
        if any(word.space != space or word.places != fonts for word in words):
            return None
        pictures = self._pictures(texts, words)
        if pictures is None:
            return None
        pictures = [pictures[index] for index in order]
        places: list[int] = []
        x = 0
        for picture, gap in zip(pictures, gaps, strict=False):
            x += gap * space
            places.append(x)
            x += picture.width
        return self._joined(pictures, places, x + gaps[-1] * space)

    def _joined(self, pictures: Sequence[Picture], places: Sequence[int], width: int) -> Pieces | None:
        """Words at pixels in one piece; None if one reaches onto the one before."""
        parts: list[Columns] = []
        begin = inked = 0
        for picture, x in zip(pictures, places, strict=True):
            if not picture.data:
                continue
            first = x + picture.first
            if not parts:
                begin = inked = first
            if first < inked:
                return None
            parts += (self._white * (first - inked), picture.data)
            inked = x + picture.last
        return Pieces([(b"".join(parts), begin)], width)

    def _in_states(self, texts: Sequence[str], script: str, levels: Sequence[bytes]) -> list[_Word] | None:
        """The words of a line, in logical order, in the states that they meet."""
        known = self._known
        opened: OpenPairs = ()
        baseline: Baseline | None = None
        words: list[_Word] = []
        for text, own in zip(texts, levels, strict=True):
            key = text, own, script, opened, baseline
            word = known[key] if key in known else self._word(key)
            if word is None:
                return None
            script, opened, baseline = word.script, word.opened, word.baseline
            words.append(word)
        return words

    def _pictures(self, texts: Sequence[str], words: list[_Word]) -> list[Picture] | None:
        """The ink of the words of a line."""
        top = max([word.top for word in words])
        bottom = max([word.bottom for word in words])
        place = centred(-(-(top + bottom) // UNITS), top, self._rows)
        pictures = [word.pictures.get(place) for word in words]
        if None in pictures:
            self._add_pictures(texts, words, place)
            pictures = [word.pictures[place] for word in words]
        return None if None in pictures else pictures  # type: ignore[return-value]

    def _takes_space(self, word: _Word, before: _Word) -> bool:
        """Whether the space between two words is one of the second's font, and differs from the one that it was taken
        for: spaces go to the font that stands earlier in the list."""
        if not word.joins or word.places[0] >= before.places[1]:
            return False
        return self._space(word.first) != before.space

    def _space(self, item: Item) -> int:
        key = item.font, item.script
        width = self._spaces.get(key)
        if width is None:
            space = Item(0, 1, 0, item.script, item.font)
            width = self._spaces[key] = self._layout.layout(" ", level=0, items=[space]).width
        return width

    def _word(self, key: _Key) -> _Word | None:
        if len(self._known) >= _MOST_WORDS:
            self._known.clear()
        self._known[key] = word = self._in_state(*key)
        return word

    def _in_state(
        self, text: str, levels: bytes, script: str, opened: OpenPairs, baseline: Baseline | None
    ) -> _Word | None:
        if not 0 < len(text) <= _LONGEST_WORD:
            return None
        runs, new_script, now_open = continued_runs(text, script, opened)
        runs = [run for run in runs if run[0] < run[1]]
        found = self._words.items_on_line(text, runs, levels)
        if found is None:
            return None
        items = [item for item, _ in found]
        first = items[0]
        baseline = baseline or baseline_of(first)
        line = None
        flow = flow_of_item(text, first.level)
        if len(items) > 1 or flow is None:
            line = self._layout.layout(text, level=0, items=items, baseline=baseline)
            if line.missing:
                return None
        rises = [baseline[1] - item.font.baseline(baseline[0], ot_script_tag(item.script)) for item in items]
        return _Word(
            line=line,
            setting=Setting(first.script, flow or "L", found[0][1]),
            rise=rises[0],
            script=new_script,
            opened=now_open,
            baseline=baseline,
            first=first,
            places=(found[0][1], found[-1][1]),
            joins=runs[0][2] == script,
            space=self._space(items[-1]),
            top=max(item.font.ascent + rise for item, rise in zip(items, rises, strict=True)),
            bottom=max(item.font.descent - rise for item, rise in zip(items, rises, strict=True)),
        )

    def _add_pictures(self, texts: Sequence[str], words: list[_Word], place: int) -> None:
        """Draw the words of a line that were not yet drawn with the line's baseline at ``place``."""
        single: dict[tuple[Setting, int], list[tuple[str, _Word]]] = {}
        for text, word in zip(texts, words, strict=True):
            if place in word.pictures:
                continue
            if word.line is None:
                single.setdefault((word.setting, place - word.rise), []).append((text, word))
            else:
                word.pictures[place] = self._draw(word.line, place)
        for (setting, baseline), group in single.items():
            inks = self._inks.find([text for text, _ in group], setting, baseline)
            for (_, word), ink in zip(group, inks, strict=True):
                word.pictures[place] = ink
