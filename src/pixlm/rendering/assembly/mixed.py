"""Lines of several scripts and fonts, from left to right, put together from words.

The words of such a line depend on what precedes them: characters without a script take that of the text before, a
closing bracket that of the opening one, and all runs are aligned to the baseline of the first. So a word is kept for
each state of the line in which it was met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pixlm.rendering.assembly.pieces import Picture, Pieces
from pixlm.rendering.assembly.words import Setting, Words
from pixlm.rendering.backends import centred
from pixlm.rendering.font import UNITS, Font
from pixlm.rendering.itemize import Item
from pixlm.rendering.layout import Baseline, LineLayout, ShapedLine, baseline_of
from pixlm.rendering.unicode.scripts import OpenPairs, continued_runs

_MOST_WORDS = 50_000
_LONGEST_WORD = 256


@dataclass(slots=True, eq=False)
class _Word:
    """A word and the space after it, laid out.

    ``script`` and ``opened``: of the line after it; ``first``: its first item; ``places``: of its first and last font;
    ``joins``: its first run goes on from the word before; ``space``: width of the space; ``top`` and ``bottom``:
    furthest from the line's baseline, in units; ``pictures``: by the baseline's place on the canvas.
    """

    line: ShapedLine
    baseline: Baseline
    script: str
    opened: OpenPairs
    first: Item
    places: tuple[int, int]
    joins: bool
    space: int
    top: int
    bottom: int
    pictures: dict[int, Picture] = field(default_factory=dict)


class MixedLines:
    """Lines on canvases of ``rows`` pixels. ``ink``: draws a line with its baseline a number of units below the top."""

    def __init__(
        self, words: Words, layout: LineLayout, rows: int, ink: Callable[[ShapedLine, int], Picture]
    ) -> None:
        self._words = words
        self._layout = layout
        self._rows = rows
        self._ink = ink
        self._known: dict[tuple[str, str, OpenPairs, Baseline | None], _Word | None] = {}
        self._spaces: dict[tuple[Font, str], int] = {}

    def line(self, words: Sequence[str], setting: Setting) -> Pieces | None:
        """A line of at least one word, None if it has to go the plain way.

        Args:
            setting: of its first word.
        """
        if setting.level:
            return None
        known = self._known
        script = setting.script
        opened: OpenPairs = ()
        baseline: Baseline | None = None
        line: list[_Word] = []
        for text in words:
            key = text, script, opened, baseline
            word = known[key] if key in known else self._word(key)
            if word is None or (line and self._takes_space(word, line[-1])):
                return None
            script, opened, baseline = word.script, word.opened, word.baseline
            line.append(word)
        top = max([word.top for word in line])
        bottom = max([word.bottom for word in line])
        place = centred(-(-(top + bottom) // UNITS), top, self._rows)
        pieces: list[tuple[bytes, int]] = []
        x = inked = 0
        for word in line:
            picture = word.pictures.get(place)
            if picture is None:
                picture = word.pictures[place] = self._ink(word.line, place)
            if picture.data:
                if x + picture.first < inked:
                    return None  # it reaches onto the word before
                pieces.append((picture.data, x + picture.first))
                inked = x + picture.last
            x += picture.width
        return Pieces(pieces, x - line[-1].space)

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

    def _word(self, key: tuple[str, str, OpenPairs, Baseline | None]) -> _Word | None:
        if len(self._known) >= _MOST_WORDS:
            self._known.clear()
        self._known[key] = word = self._laid_out(*key)
        return word

    def _laid_out(self, text: str, script: str, opened: OpenPairs, baseline: Baseline | None) -> _Word | None:
        if not 0 < len(text) <= _LONGEST_WORD:
            return None
        runs, new_script, now_open = continued_runs(text, script, opened)
        runs = [run for run in runs if run[0] < run[1]]
        found = self._words.items_on_line(text, runs)
        if found is None:
            return None
        items = [item for item, _ in found]
        line = self._layout.layout(text + " ", level=0, items=items, baseline=baseline)
        if line.missing:
            return None
        return _Word(
            line=line,
            baseline=baseline or baseline_of(items[0]),
            script=new_script,
            opened=now_open,
            first=items[0],
            places=(found[0][1], found[-1][1]),
            joins=runs[0][2] == script,
            space=line.runs[-1].advances[-1],
            top=max(run.ascent + run.rise for run in line.runs),
            bottom=max(run.descent - run.rise for run in line.runs),
        )
