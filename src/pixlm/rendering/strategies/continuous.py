"""The ``continuous`` strategy: PIXEL's way, and that of PIXEL-M4's edited copy (Rust et al. 2023, section 2.1).

Text runs on without regard to patch borders; of a list, every word starts at a patch border.
"""

from __future__ import annotations

from dataclasses import dataclass

from pixlm.rendering.geometry import Geometry
from pixlm.rendering.line import Line
from pixlm.rendering.offsets import Span
from pixlm.rendering.strategies.fitting import (
    count_characters,
    cut_off,
    first_cluster,
    longest_prefix,
    looks_rtl,
    upstream_prefix,
)
from pixlm.rendering.strategies.plan import Layout, PairPlan, Plan
from pixlm.rendering.strategies.windows import (
    list_windows,
    pair_offsets,
    pair_windows,
    text_offsets,
    text_windows,
    upstream_pair_offsets,
    upstream_pair_windows,
    words_offsets,
)
from pixlm.rendering.unicode.bidi import first_strong_level


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

    def text(self, text: str, geometry: Geometry, layout: Layout, *, rtl: bool | None = None) -> Plan:
        """What does not fit is left out from the end on; upstream clips it, which of a right-to-left text takes the
        beginning. Upstream does not look at ``rtl``: the first strong character decides, as in Pango."""
        room = geometry.last - self.margin
        if self.compat is None:
            level = (first_strong_level(text) or 0) if rtl is None else int(rtl)
            line = longest_prefix(text, room, layout, level)
            if text and not line.text:
                line = layout(first_cluster(text), level=level)
        else:
            line = layout(text, max_width=max(room, 0))
        left_out = count_characters(text[len(line.text) :])
        # 2 px on either side, also where the left margin is not drawn
        end = geometry.next_patch(2 + line.width + 2)
        return Plan([(line, self.margin)], [end // geometry.patch], lost=left_out + cut_off(line, room), text=text)

    def words(self, words: list[str], geometry: Geometry, layout: Layout, *, rtl: bool | None = None) -> Plan:
        """Words stand in the list's order, each in the direction of its characters, or in that of ``rtl``, which
        upstream does not look at."""
        plan = Plan(words=words)
        starts = plan.word_starts = [0]
        level = self._level(rtl)
        offset = self.margin
        shown = 0
        for index, word in enumerate(words):
            is_last = index == len(words) - 1
            if self.compat == "pixel-m4" and not word and not is_last:
                shown += 1
                continue
            line = layout(word if is_last else word + " ", level=level, max_width=geometry.last)
            plan.lines.append((line, offset))
            shown += not cut_off(line, geometry.last - offset)
            offset = geometry.next_patch(offset + line.width + 2 * is_last)
            starts.append(offset // geometry.patch)
            if offset == geometry.last:
                break
        plan.separators = [starts[-1]]
        plan.lost = len(words) - shown
        return plan

    def _level(self, rtl: bool | None) -> int | None:
        return None if rtl is None or self.compat else int(rtl)

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
        line_a, width_a = self._fit(first, self.margin, limit, geometry, layout, level)
        separator = geometry.next_patch(2 + width_a + 2)
        start_b = separator + geometry.patch + 2  # the margin is there in PIXEL-M4's copy, too
        # Of a right-to-left text the start is at the right end, so it has to be cut, not clipped.
        limit = geometry.patches - 1 if rtl or self.compat is None else None
        line_b, width_b = self._fit(second, start_b, limit, geometry, layout, level)
        end = geometry.next_patch(separator + geometry.patch + 2 + width_b + 2)
        lost = count_characters(first[len(line_a.text) :]) + cut_off(line_a, separator - self.margin)
        lost += count_characters(second[len(line_b.text) :]) + cut_off(line_b, geometry.last - start_b)
        return PairPlan(
            [(line_a, self.margin), (line_b, start_b)],
            [separator // geometry.patch, end // geometry.patch],
            lost=lost,
            text=second,
            widths=(width_a, width_b),
            rtl=rtl,
            level=level,
        )

    def _fit(
        self, text: str, x: int, limit: int | None, geometry: Geometry, layout: Layout, level: int | None
    ) -> tuple[Line, int]:
        """Lay out as much of ``text`` as ends within ``limit`` patches from the strip's start when drawn at ``x``.

        Returns:
            the line, and the width to go on with in pixels.
        """
        if self.compat is None:
            assert limit is not None
            own = (first_strong_level(text) or 0) if level is None else level
            prefix = longest_prefix(text, limit * geometry.patch - x, layout, own)
            return prefix, prefix.width
        line = layout(text, level=level, max_width=geometry.last)
        if limit is None or geometry.to_patches(x + line.width) <= limit:
            return line, line.width
        return upstream_prefix(text, x, limit, geometry, layout, level), line.width

    def offsets(self, plan: Plan, geometry: Geometry) -> list[Span]:
        if isinstance(plan, PairPlan):
            return pair_offsets(plan, geometry) if self.compat is None else upstream_pair_offsets(plan, geometry)
        return text_offsets(plan, geometry) if plan.word_starts is None else words_offsets(plan, geometry)

    def windows(
        self, plan: Plan, geometry: Geometry, layout: Layout, stride: int, *, rtl: bool | None = None
    ) -> list[tuple[Plan, list[Span]]]:
        """Upstream has windows on pairs only; those on texts and lists are the same with its quirks and without."""
        if plan.words is not None:
            return list_windows(self, plan, geometry, layout, stride, rtl)
        if not isinstance(plan, PairPlan):
            return text_windows(plan, geometry, layout, stride)
        make = pair_windows if self.compat is None else upstream_pair_windows
        return make(plan, geometry, layout, stride)

    def width(self, text: str, geometry: Geometry, layout: Layout) -> int:
        return layout(text).width
