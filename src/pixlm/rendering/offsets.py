"""Which characters a patch shows: offset mappings.

A mapping has one (start, end) per patch, half-open code point indices into the text of that patch's segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from pixlm.rendering.geometry import Geometry
from pixlm.rendering.line import Line, glyph_positions

Span = tuple[int, int]
SEPARATOR: Span = (0, 0)
_BLANK: Span = (-1, -1)  # upstream's mark of a patch between a text and its separator


def clusters(line: Line) -> Iterator[tuple[int, int, int, int]]:
    """The clusters of a line from left to right: left and right edge in pixels, first and last + 1 character."""
    for run, x in glyph_positions(line):
        starts = sorted(set(run.characters))
        ends = dict(zip(starts, [*starts[1:], run.item.end], strict=True))
        left = x
        for index, (character, advance) in enumerate(zip(run.characters, run.advances, strict=True)):
            x += advance
            if index + 1 == len(run.characters) or run.characters[index + 1] != character:
                yield left, x, character, ends[character]
                left = x


def logical_edges(line: Line) -> list[int]:
    """How wide the text before each code point is, in logical order: one entry more than there are code points."""
    advances = [0] * len(line.text)
    for left, right, start, _ in clusters(line):
        advances[start] += right - left
    return list(accumulate(advances, initial=0))


def patch_spans(line: Line, x: int, first: int, end: int, patch: int) -> list[Span]:
    """The characters of a line drawn at pixel ``x`` on the patches ``first`` to ``end - 1``.

    A character belongs to the patch on which its middle lies; a patch on which no middle lies shows the characters
    that reach over it. A patch with characters of both directions has the smallest range that holds them all; a blank
    one has (0, 0).
    """
    spans: list[Span | None] = [None] * (end - first)
    reaching: list[Span | None] = [None] * (end - first)
    for left, right, start, stop in clusters(line):
        middle = (2 * x + left + right) // (2 * patch) - first
        if 0 <= middle < len(spans):
            spans[middle] = _hull(spans[middle], start, stop)
        for index in range((x + left) // patch - first, -(-(x + right) // patch) - first):
            if 0 <= index < len(spans):
                reaching[index] = _hull(reaching[index], start, stop)
    return [span or other or SEPARATOR for span, other in zip(spans, reaching, strict=True)]


def _hull(span: Span | None, start: int, stop: int) -> Span:
    return (start, stop) if span is None else (min(span[0], start), max(span[1], stop))


def upstream_spans(
    line: Line, x: int, shift: int, geometry: Geometry, rtl: bool, width: int | None = None
) -> list[Span]:
    """PIXEL's mapping of a line drawn at pixel ``x``; the first of its patches starts at pixel ``shift``. ``width``: of
    the whole text in pixels, if ``line`` is a part of it: upstream reckons with that.

    A character that crosses a border belongs to the patch after it. The last span may end one past the text, a blank
    patch before the separator is (-1, -1), and right-to-left spans run backwards.
    """
    patch = geometry.patch
    width = (line.width if width is None else width) + 2
    positions = [left + x for left, _, start, stop in clusters(line) for _ in range(start, stop)]
    positions.append(geometry.next_patch(width + x))
    spans: list[Span] = []
    start = 0
    for index, position in enumerate(positions):
        border = patch * (len(spans) + 1)
        if position - shift >= border:
            stop = index if position - shift == border else index - 1
            spans.append((start, stop))
            start = stop
    if len(spans) < geometry.to_patches(width + x - shift):
        spans.append((start, len(positions)))
    if geometry.next_patch(width) - width < x % patch and len(spans) > 1:
        spans[-2:] = [(spans[-2][0], spans[-1][1]), _BLANK]
    if rtl:
        length = len(line.text)
        spans = [span if span == _BLANK else (length - span[0], max(length - span[1], 0)) for span in spans]
    return spans


def pad_spans(spans: list[Span], length: int) -> list[Span]:
    """Fill up to ``length`` entries; a longer mapping is cut so that the closing separator stays."""
    if len(spans) >= length:
        return [*spans[: length - 1], SEPARATOR]
    return spans + [SEPARATOR] * (length - len(spans))
