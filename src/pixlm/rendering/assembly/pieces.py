"""Lines in pieces: pixel columns and their places."""

from __future__ import annotations

from typing import NamedTuple


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
