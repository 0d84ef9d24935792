"""Lines of one script, direction and font put together from strips: the pixel columns of a word and its space.

A strip begins and ends a little beside its place on the line (``SHIFT``), in the white of a space, so that ink which
reaches over the edge of a word's advance is on the word's own strip. Where ink reaches further, the line goes the way
of `mixed`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pixlm.rendering import compiled
from pixlm.rendering.assembly.inks import Inks
from pixlm.rendering.assembly.mixed import MixedLines
from pixlm.rendering.assembly.pieces import Columns, Picture, Pieces, ink_of
from pixlm.rendering.assembly.words import Setting, Words
from pixlm.rendering.drawing import Painter
from pixlm.rendering.layout import LineLayout, ShapedLine

SHIFT = 2  # columns
_LONGEST_LINE = 4096  # code points; a line must be one item of the layout
_LONGEST_PICTURE = 256
_CACHE_BYTES = 64 << 20
_MOST_PICTURES = 50_000


class _Table(dict[str, bytes | bool]):
    """The strips of the words of one setting; False for words that have none. A word's strip includes the space after
    it, ``space`` pixels wide. ``baseline``: of such a line, in units from the top of the canvas."""

    def __init__(self, space: int, baseline: int) -> None:
        super().__init__()
        self.space = space
        self.baseline = baseline


class Strips:
    """Strips of one set of fonts on canvases of one painter. ``baseline``: where a line stands, units below the top."""

    def __init__(
        self, words: Words, layout: LineLayout, painter: Painter, baseline: Callable[[ShapedLine], int]
    ) -> None:
        self._words = words
        self._layout = layout
        self._painter = painter
        self._baseline = baseline
        self._column = painter.rows * (3 if painter.rgb else 1)  # bytes
        self._white = b"\xff" * self._column
        self._shape = (-1, painter.rows, 3) if painter.rgb else (-1, painter.rows)
        self.inks = Inks(words, painter, self._ink)
        self._mixed = MixedLines(words, layout, painter.rows, self._white, self.inks, self._ink)
        self._tables: dict[Setting, _Table] = {}
        self._bytes = 0
        self._pictures: dict[tuple[str, int | None], Picture | None] = {}

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
            base = self._words.base_level(words) if level is None else level
            return self._mixed.both_ways(text, base) if base else None
        table = self._tables.get(setting) or self._table(setting)
        rtl = setting.flow != "L"
        strips = map(table.get, words[::-1] if rtl else words)
        try:
            data = b"".join(strips)  # type: ignore[arg-type]
        except TypeError:  # new words, or words that have no strip
            known = list(map(table.get, words))
            if None in known:
                known = self._with_new(words, table, setting)
            if False in known:
                line = None if rtl else self._mixed.line(words, setting.script)
                return line or self._mixed.both_ways(text, setting.level)
            data = b"".join(known[::-1] if rtl else known)  # type: ignore[arg-type]
        # There is no space after the last word. What is on its strip from there on is white, right of a word that runs
        # from left to right and left of one that runs from right to left.
        width = len(data) // self._column - table.space
        if rtl:
            # Such a strip begins SHIFT columns right of its place.
            lead = 2 * SHIFT - table.space
            data = self._white * lead + data if lead >= 0 else data[-lead * self._column :]
        return Pieces([(data, -SHIFT)], width)

    def _table(self, setting: Setting) -> _Table:
        space = self._words.line(" ", setting)
        table = self._tables[setting] = _Table(space.width, self._baseline(space))
        table[""] = self._white * table.space
        return table

    def _with_new(self, words: list[str], table: _Table, setting: Setting) -> list[bytes | bool | None]:
        """The strips of words some of which are met for the first time."""
        if self._bytes > _CACHE_BYTES:
            self._tables.clear()
            self._bytes = 0
            table = self._table(setting)
        new = [word for word in dict.fromkeys(words) if word not in table]
        for word, ink in zip(new, self.inks.find(new, setting, table.baseline), strict=True):
            strip = table[word] = False if ink is None else self._strip(ink, table.space, bool(setting.level))
            self._bytes += 100 + len(word) + (len(strip) if isinstance(strip, bytes) else 0)
        return list(map(table.get, words))

    def _strip(self, ink: Picture, space: int, rtl: bool) -> bytes | bool:
        # Where the strip begins and ends, in columns from the word's left end.
        begin, end = (SHIFT - space, ink.width + SHIFT) if rtl else (-SHIFT, ink.width + space - SHIFT)
        if not ink.data:
            return self._white * (end - begin)
        if ink.first < begin or ink.last > end:
            return False
        return self._white * (ink.first - begin) + ink.data + self._white * (end - ink.last)

    # ---- words on lines of their own

    def alone(self, word: str, level: int | None, *, has_space: bool) -> Picture | None:
        """A word on a line of its own, with a space after it or without; None if it has to go the plain way."""
        setting = self._words.setting([word], level)
        if setting is not None:
            table = self._tables.get(setting) or self._table(setting)
            ink = self.inks.find([word], setting, table.baseline)[0]
            if ink is not None:
                shift = table.space if has_space else 0
                left = shift if setting.level else 0
                return Picture(ink.data, ink.width + shift, ink.first + left, ink.last + left)
        text = word + " " if has_space else word
        key = text, level
        if key not in self._pictures:
            if len(self._pictures) >= _MOST_PICTURES:
                self._pictures.clear()
            self._pictures[key] = self._drawn(text, level)
        return self._pictures[key]

    def _drawn(self, text: str, level: int | None) -> Picture | None:
        if len(text) > _LONGEST_PICTURE:
            return None
        line = self._layout.layout(text, level=level)
        return None if line.missing else self._ink(line, self._baseline(line))

    def _ink(self, line: ShapedLine, baseline: int) -> Picture:
        return ink_of(line, self._painter, baseline)

    # ---- images

    def put(self, image: np.ndarray, data: Columns, left: int, end: int) -> None:
        """Put columns onto an image, the first at pixel ``left``; what is not between 0 and ``end`` is left out."""
        if compiled.inner is not None and image.flags.c_contiguous:
            compiled.inner.put(image, data, self._painter.rows, 3 if self._painter.rgb else 1, left, end)
            return
        columns = np.frombuffer(data, np.uint8).reshape(self._shape)
        if left < 0:
            columns, left = columns[-left:], 0
        room = end - left
        if len(columns) > room:
            columns = columns[: max(room, 0)]
        image[:, left : left + len(columns)] = columns.swapaxes(0, 1)
