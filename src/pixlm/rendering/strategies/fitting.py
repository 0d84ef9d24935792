"""How much of a text fits, which way it runs, and how many characters are left out."""

from __future__ import annotations

import string
from bisect import bisect_right
from itertools import accumulate

from pixlm.rendering.geometry import Geometry
from pixlm.rendering.line import Line
from pixlm.rendering.offsets import clusters, logical_edges
from pixlm.rendering.strategies.plan import Layout
from pixlm.rendering.unicode.bidi import first_strong_level
from pixlm.rendering.unicode.graphemes import grapheme_clusters

#: Code points after a place that tell whether a grapheme cluster goes on there. Longer ones are cut.
_LONGEST_CLUSTER = 64

_NO_VOTE = str.maketrans("", "", string.whitespace + string.punctuation + string.digits)


def longest_prefix(text: str, width: int, layout: Layout, level: int, start: int = 0) -> Line:
    """As much of ``text`` from ``start`` on as takes at most ``width`` pixels, in whole grapheme clusters; the empty
    line if nothing does. ``level``: the paragraph's, which a prefix may not show."""
    width = max(width, 0)
    size = max(width // 4, 4 * _LONGEST_CLUSTER)
    while True:
        piece = text[start : start + size]
        is_all = start + size >= len(text)
        line = layout(piece, level=level, max_width=width)
        if not line.complete or line.width > width:
            end = bisect_right(logical_edges(line), width) - 1
            if is_all or end + _LONGEST_CLUSTER < len(piece):
                break
        elif is_all:
            return line
        size *= 2
    borders = [0, *(stop for _, stop in grapheme_clusters(piece[: end + _LONGEST_CLUSTER]))]
    for border in reversed(borders[: bisect_right(borders, end)]):
        # The end of a text may be shaped in another way than its middle, so a prefix may be wider than it was inside.
        line = layout(piece[:border], level=level)
        if line.width <= width:
            break
    return line


def first_cluster(text: str, start: int = 0) -> str:
    """The grapheme cluster that begins at ``start``."""
    piece = text[start : start + _LONGEST_CLUSTER]
    return piece[: grapheme_clusters(piece)[0][1]] if piece else ""


def first_hidden(line: Line, width: int) -> int:
    """The first character, in logical order, that does not end within ``width`` pixels of the line's left end; the
    text's length if all do."""
    if line.complete and line.width <= width:
        return len(line.text)
    laid_out = max((run.item.end for run in line.runs), default=0)
    return min((start for _, right, start, _ in clusters(line) if right > width), default=laid_out)


def upstream_prefix(text: str, x: int, limit: int, geometry: Geometry, layout: Layout, level: int | None) -> Line:
    """PIXEL's cut: bisect for a prefix that, drawn at ``x``, ends in exactly the patch ``limit``; if there is none, the
    last one tried."""
    low, high = 0, len(text)
    while True:
        middle = (low + high) // 2
        prefix = layout(text[:middle], level=level, max_width=geometry.last)
        patches = geometry.to_patches(x + prefix.width)
        if patches > limit:
            high = middle - 1
        elif patches < limit:
            low = middle + 1
        if patches == limit or low > high:
            return prefix


def looks_rtl(text: str) -> bool:
    """PIXEL's rule: of the first, the middle and the last character at least two have a right-to-left direction. ASCII
    white space, punctuation and digits do not count."""
    letters = text.translate(_NO_VOTE)
    if not letters:
        return False
    votes = (letters[0], letters[-1], letters[len(letters) // 2])
    return sum(first_strong_level(char) == 1 for char in votes) >= 2


def count_characters(text: str) -> int:
    """Characters of a text, spaces not counted."""
    return sum(not char.isspace() for char in text)


def characters_before(text: str) -> list[int]:
    """How many characters (spaces not counted) stand before each code point, and before the end."""
    return list(accumulate((not char.isspace() for char in text), initial=0))


def cut_off(line: Line, width: int) -> int:
    """Characters of a line (spaces not counted) that end right of ``width`` pixels."""
    if line.complete and line.width <= width:
        return 0
    lost = count_characters(line.text[max((run.item.end for run in line.runs), default=0) :])
    x = 0
    for run in line.runs:
        if x + run.width > width:
            hidden = set()
            for character, advance in zip(run.characters, run.advances, strict=True):
                x += advance
                if x > width:
                    hidden.add(character)
            starts = sorted(set(run.characters))
            for start, end in zip(starts, [*starts[1:], run.item.end], strict=True):
                lost += count_characters(line.text[start:end]) if start in hidden else 0
        else:
            x += run.width
    return lost


def shown_characters(line: Line, left: int, right: int) -> int:
    """Characters of a line (spaces not counted) that lie between the pixels ``left`` and ``right``."""
    return sum(
        count_characters(line.text[start:stop])
        for first, last, start, stop in clusters(line)
        if left <= first and last <= right
    )
