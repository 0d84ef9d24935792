"""Lines in pieces: pixel columns and their places."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pixlm.rendering import compiled
from pixlm.rendering.backends import Painter
from pixlm.rendering.drawing import Painter as InkPainter
from pixlm.rendering.drawing import Points
from pixlm.rendering.font import UNITS, Font
from pixlm.rendering.layout import ShapedLine, ShapedRun
from pixlm.rendering.line import Line, run_positions
from pixlm.rendering.shaping import EMPTY_GLYPH

#: Pixels of columns; a part of a mapped file, or bytes.
Columns = bytes | memoryview

_WIDEST_MARGIN = 64  # times the height


class Pieces(NamedTuple):
    """A line of ``width`` pixels. ``pieces``: columns, uint8 [columns, rows(, 3)], white 255, each with the place of
    its first column, in pixels from the line's left end. They do not overlap; the rest of the line is white."""

    pieces: list[tuple[Columns, int]]
    width: int


class Picture(NamedTuple):
    """The ink of a line that was drawn alone. ``data``: uint8 [last - first, rows(, 3)], white 255; ``first`` and
    ``last`` count pixels from the line's left end. ``width``: its advance in pixels."""

    data: Columns
    width: int
    first: int
    last: int


def ink_of(line: Line, painter: Painter, baseline: int) -> Picture:
    """The ink of a line that is drawn alone with its baseline ``baseline`` units below the top."""
    if isinstance(painter, InkPainter) and isinstance(line, ShapedLine) and is_one_run(line):
        return _ink_of_run(line.runs[0], painter, baseline)
    if isinstance(painter, InkPainter) and isinstance(line, ShapedLine) and line.runs:
        ink = _ink_of_runs(line, painter, baseline)
        if ink is not None:
            return ink
    margin = painter.rows  # around the line, for ink that reaches beyond its advance
    blank = 255 if painter.rgb else 0
    while True:
        canvas = painter.blank(line.width + 2 * margin)
        painter.draw(canvas, line, margin, baseline)
        inked = np.flatnonzero((canvas != blank).reshape(len(canvas), -1).any(axis=1))
        first, last = (int(inked[0]), int(inked[-1]) + 1) if len(inked) else (margin, margin)
        if (first > 0 and last < len(canvas)) or margin > _WIDEST_MARGIN * painter.rows:
            break
        margin *= 4  # ink so far out may go on
    columns = canvas[first:last] if painter.rgb else 255 - canvas[first:last]
    return Picture(columns.tobytes(), line.width, first - margin, last - margin)


def is_one_run(line: Line) -> bool:
    """Whether a line is one run of black glyphs."""
    return isinstance(line, ShapedLine) and len(line.runs) == 1 and _is_black(line.runs[0])


def _is_black(run: ShapedRun) -> bool:
    return not run.boxes and not run.item.font.has_colour


def _ink_of_runs(line: ShapedLine, painter: InkPainter, baseline: int) -> Picture | None:
    """A line of black runs side by side; None if one reaches onto another or has other glyphs."""
    white = b"\xff" * painter.rows * (3 if painter.rgb else 1)
    parts: list[Columns] = []
    begin = inked = 0
    for run, x in run_positions(line.runs):
        if not _is_black(run):
            return None
        ink = _ink_of_run(run, painter, baseline)
        if not ink.data:
            continue
        first = x + ink.first
        if not parts:
            begin = inked = first
        if first < inked:
            return None
        parts += (white * (first - inked), ink.data)
        inked = x + ink.last
    return Picture(b"".join(parts), line.width, begin, inked)


def _ink_of_run(run: ShapedRun, painter: InkPainter, baseline: int) -> Picture:
    data, first, last = ink_of_glyphs(run.item.font, run.glyphs, run.x, run.y, baseline - run.rise, painter)
    return Picture(data, run.width, first, last)


def ink_of_glyphs(
    font: Font, numbers: list[int], xs: list[int], ys: list[int], baseline: int, painter: InkPainter
) -> tuple[Columns, int, int]:
    """The ink of the glyphs of one run: columns, and the first and last of them.

    Args:
        numbers: of the glyphs.
        xs, ys: their origins in units right of the run's start and below its baseline, which is ``baseline`` units
            below the top.
    """
    if compiled.inner is not None:
        ink = compiled.inner.run(painter.bitmaps(font), numbers, xs, ys, baseline, painter.rows, painter.rgb)
        if ink is not None:
            return ink
    glyphs: list[Points] = []
    columns: list[int] = []
    first, last = 0, 0
    for glyph, x, y in zip(numbers, xs, ys, strict=True):
        if glyph == EMPTY_GLYPH:
            continue
        points = painter.glyph(font, glyph, (baseline + y + UNITS // 2) >> 10)
        if len(points.places):
            column = (x + UNITS // 2) >> 10
            first = min(first, column + points.first) if glyphs else column + points.first
            last = max(last, column + points.end) if glyphs else column + points.end
            glyphs.append(points)
            columns.append(column)
    coverage = painter.coverage(glyphs, [column - first for column in columns], last - first)
    return paper(coverage, painter.rgb), first, last


def paper(coverage: np.ndarray, rgb: bool) -> bytes:
    """Columns of black ink on white paper: ``coverage`` is uint8 [columns, rows]."""
    grey = 255 - coverage
    return (np.repeat(grey[..., None], 3, axis=-1) if rgb else grey).tobytes()
