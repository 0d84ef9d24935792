"""Lines of cells drawn alone, and put side by side: what `_inner.cells` does, in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pixlm.rendering.assembly.pieces import Columns, Picture, ink_of, is_one_run
from pixlm.rendering.backends import Painter
from pixlm.rendering.line import Line
from pixlm.rendering.strategies.plan import Cell

_MOST_SPRITES = 50_000

# Black ink of coverage 255 - y over what is on paper, x, with pixman's rounding: in colour, and in grey, where coverage
# is collected and inverted at the end. uint8 [x, y].
_PAPER = np.arange(256)[:, None]
_COVERED = (255 - _PAPER) * np.arange(256) + 128
_OVER_GREY = (np.arange(256) - ((_COVERED + (_COVERED >> 8)) >> 8)).astype(np.uint8)
_WHITE = _PAPER * np.arange(256) + 128
_OVER_COLOUR = ((_WHITE + (_WHITE >> 8)) >> 8).astype(np.uint8)


@dataclass(frozen=True, eq=False, slots=True)
class Sprite:
    """A line of a cell drawn alone."""

    line: Line
    ink: Picture
    is_one_run: bool


class _Placed(NamedTuple):
    """A sprite, and the pixel of its first inked column."""

    sprite: Sprite
    at: int


class Strip(NamedTuple):
    """Cells side by side: ``parts`` from the ink before them to their last ink, where they ``end``, and their ink."""

    parts: list[Columns]
    end: int
    low: int
    inked: int


class Sprites:
    """The lines of cells. ``baseline``: where a line of a cell stands, in units from the top."""

    def __init__(self, painter: Painter, baseline: Callable[[Line], int]) -> None:
        self._painter = painter
        self._baseline = baseline
        self._white = b"\xff" * painter.rows * (3 if painter.rgb else 1)  # a column
        self._sprites: dict[int, Sprite] = {}
        self._groups: dict[tuple[Sprite | int, ...], bytes | None] = {}

    def of(self, line: Line) -> Sprite:
        """A line of a cell as it is drawn alone. Lines are kept by their strategy, so most come again."""
        found = self._sprites.get(id(line))
        if found is None:
            if len(self._sprites) >= _MOST_SPRITES:
                self._sprites.clear()
                self._groups.clear()
            ink = ink_of(line, self._painter, self._baseline(line))
            found = self._sprites[id(line)] = Sprite(line, ink, is_one_run(line))
        return found

    def side_by_side(self, cells: Sequence[Cell], begin: int, inked: int) -> Strip | None:
        """Cells from pixel ``begin`` on, on a strip inked up to ``inked``; None if they cannot be pieced together."""
        x = begin
        groups: list[list[_Placed]] = []  # of sprites that reach onto one another
        right = -1
        for cell in cells:
            for line, left in cell.lines:
                sprite = self.of(line)
                if sprite.ink.data:
                    at = x + left + sprite.ink.first
                    if at < right:
                        groups[-1].append(_Placed(sprite, at))
                    else:
                        groups.append([_Placed(sprite, at)])
                    right = max(right, x + left + sprite.ink.last)
            x += cell.patches * self._painter.rows
        parts: list[Columns] = []
        low = begin
        for number, group in enumerate(groups):
            first = group[0].at if len(group) == 1 else min(placed.at for placed in group)
            data = group[0].sprite.ink.data if len(group) == 1 else self._painted(group, first)
            if data is None or first < inked:
                return None
            parts += (self._white * (first - inked), data)
            inked = first + len(data) // len(self._white)
            low = low if number else first
        return Strip(parts, x, low, inked)

    def _painted(self, group: list[_Placed], first: int) -> bytes | None:
        """The columns of sprites that reach onto one another, from ``first`` on, composited one after the other. None
        if that is not what drawing their lines one after the other gives: of lines of several runs."""
        key = tuple([part for placed in group for part in (placed.sprite, placed.at - first)])
        if key not in self._groups:
            if len(self._groups) >= _MOST_SPRITES:
                self._groups.clear()
            simple = all(placed.sprite.is_one_run for placed in group)
            self._groups[key] = self._composited(group, first) if simple else None
        return self._groups[key]

    def _composited(self, group: list[_Placed], first: int) -> bytes:
        size = len(self._white)
        end = max(at + sprite.ink.last - sprite.ink.first for sprite, at in group)
        canvas = bytearray(b"\xff" * (end - first) * size)
        inked = 0  # bytes; blank from there on
        over = _OVER_COLOUR if self._painter.rgb else _OVER_GREY
        for sprite, at in group:
            ink = sprite.ink.data
            start = (at - first) * size
            canvas[max(start, inked) : start + len(ink)] = ink[max(inked - start, 0) :]
            if start < inked:
                both = min(inked - start, len(ink))
                below = np.frombuffer(canvas, np.uint8, both, start)
                canvas[start : start + both] = over[below, np.frombuffer(ink, np.uint8, both)].tobytes()
            inked = max(inked, start + len(ink))
        return bytes(canvas)
