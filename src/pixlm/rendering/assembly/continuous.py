"""The strategy ``continuous`` put together: texts and pairs from strips of words, lists from pictures of lines."""

from __future__ import annotations

from functools import partial

import numpy as np

from pixlm.rendering.assembly.pieces import Columns
from pixlm.rendering.assembly.strips import Strips
from pixlm.rendering.geometry import Geometry
from pixlm.rendering.rendered import Assembled
from pixlm.rendering.strategies.fitting import looks_rtl

#: Pieces, and the pixel of the left end of their line.
Placed = tuple[list[tuple[Columns, int]], int]

_MARGIN_OF_SECOND = 2  # pixels left of the second text of a pair


class AssembledContinuous:
    """What `strategies.continuous.Continuous` plans, drawn. Every method returns None where the plain way has to be
    gone: texts that do not fit, above all."""

    def __init__(self, compat: str | None, strips: Strips) -> None:
        self._compat = compat
        self._margin = 0 if compat == "pixel-m4" else 2
        self._strips = strips

    def width(self, text: str) -> int | None:
        line = self._strips.line(text, None)
        return None if line is None else line.width

    def arrays(self) -> dict[str, np.ndarray]:
        return self._strips.inks.arrays()

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        self._strips.inks.restore(arrays)

    def text(self, text: str, geometry: Geometry, *, rtl: bool | None) -> Assembled | None:
        line = self._strips.line(text, None if rtl is None or self._compat else int(rtl))
        if line is None or line.width > geometry.last - self._margin:
            return None
        patch = geometry.patch
        end = min(-(-(2 + line.width + 2) // patch) * patch, geometry.last)
        return Assembled([end // patch], None, partial(self._draw, [(line.pieces, self._margin)], [end], patch))

    def pair(
        self, first: str, second: str, geometry: Geometry, *, rtl: bool | None, max_length: int | None
    ) -> Assembled | None:
        if rtl is None:
            rtl = looks_rtl(first) and looks_rtl(second)
        level = 1 if rtl else None
        limit = geometry.patches - 3
        limit = limit if max_length is None else min(limit, max_length)
        line_a = self._strips.line(first, level)
        line_b = self._strips.line(second, level)
        if line_a is None or line_b is None or geometry.to_patches(self._margin + line_a.width) > limit:
            return None
        separator = geometry.next_patch(2 + line_a.width + 2)
        start = separator + geometry.patch + _MARGIN_OF_SECOND
        if start + line_b.width > geometry.last:
            return None
        end = geometry.next_patch(start + line_b.width + 2)
        lines = [(line_a.pieces, self._margin), (line_b.pieces, start)]
        return self._assembled(lines, [separator, end], geometry)

    def words(self, words: list[str], geometry: Geometry, *, rtl: bool | None) -> Assembled | None:
        level = None if rtl is None or self._compat else int(rtl)
        patch, last = geometry.patch, geometry.last
        starts = [0]
        pieces: list[tuple[Columns, int]] = []
        offset = self._margin
        inked = 0
        for index, word in enumerate(words, 1):
            is_last = index == len(words)
            picture = self._strips.alone(word, level, has_space=not is_last)
            if picture is None:
                return None
            if picture.data:
                begin = offset + picture.first
                if begin < inked:
                    return None  # it reaches onto a word before
                pieces.append((picture.data, begin))
                inked = offset + picture.last
            end = -(-(offset + picture.width + 2 * is_last) // patch) * patch
            if end > last:
                return None
            offset = end
            starts.append(offset // patch)
        if not words or (self._compat == "pixel-m4" and "" in words):
            return None
        return self._assembled([(pieces, 0)], [offset], geometry, starts)

    def _assembled(
        self, lines: list[Placed], separators: list[int], geometry: Geometry, word_starts: list[int] | None = None
    ) -> Assembled:
        """``separators``: their pixels."""
        patch = geometry.patch
        places = [separator // patch for separator in separators]
        return Assembled(places, word_starts, partial(self._draw, lines, separators, patch))

    def _draw(self, lines: list[Placed], separators: list[int], patch: int, image: np.ndarray) -> None:
        end = separators[-1]
        for pieces, left in lines:
            for data, x in pieces:
                self._strips.put(image, data, left + x, end)
        for separator in separators:
            image[:, separator : separator + patch] = 0
