"""A laid out line, whichever backend laid it out: what strategies, offset mappings and pages know of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar


@dataclass(frozen=True)
class Stretch:
    """``text[start:end]``; ``level`` is the bidi level (odd: right to left)."""

    start: int
    end: int
    level: int


@dataclass(frozen=True)
class Run:
    """A stretch of a line that is in one piece on the line, too. ``characters[i]`` and ``advances[i]``: the character
    that the i-th glyph from the left shows (of a cluster the first, as an index into the text), and the glyph's
    advance. ``advances`` and ``width`` are in pixels."""

    item: Stretch
    characters: list[int]
    advances: list[int]
    width: int


@dataclass(frozen=True)
class Line:
    """A laid out line. ``runs`` are in visual order, from left to right; ``width`` and ``height`` are in pixels,
    ``ascent`` (of the baseline below the line's top) in units of 1/1024 pixel. ``complete`` is False if the layout
    stopped because the line is wider than was asked for; its ``width`` is then a lower bound."""

    text: str
    runs: Sequence[Run]
    width: int
    height: int
    ascent: int
    level: int
    complete: bool = True
    missing: list[int] = field(default_factory=list)  # indices of characters that no font has


AnyRun = TypeVar("AnyRun", bound=Run)


def run_positions(runs: Sequence[AnyRun]) -> Iterator[tuple[AnyRun, int]]:
    """Each run of a line with the x of its left end in pixels, from left to right."""
    pen = 0
    for run in runs:
        yield run, pen
        pen += run.width


def glyph_positions(line: Line) -> Iterator[tuple[Run, int]]:
    """`run_positions` of a line's runs."""
    return run_positions(line.runs)
