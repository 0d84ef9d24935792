"""How text becomes patches: a strategy lays lines out on the strip. Nothing is drawn here.

A strategy answers with a :class:`Plan`; the renderer draws it. ``continuous`` is PIXEL's way (and that of PIXEL-M4's
edited copy): text runs on without regard to patch borders; of a list, every word starts at a patch border.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass, field

from pixlm.errors import UsageError
from pixlm.rendering.geometry import Geometry
from pixlm.rendering.line import Line
from pixlm.rendering.unicode.bidi import first_strong_level

STRATEGIES = ("continuous", "words", "mono", "bigrams", "grapheme-bigrams", "adaptive")
COMPATS = (None, "pixel", "pixel-m4", "pixelgpt")

#: ``layout(text, level=None, max_width=None)``, as `LineLayout.layout`
Layout = Callable[..., Line]


_NO_VOTE = str.maketrans("", "", string.whitespace + string.punctuation + string.digits)


@dataclass
class Plan:
    """What to draw: lines with the pixel of their left end, then separators at patch indices."""

    lines: list[tuple[Line, int]] = field(default_factory=list)
    separators: list[int] = field(default_factory=list)
    word_starts: list[int] | None = None
    lost: int = 0

    @property
    def end(self) -> int:
        """Patch index of the closing separator."""
        return self.separators[-1]


@dataclass
class PairPlan(Plan):
    """A plan of two lines.

    ``second``: the whole second text, of which ``lines[1]`` may show a part; ``widths``: of both texts as they were
    reckoned with, in pixels; ``level``: the paragraph level of both, None if it follows from the text.
    """

    second: str = ""
    widths: tuple[int, int] = (0, 0)
    rtl: bool = False
    level: int | None = None


@dataclass(frozen=True)
class Continuous:
    """The ``continuous`` strategy.

    Args:
        compat: "pixel" and "pixel-m4" keep upstream's quirks, None corrects them.
    """

    compat: str | None

    @property
    def margin(self) -> int:
        """White pixels left of a text."""
        return 0 if self.compat == "pixel-m4" else 2

    def text(self, text: str, geometry: Geometry, layout: Layout) -> Plan:
        line = layout(text, max_width=geometry.last)
        # 2 px on either side, also where the left margin is not drawn
        end = geometry.next_patch(2 + line.width + 2)
        plan = Plan([(line, self.margin)], [end // geometry.patch])
        plan.lost = _cut_off(line, geometry.last - self.margin)
        return plan

    def words(self, words: list[str], geometry: Geometry, layout: Layout) -> Plan:
        plan = Plan(word_starts=[0])
        starts = plan.word_starts = [0]
        offset = self.margin
        drawn = 0
        for index, word in enumerate(words):
            is_last = index == len(words) - 1
            if self.compat == "pixel-m4" and not word and not is_last:
                drawn += 1
                continue
            line = layout(word if is_last else word + " ", max_width=geometry.last)
            plan.lines.append((line, offset))
            drawn += 1
            offset = geometry.next_patch(offset + line.width + 2 * is_last)
            starts.append(offset // geometry.patch)
            if offset == geometry.last:
                break
        plan.separators = [starts[-1]]
        plan.lost = len(words) - drawn
        return plan

    def pair(
        self, first: str, second: str, geometry: Geometry, layout: Layout, *, rtl: bool | None, max_length: int | None
    ) -> PairPlan:
        """``max_length``: patches that the first text may take, its margin included."""
        if rtl is None:
            rtl = looks_rtl(first) and looks_rtl(second)
        level = 1 if rtl else None
        limit = geometry.patches - 3 if self.compat is None else None  # leaves one patch to the second text
        if max_length is not None:
            limit = max_length if limit is None else min(limit, max_length)
        line_a, width_a, lost = self._fit(first, self.margin, limit, geometry, layout, level)
        separator = geometry.next_patch(2 + width_a + 2)
        start_b = separator + geometry.patch + 2  # the margin is there in PIXEL-M4's copy, too
        # Of a right-to-left text the start is at the right end, so it has to be cut, not clipped.
        limit = geometry.patches - 1 if rtl or self.compat is None else None
        line_b, width_b, lost_b = self._fit(second, start_b, limit, geometry, layout, level)
        end = geometry.next_patch(separator + geometry.patch + 2 + width_b + 2)
        lost += lost_b or _cut_off(line_b, geometry.last - start_b)
        return PairPlan(
            [(line_a, self.margin), (line_b, start_b)],
            [separator // geometry.patch, end // geometry.patch],
            lost=lost,
            second=second,
            widths=(width_a, width_b),
            rtl=rtl,
            level=level,
        )

    def _fit(
        self, text: str, x: int, limit: int | None, geometry: Geometry, layout: Layout, level: int | None
    ) -> tuple[Line, int, int]:
        """Lay out as much of ``text`` as ends within ``limit`` patches from the strip's start when drawn at ``x``.

        Returns:
            the line, the width to go on with in pixels, and the number of characters left out.
        """
        line = layout(text, level=level, max_width=geometry.last)
        if limit is None or geometry.to_patches(x + line.width) <= limit:
            return line, line.width, 0
        if self.compat is None:
            prefix = longest_prefix(
                text, lambda piece: geometry.to_patches(x + piece.width) <= limit, layout, level, geometry.last
            )
            return prefix, prefix.width, _count(text[len(prefix.text) :])
        prefix = upstream_prefix(text, x, limit, geometry, layout, level)
        return prefix, line.width, _count(text[len(prefix.text) :])


def make_strategy(name: str, compat: str | None) -> Continuous:
    """The strategy of a name; a UsageError for names that are unknown or not there yet."""
    if name not in STRATEGIES:
        raise UsageError(f"strategy is {name!r}, but it must be one of {', '.join(STRATEGIES)}")
    if name != "continuous":
        raise UsageError(f"the strategy {name!r} is not available in this version of pixlm; use 'continuous'")
    if compat not in COMPATS:
        raise UsageError(f"compat is {compat!r}, but it must be None, 'pixel', 'pixel-m4' or 'pixelgpt'")
    if compat == "pixelgpt":
        raise UsageError("compat='pixelgpt' needs the backend 'pygame', which this version of pixlm does not have")
    return Continuous(compat)


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


def _count(text: str) -> int:
    return sum(not char.isspace() for char in text)


def _cut_off(line: Line, width: int) -> int:
    """Characters of a line (spaces not counted) that end right of ``width`` pixels."""
    if line.complete and line.width <= width:
        return 0
    lost = _count(line.text[max((run.item.end for run in line.runs), default=0) :])
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
                lost += _count(line.text[start:end]) if start in hidden else 0
        else:
            x += run.width
    return lost
