"""The strategy ``continuous`` put together: texts and pairs from strips of words, lists from pictures of lines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pixlm.rendering.assembly.pieces import Picture
from pixlm.rendering.assembly.strips import Strips
from pixlm.rendering.geometry import Geometry, padded_length
from pixlm.rendering.rendered import Rendered
from pixlm.rendering.strategies.fitting import looks_rtl

_MARGIN_OF_SECOND = 2  # pixels left of the second text of a pair


class AssembledContinuous:
    """What `strategies.continuous.Continuous` plans, drawn. Every method returns None where the plain way has to be
    gone: texts that do not fit, above all."""

    def __init__(self, compat: str | None, strips: Strips, picture: Callable[[str, int | None], Picture | None]) -> None:
        self._compat = compat
        self._margin = 0 if compat == "pixel-m4" else 2
        self._strips = strips
        self._picture = picture

    def text(self, text: str, geometry: Geometry, padding: str | bool, *, rtl: bool | None) -> Rendered | None:
        line = self._strips.line(text, None if rtl is None or self._compat else int(rtl))
        if line is None or line.width > geometry.last - self._margin:
            return None
        end = geometry.next_patch(2 + line.width + 2)
        return self._rendered([(line.pieces, self._margin)], [end], geometry, padding)

    def pair(
        self, first: str, second: str, geometry: Geometry, padding: str | bool, *, rtl: bool | None, max_length: int | None
    ) -> Rendered | None:
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
        return self._rendered(lines, [separator, end], geometry, padding)

    def words(self, words: list[str], geometry: Geometry, padding: str | bool, *, rtl: bool | None) -> Rendered | None:
        level = None if rtl is None or self._compat else int(rtl)
        patch, last = geometry.patch, geometry.last
        starts = [0]
        pieces: list[tuple[bytes, int]] = []
        offset = self._margin
        inked = 0
        for index, word in enumerate(words, 1):
            is_last = index == len(words)
            picture = self._picture(word if is_last else word + " ", level)
            if picture is None:
                return None
            begin = offset + picture.first
            if begin < inked and picture.data:
                return None  # it reaches onto the word before
            pieces.append((picture.data, begin))
            inked = offset + picture.last
            end = -(-(offset + picture.width + 2 * is_last) // patch) * patch
            if end > last:
                return None
            offset = end
            starts.append(offset // patch)
        if not words or (self._compat == "pixel-m4" and "" in words):
            return None
        return self._rendered([(pieces, 0)], [offset], geometry, padding, starts)

    def _rendered(
        self,
        lines: list[tuple[list[tuple[bytes, int]], int]],
        separators: list[int],
        geometry: Geometry,
        padding: str | bool,
        word_starts: list[int] | None = None,
    ) -> Rendered:
        """``lines``: columns and the pixel of the first of them; ``separators``: their pixels."""
        patch = geometry.patch
        end = separators[-1]
        width = padded_length(end // patch + 1, padding, geometry.patches) * patch
        image = self._strips.white(width)
        for pieces, left in lines:
            for data, x in pieces:
                self._strips.put(image, data, left + x, end)
        for separator in separators:
            image[:, separator : separator + patch] = 0
        return Rendered(image, end // patch, [separator // patch for separator in separators], word_starts)
