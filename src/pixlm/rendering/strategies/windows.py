"""Windows on a pair whose second text does not fit: the first text again, then the second from further on."""

from __future__ import annotations

from pixlm.errors import UsageError
from pixlm.rendering.geometry import Geometry
from pixlm.rendering.line import Line
from pixlm.rendering.offsets import SEPARATOR, Span, pad_spans, patch_spans, upstream_spans
from pixlm.rendering.strategies.fitting import longest_prefix, upstream_prefix
from pixlm.rendering.strategies.plan import Layout, PairPlan, Plan

#: Code points looked at for one window, per pixel of its width: more than any text needs.
_MOST = 4


def text_offsets(plan: Plan, geometry: Geometry) -> list[Span]:
    """The offset mapping of a single text: one entry per patch up to ``geometry.patches``."""
    line, x = plan.lines[0]
    return pad_spans(patch_spans(line, x, 0, plan.end, geometry.patch), geometry.patches)


def words_offsets(plan: Plan, geometry: Geometry) -> list[Span]:
    """The offset mapping of words drawn one by one: code points of the patch's word."""
    spans = [SEPARATOR] * geometry.patches
    for line, x in plan.lines:
        first, end = x // geometry.patch, min(geometry.to_patches(x + line.width), plan.end)
        length = len(line.text) - line.text.endswith(" ")  # the space after a word is not part of it
        for index, (start, stop) in enumerate(patch_spans(line, x, first, end, geometry.patch), first):
            if start < min(stop, length):
                spans[index] = start, min(stop, length)
    return spans


def pair_offsets(plan: PairPlan, geometry: Geometry, shift: int = 0) -> list[Span]:
    """The corrected offset mapping of a pair. ``shift``: where the plan's second line starts in the second text."""
    (line_a, x_a), (line_b, x_b) = plan.lines
    separator, end = plan.separators
    spans_b = patch_spans(line_b, x_b, separator + 1, end, geometry.patch)
    return pad_spans(
        [
            *patch_spans(line_a, x_a, 0, separator, geometry.patch),
            SEPARATOR,
            *((start + shift, stop + shift) if stop else SEPARATOR for start, stop in spans_b),
        ],
        geometry.patches,
    )


def pair_windows(plan: PairPlan, geometry: Geometry, layout: Layout, stride: int) -> list[tuple[PairPlan, list[Span]]]:
    """The windows after the first, each with its offset mapping. Consecutive windows share ``stride`` patches of the
    second text; every window holds as many whole characters as fit."""
    separator, start_b = plan.separators[0], plan.lines[1][1]
    room = room_for_second(plan.separators[0], geometry, stride)
    windows: list[tuple[PairPlan, list[Span]]] = []
    line, start = plan.lines[1][0], 0
    level = line.level
    window = plan
    while plan.second[start + len(line.text) :].strip():
        spans = pair_offsets(window, geometry)[separator + 1 : window.end]
        starts = sorted(span[0] for span in spans if span[1])
        # The characters on the last `stride` patches in logical order come again.
        start += max(1, starts[-stride] if 0 < stride <= len(starts) else len(line.text))
        text = plan.second[start : start + _MOST * geometry.patch * room]
        line = longest_prefix(
            text,
            lambda piece: geometry.to_patches(start_b + piece.width) <= geometry.patches - 1,
            layout,
            level,
            geometry.last,
        )
        line = line if line.text else layout(text[:1], level=level)  # wider than a window: cut off, but not for ever
        end = geometry.next_patch(start_b + line.width + 2) // geometry.patch
        window = PairPlan([plan.lines[0], (line, start_b)], [separator, end])
        windows.append((window, pair_offsets(window, geometry, start)))
    return windows


def upstream_pair_offsets(plan: PairPlan, geometry: Geometry) -> list[Span]:
    """PIXEL's offset mapping of a pair."""
    spans_b = _second_spans(plan, geometry, plan.lines[1][0], plan.widths[1])
    return pad_spans([*_first_spans(plan, geometry), SEPARATOR, *spans_b], geometry.patches)


def _first_spans(plan: PairPlan, geometry: Geometry) -> list[Span]:
    line, x = plan.lines[0]
    return upstream_spans(line, x, 0, geometry, plan.rtl, plan.widths[0])


def _second_spans(plan: PairPlan, geometry: Geometry, line: Line, width: int) -> list[Span]:
    shift = (plan.separators[0] + 1) * geometry.patch
    return upstream_spans(line, plan.lines[1][1], shift, geometry, plan.rtl, width)


def upstream_pair_windows(
    plan: PairPlan, geometry: Geometry, layout: Layout, stride: int
) -> list[tuple[PairPlan, list[Span]]]:
    """PIXEL's windows: counted in whole patches of the overflow, which may skip or repeat a few characters.

    ``patches`` is how many patches of the second text's full mapping are still to be shown. Of a left-to-right text
    these are the last ones; of a right-to-left text the first ones, since its mapping starts with the end of the text.
    """
    start_b = plan.lines[1][1]
    if start_b + plan.widths[1] <= geometry.last:
        return []
    room = room_for_second(plan.separators[0], geometry, stride)
    full = layout(plan.second, level=plan.level)
    over = start_b + full.width - geometry.last
    spans_a = _first_spans(plan, geometry)
    spans_b = _second_spans(plan, geometry, full, full.width)
    patches = geometry.to_patches(over)
    windows: list[tuple[PairPlan, list[Span]]] = []
    for _ in range(-(-over // ((room - stride) * geometry.patch))):
        edge = patches + stride if plan.rtl else len(spans_b) - patches - stride
        if not 0 <= edge < len(spans_b):
            raise UsageError(f"stride is {stride}, more patches than the second text has before the window")
        text = plan.second[max(spans_b[edge][plan.rtl], 0) :]
        whole = line = layout(text, level=plan.level)
        if plan.rtl and geometry.to_patches(start_b + whole.width) > geometry.patches - 1:
            line = upstream_prefix(text, start_b, geometry.patches - 1, geometry, layout, plan.level)
        end = geometry.next_patch(start_b + whole.width + 2) // geometry.patch
        shown = end - plan.separators[0] - 1
        if plan.rtl:
            first = max(edge + 1 - shown, 0)
            spans = spans_b[first : edge + 1]
            over = patches = first
        else:
            spans = spans_b[edge : edge + shown - (stride == 0)]  # upstream drops the last entry without a stride
            over = start_b + whole.width - geometry.last
            patches = geometry.to_patches(over)
        window = PairPlan([plan.lines[0], (line, start_b)], [plan.separators[0], end])
        windows.append((window, pad_spans([*spans_a, SEPARATOR, *spans], geometry.patches)))
        if over <= 0:
            break
    return windows


def room_for_second(separator: int, geometry: Geometry, stride: int) -> int:
    """Patches right of ``separator`` in a full window; a UsageError if the stride leaves nothing new in it."""
    room = geometry.patches - 2 - separator
    if stride >= room:
        raise UsageError(
            f"stride is {stride}, but a window of {geometry.patches} patches has {max(room, 0)} for the second text"
        )
    return room
