"""Lines of ``continuous``, put together from strips: the pixel columns of a word and the space after it.

A strip begins and ends a little beside its place on the line (``SHIFT``), in the white of a space, so that ink which
reaches over the edge of a word's advance is on the word's own strip. Where ink reaches further, the word is not kept.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pixlm.rendering.assembly.mixed import MixedLines
from pixlm.rendering.assembly.pieces import Picture, Pieces
from pixlm.rendering.assembly.words import Setting, Words
from pixlm.rendering.backends import Painter
from pixlm.rendering.layout import LineLayout, ShapedLine

SHIFT = 2  # columns
_LONGEST_LINE = 4096  # code points; a line must be one item of the layout
_LONGEST_WORD = 256
_CACHE_BYTES = 64 << 20
_MOST_PICTURES = 100_000


class _Table(dict[str, bytes | None]):
    """The strips of the words of one setting, from left to right or (``level`` 1) from right to left; None for words
    that cannot be drawn apart. A word's strip includes the space after it."""

    def __init__(self, make: Callable[[str], bytes | None], space: int) -> None:
        super().__init__()
        self._make = make
        self.space = space  # pixels
        self.bytes = 0

    def __missing__(self, word: str) -> bytes | None:
        strip = self._make(word)
        self.bytes += 100 + len(word) + len(strip or b"")
        if self.bytes > _CACHE_BYTES:
            self.clear()
            self.bytes = 0
        self[word] = strip
        return strip


class Strips:
    """Strips of one set of fonts on canvases of one painter. ``baseline``: where a line stands, in units from the top."""

    def __init__(
        self, words: Words, layout: LineLayout, painter: Painter, baseline: Callable[[ShapedLine], int]
    ) -> None:
        self._words = words
        self._layout = layout
        self._painter = painter
        self._baseline = baseline
        self._tables: dict[Setting, _Table] = {}
        self._mixed = MixedLines(words, layout, painter.rows, self.ink)
        self._pictures: dict[tuple[str, int | None], Picture | None] = {}
        self._column = painter.rows * (3 if painter.rgb else 1)  # bytes
        self.blank = b"\xff" * self._column

    def line(self, text: str, level: int | None) -> Pieces | None:
        """A text on one line, None if it has to go the plain way.

        Args:
            level: 0 left to right, 1 right to left; None: by the first strong character.
        """
        if len(text) > _LONGEST_LINE:
            return None
        words = text.split(" ")
        setting = self._words.setting(words, level)
        if setting is None:
            return None
        table = self._tables.get(setting)
        if table is None:
            table = self._tables[setting] = self._table(setting)
        strips = list(map(table.__getitem__, words))
        if setting.level:
            strips.reverse()
        try:
            data = b"".join(strips)  # type: ignore[arg-type]
        except TypeError:  # None among them
            return self._mixed.line(words, setting)
        # There is no space after the last word. What is on its strip from there on is white, right of a word that runs
        # from left to right and left of one that runs from right to left.
        width = len(data) // self._column - table.space
        if setting.level:
            # Such a strip begins SHIFT columns right of its place.
            lead = 2 * SHIFT - table.space
            data = self.blank * lead + data if lead >= 0 else data[-lead * self._column :]
        return Pieces([(data, -SHIFT)], width)

    def _table(self, setting: Setting) -> _Table:
        space = self._layout.layout(" ", level=setting.level, items=self._words.items(" ", setting)).width
        return _Table(lambda word: self._strip(word, setting), space)

    def _strip(self, word: str, setting: Setting) -> bytes | None:
        if len(word) > _LONGEST_WORD or not self._words.stands_alone(word, setting):
            return None
        text = word + " "
        line = self._layout.layout(text, level=setting.level, items=self._words.items(text, setting))
        if line.missing:
            return None
        canvas, first, inked = self._canvas(line, SHIFT if setting.level else -SHIFT, self._baseline(line))
        if len(inked) and not first <= inked[0] <= inked[-1] < first + line.width:
            return None
        return self._columns(canvas[first : first + line.width])

    # ---- lines drawn alone

    def picture(self, text: str, level: int | None) -> Picture | None:
        """A text on a line of its own, None if it has to go the plain way."""
        key = text, level
        if key in self._pictures:
            return self._pictures[key]
        if len(text) > _LONGEST_WORD:
            return None
        if len(self._pictures) >= _MOST_PICTURES:
            self._pictures.clear()
        picture = self._pictures[key] = self._drawn(text, level)
        return picture

    def _drawn(self, text: str, level: int | None) -> Picture | None:
        line = self._layout.layout(text, level=level)
        if line.missing:
            return None
        return self.ink(line, self._baseline(line))

    def ink(self, line: ShapedLine, baseline: int) -> Picture:
        """The ink of a line with its baseline ``baseline`` units below the top."""
        canvas, left, inked = self._canvas(line, 0, baseline)
        first, last = (int(inked[0]), int(inked[-1]) + 1) if len(inked) else (left, left)
        return Picture(self._columns(canvas[first:last]), line.width, first - left, last - left)

    def _canvas(self, line: ShapedLine, shift: int, baseline: int) -> tuple[np.ndarray, int, np.ndarray]:
        """A line drawn with white around it, the column ``shift`` right of its left end, and the columns with ink."""
        margin = self._painter.rows
        canvas = self._painter.blank(line.width + 2 * margin)
        blank = canvas[:1].copy()
        self._painter.draw(canvas, line, margin, baseline)
        return canvas, margin + shift, np.flatnonzero((canvas != blank).reshape(len(canvas), -1).any(axis=1))

    def _columns(self, canvas: np.ndarray) -> bytes:
        return (canvas if self._painter.rgb else 255 - canvas).tobytes()

    # ---- images

    def put(self, image: np.ndarray, data: bytes, left: int, end: int) -> None:
        """Put columns onto an image, the first at pixel ``left``; what is not between 0 and ``end`` is left out."""
        columns = np.frombuffer(data, np.uint8).reshape(-1, self._painter.rows, *(3,) * self._painter.rgb)
        if left < 0:
            columns, left = columns[-left:], 0
        columns = columns[: max(end - left, 0)]
        image[:, left : left + len(columns)] = columns.swapaxes(0, 1)
