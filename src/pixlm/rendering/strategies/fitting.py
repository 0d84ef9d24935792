"""How much of a text fits, which way it runs, and how many characters are left out."""

from __future__ import annotations

import string
from collections.abc import Callable

from pixlm.rendering.geometry import Geometry
from pixlm.rendering.line import Line
from pixlm.rendering.offsets import clusters
from pixlm.rendering.strategies.plan import Layout
from pixlm.rendering.unicode.bidi import first_strong_level

_NO_VOTE = str.maketrans("", "", string.whitespace + string.punctuation + string.digits)


def longest_prefix(text: str, fits: Callable[[Line], bool], layout: Layout, level: int | None, max_width: int) -> Line:
    """The longest prefix of ``text`` that fits; the empty one if none does."""
    low, best = 0, layout("", level=level)
    high = len(text)
    while low < high:
        middle = (low + high + 1) // 2
        line = layout(text[:middle], level=level, max_width=max_width)
        if fits(line):
            low, best = middle, line
        else:
            high = middle - 1
    return best


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
