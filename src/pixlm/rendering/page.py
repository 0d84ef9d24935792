"""Text on a page: wrapped to lines, aligned, with the box and the characters of every line and word.

What document pretraining and optical compression of text need. A page is made of the same lines as a strip of patches:
a backend lays them out and draws them; here they are broken, placed and, where they are justified, stretched.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from pixlm.errors import UsageError
from pixlm.rendering.backends import CONTEXT, Painter
from pixlm.rendering.breaking import break_points, is_ideographic, is_space, needs_dictionary, syllables
from pixlm.rendering.font import UNITS
from pixlm.rendering.line import Line
from pixlm.rendering.offsets import clusters, logical_edges
from pixlm.rendering.unicode.bidi import embedding_levels, first_strong_level

ALIGNMENTS = ("start", "left", "right", "center", "justify")
DIRECTIONS = ("auto", "ltr", "rtl")

_NEW_LINE = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")
_WORD = re.compile("[^\\s\u200b]+")  # the zero-width space separates Thai and Khmer words

#: A paragraph is looked at up to this many code points per pixel of the page's lines: more than any text needs.
_MOST = 4


@dataclass(frozen=True)
class TextBox:
    """A line or a word on a page: columns ``x0`` to ``x1 - 1``, rows ``y0`` to ``y1 - 1``, and the code points
    ``text[start:end]``."""

    x0: int
    y0: int
    x1: int
    y1: int
    start: int
    end: int


@dataclass
class RenderedPage:
    """A page of W x H pixels.

    Attributes:
        pixel_values: uint8 [H, W] (grey) or [H, W, 3]; white is 255.
        lines: every line from top to bottom. Their spans follow one another without a gap: a line's holds the white
            space or line break that ends it, its box does not. Blank lines have boxes without width.
        words: what stands between white space, in the order of the text; a word that goes on in the next line has a
            box in each.
        lost: characters (spaces are not counted) that did not fit on the page.
        missing: the characters on the page that no font has, in order and with repetitions.
    """

    pixel_values: np.ndarray
    lines: list[TextBox] = field(default_factory=list)
    words: list[TextBox] = field(default_factory=list)
    lost: int = 0
    missing: str = ""


@dataclass(frozen=True)
class PageFormat:
    """Size and margins (left, top, right, bottom) in pixels; see `TextRenderer.render_page`."""

    size: tuple[int, int]
    margins: tuple[int, int, int, int]
    line_spacing: float
    alignment: str
    direction: str

    @property
    def column(self) -> int:
        """Width between the margins."""
        return self.size[0] - self.margins[0] - self.margins[2]

    @property
    def bottom(self) -> int:
        """The first row of the bottom margin."""
        return self.size[1] - self.margins[3]


@dataclass(frozen=True)
class Metrics:
    """Of the main font: rows above and below the baseline."""

    ascent: int
    descent: int


@dataclass(frozen=True)
class _Wrapped:
    """A line of a paragraph. ``start`` to ``end``: its code points in the page's text, white space at its end
    included."""

    line: Line
    start: int
    end: int
    is_last: bool  # of its paragraph


def check_format(
    size: object, margins: object, line_spacing: object, alignment: object, direction: object
) -> PageFormat:
    """What `TextRenderer.render_page` was given, checked. Raises UsageError."""
    if not isinstance(size, tuple | list) or len(size) != 2 or not all(_is_count(n) and n > 0 for n in size):
        raise UsageError(f"size is {size!r}, but it must be (width, height) in pixels")
    four = (margins,) * 4 if _is_count(margins) else margins
    if not isinstance(four, tuple | list) or len(four) != 4 or not all(_is_count(n) for n in four):
        raise UsageError(f"margins is {margins!r}, but it must be pixels or (left, top, right, bottom)")
    if isinstance(line_spacing, bool) or not isinstance(line_spacing, int | float) or not 0 < line_spacing <= 100:
        raise UsageError(f"line_spacing is {line_spacing!r}, but it must be a number above 0, at most 100")
    if alignment not in ALIGNMENTS:
        raise UsageError(f"alignment is {alignment!r}, but it must be one of {', '.join(ALIGNMENTS)}")
    if direction not in DIRECTIONS:
        raise UsageError(f"direction is {direction!r}, but it must be one of {', '.join(DIRECTIONS)}")
    left, top, right, bottom = map(int, four)
    page = PageFormat(
        (int(size[0]), int(size[1])), (left, top, right, bottom), line_spacing, str(alignment), str(direction)
    )
    if page.column < 1 or page.bottom <= top:
        raise UsageError(f"the margins {margins!r} leave no room on a page of {size[0]} x {size[1]} pixels")
    return page


def draw_page(
    text: str, cleaned: str, page: PageFormat, metrics: Metrics, layout: Callable[..., Line], painter: Painter
) -> RenderedPage:
    """Lay out and draw a page.

    Args:
        text: as it was given; its line breaks start new lines.
        cleaned: the same without controls, code point by code point.
        layout: of a backend.
        painter: of the same backend, with room for a line on either side of its middle row.
    """
    shape = (page.size[1], page.size[0], *(3,) * painter.rgb)
    result = RenderedPage(np.full(shape, 255, np.uint8))
    top = page.margins[1]
    reached = 0
    for wrapped in _lines(text, cleaned, page, layout):
        line = wrapped.line
        ascent = max(metrics.ascent, -(-line.ascent // UNITS))
        height = ascent + max(metrics.descent, line.height - line.ascent // UNITS)
        if top + height > page.bottom:
            break
        gaps = _gaps(line, page) if page.alignment == "justify" and not wrapped.is_last else []
        x = page.margins[0] + _indent(line, page, bool(gaps))
        _draw_line(result.pixel_values, painter, line, x, top + ascent, gaps)
        _add_boxes(result, wrapped, page, (x, top, top + height), gaps)
        result.lost += _beyond(line, page.column)
        result.missing += "".join(line.text[index] for index in line.missing)
        reached = wrapped.end
        top += max(height, round((metrics.ascent + metrics.descent) * page.line_spacing))
    result.lost += sum(not char.isspace() for char in cleaned[reached:])
    return result


# ---- breaking


def _lines(text: str, cleaned: str, page: PageFormat, layout: Callable[..., Line]) -> Iterator[_Wrapped]:
    start = 0
    while start < len(text):
        found = _NEW_LINE.search(text, start)
        stop, after = found.span() if found else (len(text), len(text))
        yield from _paragraph(cleaned[start:stop], start, after, page, layout)
        start = after


def _paragraph(text: str, offset: int, after: int, page: PageFormat, layout: Callable[..., Line]) -> Iterator[_Wrapped]:
    """The lines of a paragraph. ``offset``: where it starts in the page's text; ``after``: where the next one does."""
    level = (first_strong_level(text) or 0) if page.direction == "auto" else int(page.direction == "rtl")
    levels, _ = embedding_levels(text, level)
    most = _MOST * page.column * page.size[1]
    shown = text[:most]
    points = break_points(shown)
    edges = logical_edges(layout(shown, level=level, levels=levels[:most]))
    start = 0
    while True:
        end = _line_end(shown, start, points, edges, page.column)
        line = None
        while line is None:
            visible = end
            while visible > start and is_space(text[visible - 1]):
                visible -= 1
            # A letter that joined its neighbour before a word was torn apart keeps its form (CSS Text 3, section 5.6).
            context = text[max(start - CONTEXT, 0) : start], text[visible : visible + CONTEXT]
            line = layout(text[start:visible], level=level, levels=levels[start:visible], context=context)
            if line.width > page.column:  # a line's ends may be shaped in another way than the middle of the paragraph
                shorter = _shorter(shown, start, end, points)
                if shorter > start:
                    line, end = None, shorter
        is_last = end >= len(text)
        yield _Wrapped(line, offset + start, after if is_last else offset + end, is_last)
        if end >= len(shown):
            return
        start = end


def _line_end(text: str, start: int, points: list[int], edges: list[int], column: int) -> int:
    """Where a line that starts at ``start`` ends, going by the widths in the unbroken paragraph."""
    if edges[-1] - edges[start] <= column:
        return len(text)
    first = bisect_right(points, start)
    best = start
    for point in (*points[first:], len(text)):
        visible = point
        while visible > start and is_space(text[visible - 1]):
            visible -= 1
        if edges[visible] - edges[start] > column:
            # What is longer than a line is broken between syllables: on a line of its own, but where there is
            # nothing to break at for long, on this one.
            if best == start or (edges[visible] - edges[best] > column and needs_dictionary(text[best])):
                return _forced_end(text, start, best, visible, edges, column)
            return best
        best = point
    return best


def _forced_end(text: str, start: int, begin: int, stop: int, edges: list[int], column: int) -> int:
    """The last border of syllables of ``text[begin:stop]`` within the column; one syllable if none fits."""
    end = begin
    for _, cluster_end in syllables(text[begin:stop]):
        if edges[begin + cluster_end] - edges[start] > column:
            break
        end = begin + cluster_end
    if end == start:
        return start + syllables(text[start:stop])[0][1]
    return end


def _shorter(text: str, start: int, end: int, points: list[int]) -> int:
    """The next possible end of a line before ``end``; ``start`` if there is none."""
    before = bisect_right(points, end - 1) - 1
    if before >= 0 and points[before] > start:
        return points[before]
    borders = syllables(text[start:end])
    return start + borders[-1][0]


# ---- placing


def _indent(line: Line, page: PageFormat, is_stretched: bool) -> int:
    """Pixels between the left margin and a line."""
    room = max(page.column - line.width, 0)
    if is_stretched:
        return 0
    alignment = page.alignment
    if alignment in ("start", "justify"):
        alignment = "right" if line.level else "left"
    return {"left": 0, "center": room // 2, "right": room}[alignment]


def _gaps(line: Line, page: PageFormat) -> list[tuple[int, int]]:
    """(x, pixels) where a line is stretched to the width of the column: in the middle of its spaces and, where that
    would tear it apart, between its ideographs."""
    room = page.column - line.width
    found = [(left, right, start) for left, right, start, _ in clusters(line)]
    places = [(left + right) // 2 for left, right, start in found if line.text[start] == " " and left > 0]
    if room > len(places) * line.height // 2:
        borders = set(break_points(line.text))
        places += [
            right
            for (_, right, start), (_, _, following) in pairwise(found)
            if max(start, following) in borders
            and line.text[start] != " "
            and (is_ideographic(line.text[start]) or is_ideographic(line.text[following]))
        ]
        places.sort()
    if room <= 0 or not places:
        return []
    shares = [room * index // len(places) for index in range(len(places) + 1)]
    return [(place, shares[index + 1] - shares[index]) for index, place in enumerate(places)]


def _add_boxes(
    result: RenderedPage, wrapped: _Wrapped, page: PageFormat, place: tuple[int, int, int], gaps: list[tuple[int, int]]
) -> None:
    """``place``: x of the line's left end, its first row, and the row after its last."""
    x, top, bottom = place
    line = wrapped.line
    limit = page.size[0] - page.margins[2]

    def box(left: int, right: int, start: int, end: int) -> TextBox:
        left = left + sum(pixels for at, pixels in gaps if at <= left)
        right = right + sum(pixels for at, pixels in gaps if at < right)
        return TextBox(min(x + left, limit), top, min(x + right, limit), bottom, start, end)

    result.lines.append(box(0, line.width, wrapped.start, wrapped.end))
    found = list(clusters(line))
    lefts, rights = [0] * len(line.text), [0] * len(line.text)
    for left, right, start, stop in found:
        lefts[start:stop] = [left] * (stop - start)
        rights[start:stop] = [right] * (stop - start)
    for word in _WORD.finditer(line.text):
        start, end = word.span()
        left, right = min(lefts[start:end]), max(rights[start:end])
        result.words.append(box(left, right, wrapped.start + start, wrapped.start + end))


def _beyond(line: Line, column: int) -> int:
    """Characters that are cut off since a single grapheme cluster is wider than the column."""
    if line.width <= column:
        return 0
    return sum(
        not char.isspace()
        for _, right, start, stop in clusters(line)
        if right > column
        for char in line.text[start:stop]
    )


# ---- drawing


def _draw_line(
    image: np.ndarray, painter: Painter, line: Line, x: int, baseline: int, gaps: list[tuple[int, int]]
) -> None:
    """Draw a line with its left end at column ``x`` and its baseline below row ``baseline - 1``."""
    if not line.text:
        return
    pad = middle = painter.rows // 2  # ink may stand out of a line's ends
    width = min(line.width, image.shape[1])
    canvas = painter.blank(width + 2 * pad)
    painter.draw(canvas, line, pad, middle * UNITS)
    if gaps:
        pieces = []
        done = 0
        for at, pixels in sorted(gaps):
            pieces += [canvas[done : pad + at], painter.blank(pixels)]
            done = pad + at
        canvas = np.concatenate([*pieces, canvas[done:]])
    strip = painter.finish(canvas)
    left, top = x - pad, baseline - middle
    right, bottom = min(left + strip.shape[1], image.shape[1]), min(top + strip.shape[0], image.shape[0])
    window = image[max(top, 0) : bottom, max(left, 0) : right]
    part = strip[max(-top, 0) : bottom - top, max(-left, 0) : right - left]
    np.minimum(window, part, out=window)


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 0)
