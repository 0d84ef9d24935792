"""Windows on a text, pair or list that does not fit: further images, which show it from further on.

Of a pair every window shows the first text again. Consecutive windows share at most ``stride`` patches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from pixlm.errors import UsageError
from pixlm.rendering.geometry import Geometry
from pixlm.rendering.line import Line
from pixlm.rendering.offsets import SEPARATOR, Span, pad_spans, patch_spans, upstream_spans
from pixlm.rendering.strategies.fitting import (
    characters_before,
    cut_off,
    first_cluster,
    first_hidden,
    longest_prefix,
    upstream_prefix,
)
from pixlm.rendering.strategies.plan import Layout, PairPlan, Plan, Strategy
from pixlm.rendering.unicode.graphemes import grapheme_clusters

#: Characters of a second text that PIXEL's windows are made of: their time grows with the square of the length.
_LONGEST_UPSTREAM = 100_000


def text_offsets(plan: Plan, geometry: Geometry, shift: int = 0) -> list[Span]:
    """The offset mapping of a single text: one entry per patch up to ``geometry.patches``. ``shift``: where the plan's
    line starts in the text."""
    line, x = plan.lines[0]
    return pad_spans(_shifted(patch_spans(line, x, 0, plan.end, geometry.patch), shift), geometry.patches)


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
        [*patch_spans(line_a, x_a, 0, separator, geometry.patch), SEPARATOR, *_shifted(spans_b, shift)],
        geometry.patches,
    )


def _shifted(spans: list[Span], shift: int) -> list[Span]:
    return [(start + shift, stop + shift) if stop else SEPARATOR for start, stop in spans]


def text_windows(plan: Plan, geometry: Geometry, layout: Layout, stride: int) -> list[tuple[Plan, list[Span]]]:
    """The windows on a single text after the first, each with its offset mapping."""
    line, x = plan.lines[0]
    windows: list[tuple[Plan, list[Span]]] = []
    for part, start, end, lost in _line_windows(plan.text, line, x, 0, geometry, layout, stride):
        window = Plan([(part, x)], [end], lost=lost)
        windows.append((window, text_offsets(window, geometry, start)))
    return windows


def pair_windows(plan: PairPlan, geometry: Geometry, layout: Layout, stride: int) -> list[tuple[Plan, list[Span]]]:
    """The windows on a pair after the first, each with its offset mapping: the second text from further on."""
    separator, (line, x) = plan.separators[0], plan.lines[1]
    windows: list[tuple[Plan, list[Span]]] = []
    for part, start, end, lost in _line_windows(plan.text, line, x, separator + 1, geometry, layout, stride):
        window = PairPlan([plan.lines[0], (part, x)], [separator, end], lost=lost)
        windows.append((window, pair_offsets(window, geometry, start)))
    return windows


def _line_windows(
    text: str, line: Line, x: int, begin: int, geometry: Geometry, layout: Layout, stride: int
) -> Iterator[tuple[Line, int, int, int]]:
    """The windows on ``text`` after the first, of which ``line``, drawn at pixel ``x`` from patch ``begin`` on, is
    shown. Every window holds as many whole grapheme clusters as fit.

    Yields:
        the window's line, where it starts in the text, the patch of its closing separator, and how many characters
        from there on are not on it.
    """
    room_for_text(begin, geometry, stride)
    width, level = geometry.last - x, line.level
    counts = characters_before(text)
    start, reached = 0, first_hidden(line, width)
    while counts[reached] < counts[-1]:
        following = _shared_start(line, x, begin, geometry, stride, reached - start)
        found = _window_line(text, start + following, width, layout, level)
        if following and start + following + len(found.text) <= reached:  # nothing new fits beside what is shared
            following = reached - start
            found = _window_line(text, reached, width, layout, level)
        start, line = start + following, found
        reached = start + max(len(line.text), 1)
        end = geometry.next_patch(begin * geometry.patch + 2 + line.width + 2) // geometry.patch
        yield line, start, end, counts[-1] - counts[start + len(line.text)] + cut_off(line, width)


def _window_line(text: str, start: int, width: int, layout: Layout, level: int) -> Line:
    line = longest_prefix(text, width, layout, level, start)
    if line.text:
        return line
    # Wider than a window: cut off, but not for ever.
    return layout(first_cluster(text, start), level=level)


def _shared_start(line: Line, x: int, begin: int, geometry: Geometry, stride: int, reached: int) -> int:
    """Where, in the text of ``line``, the last ``stride`` patches before the character ``reached`` begin."""
    end = min(geometry.to_patches(x + line.width), geometry.patches - 1)
    spans = patch_spans(line, x, begin, end, geometry.patch)
    starts = sorted(start for start, stop in spans if stop and start < reached)
    if not 0 < stride <= len(starts):
        return reached
    borders = [start for start, _ in grapheme_clusters(line.text[: starts[-stride] + 1])]
    return borders[-1] or reached


@dataclass(frozen=True)
class WordWindow:
    """A plan of words. ``whole``: how many are wholly shown; ``patches``: how many each takes of those that are at
    least begun."""

    plan: Plan
    whole: int
    patches: list[int]


def word_windows(
    first: WordWindow, count: int, make: Callable[[int], WordWindow], geometry: Geometry, begin: int, stride: int
) -> Iterator[tuple[Plan, int]]:
    """The windows after the ``first`` on ``count`` words. Every window begins with a whole word, and shows those words
    again that the one before had on its last ``stride`` patches; a word that is wider than a window is cut off.

    Args:
        make: makes the window that begins with the i-th word.
        begin: the patch where words begin.

    Yields:
        the window's plan and the index of its first word.
    """
    room_for_text(begin, geometry, stride)
    start, window = 0, first
    while (following := start + max(window.whole, 1)) < count:
        shared = used = 0
        while shared + 1 < window.whole and (used := used + window.patches[window.whole - shared - 1]) <= stride:
            shared += 1
        window = make(following - shared)
        if shared and window.whole <= shared:  # the next word is too wide to stand beside what is shared
            shared = 0
            window = make(following)
        start = following - shared
        yield window.plan, start


def list_windows(
    strategy: Strategy, plan: Plan, geometry: Geometry, layout: Layout, stride: int, rtl: bool | None
) -> list[tuple[Plan, list[Span]]]:
    """The windows on a list of words after the first: the list from a later word on."""
    words = plan.words or []

    def window(plan: Plan, start: int) -> WordWindow:
        starts = plan.word_starts or [0]
        patches = [b - a for a, b in pairwise(starts)]
        whole = len(words) - start - plan.lost
        if len(patches) < whole:  # PIXEL-M4 passes over empty words
            widths = iter(patches)
            patches = [next(widths, 0) if word else 0 for word in words[start : start + whole]]
        return WordWindow(plan, whole, patches)

    def make(start: int) -> WordWindow:
        # Each word takes a patch, and PIXEL-M4's bigrams look at the words after the last that fits.
        part = words[start : start + geometry.patches + 2]
        made = strategy.words(part, geometry, layout, rtl=rtl)
        made.lost += len(words) - start - len(part)
        made.first_word = start
        return window(made, start)

    made = word_windows(window(plan, 0), len(words), make, geometry, 0, stride)
    return [(plan, strategy.offsets(plan, geometry)) for plan, _ in made]


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
) -> list[tuple[Plan, list[Span]]]:
    """PIXEL's windows: counted in whole patches of the overflow, which may skip or repeat a few characters.

    ``patches`` is how many patches of the second text's full mapping are still to be shown. Of a left-to-right text
    these are the last ones; of a right-to-left text the first ones, since its mapping starts with the end of the text.
    """
    start_b = plan.lines[1][1]
    if start_b + plan.widths[1] <= geometry.last:
        return []
    if len(plan.text) > _LONGEST_UPSTREAM:
        raise UsageError(
            f"the second text has {len(plan.text)} characters, but PIXEL's windows, each of which lays out all that is "
            f"left, take at most {_LONGEST_UPSTREAM}; use compat=None or a shorter text"
        )
    room = room_for_text(plan.separators[0] + 1, geometry, stride)
    full = layout(plan.text, level=plan.level)
    over = start_b + full.width - geometry.last
    spans_a = _first_spans(plan, geometry)
    spans_b = _second_spans(plan, geometry, full, full.width)
    patches = geometry.to_patches(over)
    windows: list[tuple[Plan, list[Span]]] = []
    for _ in range(-(-over // ((room - stride) * geometry.patch))):
        edge = patches + stride if plan.rtl else len(spans_b) - patches - stride
        if not 0 <= edge < len(spans_b):
            raise UsageError(f"stride is {stride}, more patches than the second text has before the window")
        text = plan.text[max(spans_b[edge][plan.rtl], 0) :]
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


def room_for_text(begin: int, geometry: Geometry, stride: int) -> int:
    """Patches from ``begin`` on that a full window has for text; a UsageError if the stride leaves nothing new."""
    room = geometry.patches - 1 - begin
    if stride >= room:
        raise UsageError(
            f"stride is {stride}, but a window of {geometry.patches} patches has {max(room, 0)} for the text"
            + (" after the first one of the pair" if begin else "")
        )
    return room
