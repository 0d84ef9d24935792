"""Lines in pieces: pixel columns and their places."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pixlm.rendering.backends import Painter
from pixlm.rendering.line import Line


class Pieces(NamedTuple):
    """A line of ``width`` pixels. ``pieces``: columns, uint8 [columns, rows(, 3)], white 255, each with the place of
    its first column, in pixels from the line's left end. They do not overlap; the rest of the line is white."""

    pieces: list[tuple[bytes, int]]
    width: int


class Picture(NamedTuple):
    """The ink of a line that was drawn alone. ``data``: uint8 [last - first, rows(, 3)], white 255; ``first`` and
    ``last`` count pixels from the line's left end. ``width``: its advance in pixels."""

    data: bytes
    width: int
    first: int
    last: int


def ink_of(line: Line, painter: Painter, baseline: int) -> Picture:
    """The ink of a line that is drawn alone with its baseline ``baseline`` units below the top."""
    margin = painter.rows  # around the line, for ink that reaches beyond its advance
    canvas = painter.blank(line.width + 2 * margin)
    painter.draw(canvas, line, margin, baseline)
    inked = canvas.reshape(len(canvas), -1).any(axis=1) if not painter.rgb else (canvas < 255).any(axis=(1, 2))
    first, last = margin, margin
    if inked.any():
        first, last = int(inked.argmax()), len(inked) - int(inked[::-1].argmax())
    columns = canvas[first:last] if painter.rgb else 255 - canvas[first:last]
    return Picture(columns.tobytes(), line.width, first - margin, last - margin)
