"""Layout of one line with HarfBuzz: directions, items, shaping, line metrics, the place of every glyph.

Lengths are in units of 1/1024 pixel unless a name says pixels. y grows downwards except in the fonts' own offsets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pixlm.rendering.backends import CONTEXT
from pixlm.rendering.font import UNITS, ot_script_tag
from pixlm.rendering.itemize import FontSet, Item, itemize
from pixlm.rendering.line import Line, Run
from pixlm.rendering.missing import Box, MissingBox
from pixlm.rendering.shaping import EMPTY_GLYPH, UNKNOWN_GLYPH
from pixlm.rendering.unicode.bidi import embedding_levels, first_strong_level, visual_order
from pixlm.rendering.unicode.properties import is_default_ignorable

#: Scripts whose letters hang from a line or stand in a box (HarfBuzz: the horizontal baseline of a script).
_HANGING = (
    *("Beng", "Deva", "Dogr", "Gong", "Gujr", "Guru", "Limb", "Marc", "Modi", "Mtei", "Nand", "Newa", "Phag", "Shrd"),
    *("Sidd", "Soyo", "Sylo", "Takr", "Tibt", "Tirh", "Zanb"),
)
_IDEOGRAPHIC = ("Bopo", "Hang", "Hani", "Hira", "Kana", "Kits", "Nshu", "Tang")

_TAB_SPACES = 8

#: A font's baseline tag, and where the font has that baseline, in units.
Baseline = tuple[str, int]


@dataclass(frozen=True)
class ShapedRun(Run):
    """One shaped item. ``x[i]`` and ``y[i]``: origin of glyph i relative to the run's start and to the baseline.
    ``glyphs[i]`` may be ``EMPTY_GLYPH`` or ``UNKNOWN_GLYPH``."""

    item: Item
    glyphs: list[int]
    x: list[int]
    y: list[int]
    rise: int  # how far the run's baseline is above the line's
    ascent: int
    descent: int
    boxes: dict[int, Box]  # glyph index -> box of the missing character


@dataclass(frozen=True)
class ShapedLine(Line):
    """A line that HarfBuzz shaped."""

    runs: Sequence[ShapedRun]


class LineLayout:
    """Lays out lines with one set of fonts."""

    def __init__(self, fonts: FontSet, missing_box: MissingBox) -> None:
        self.fonts = fonts
        self.missing_box = missing_box

    def layout(
        self,
        text: str,
        *,
        level: int | None = None,
        max_width: int | None = None,
        levels: np.ndarray | None = None,
        context: tuple[str, str] = ("", ""),
        items: Iterable[Item] | None = None,
        baseline: Baseline | None = None,
    ) -> ShapedLine:
        """Lay out ``text``, which holds no line break.

        Args:
            text: any code points but lone surrogates. Tabs go to the next multiple of eight spaces.
            level: paragraph level (0 left to right, 1 right to left); None: from the first strong character.
            levels: bidi levels of the code points, uint8 [len(text)]; None works them out.
            context: what stands before and after ``text``; letters at its ends join it.
            max_width: pixels; a purely left-to-right line may stop being laid out once it is wider.
            items: of a text whose items are known; they are in logical order.
            baseline: what the first run of the line set, if ``text`` goes on a line.
        """
        if not text:
            return ShapedLine(text, [], 0, 0, 0, level or 0)
        if level is None:
            level = first_strong_level(text) or 0
        if levels is None:
            levels, _ = embedding_levels(text, level)
        may_stop = max_width is not None and not levels.any()
        items = itemize(text, levels, self.fonts) if items is None else items
        runs: list[ShapedRun] = []
        missing: list[int] = []
        width = 0
        complete = True
        for item in items:
            if may_stop and max_width is not None and width > max_width:
                complete = False
                break
            if baseline is None:  # the first run in logical order sets the baseline that the others are aligned to
                baseline = baseline_of(item)
                rise = 0
            else:
                rise = baseline[1] - item.font.baseline(baseline[0], ot_script_tag(item.script))
            run = (
                self._tab(item, width, rise)
                if text[item.start] == "\t"
                else self._shape(text, item, rise, missing, context)
            )
            runs.append(run)
            width += run.width
        top = max(run.ascent + run.rise for run in runs)
        bottom = max(run.descent - run.rise for run in runs)
        order = visual_order([run.item.level for run in runs])
        height = -(-(top + bottom) // UNITS)
        return ShapedLine(text, [runs[index] for index in order], width, height, top, level, complete, missing)

    def _shape(self, text: str, item: Item, rise: int, missing: list[int], context: tuple[str, str]) -> ShapedRun:
        font = item.font
        before = text[max(item.start - CONTEXT, 0) : item.start] if item.start else context[0][-CONTEXT:]
        after = text[item.end : item.end + CONTEXT] if item.end < len(text) else context[1][:CONTEXT]
        shaped = font.shape(
            before + text[item.start : item.end] + after,
            len(before),
            item.end - item.start,
            script=item.script,
            rtl=bool(item.level & 1),
        )
        characters = [cluster + item.start - len(before) for cluster in shaped.clusters]
        # A run of nothing but boxes is as high as its boxes.
        only_boxes = set(shaped.glyphs) == {UNKNOWN_GLYPH}
        ascent, descent = (0, 0) if only_boxes else (font.ascent, font.descent)
        xs: list[int] = []
        ys: list[int] = []
        advances: list[int] = []
        boxes: dict[int, Box] = {}
        pen = 0
        for glyph, character, (dx, dy, advance) in zip(shaped.glyphs, characters, shaped.places, strict=True):
            if advance < 0:  # as Pango does it, before it rounds
                advance = -advance
                dx += advance
            pixels = (advance + UNITS // 2) // UNITS
            if glyph == UNKNOWN_GLYPH:
                box = boxes[len(xs)] = self.missing_box.of(text[character], font)
                pixels = box.advance
                ascent, descent = max(ascent, box.ascent), max(descent, box.descent)
                missing.append(_missing_in_cluster(text, character, item))
            xs.append(pen * UNITS + dx)
            ys.append(-dy)
            advances.append(pixels)
            pen += pixels
        return ShapedRun(item, characters, advances, pen, shaped.glyphs, xs, ys, rise, ascent, descent, boxes)

    def _tab(self, item: Item, position: int, rise: int) -> ShapedRun:
        space = self._space_width()
        stop = space * _TAB_SPACES or 1
        width = -(-(position + space) // stop) * stop - position
        font = item.font
        return ShapedRun(
            item, [item.start], [width], width, [EMPTY_GLYPH], [0], [0], rise, font.ascent, font.descent, {}
        )

    def _space_width(self) -> int:
        font = self.fonts.fonts[self.fonts.for_space(False)]
        advance = font.shape(" ", 0, 1, script="Zyyy", rtl=False).places[0][2]
        return (advance + UNITS // 2) // UNITS


def baseline_of(item: Item) -> Baseline:
    """The baseline that a line has whose first run is ``item``."""
    tag = "hang" if item.script in _HANGING else "icfb" if item.script in _IDEOGRAPHIC else "romn"
    return tag, item.font.baseline(tag, ot_script_tag(item.script))


def _missing_in_cluster(text: str, start: int, item: Item) -> int:
    """Which character of a cluster is the one that the font lacks. HarfBuzz may have merged it with one before it."""
    for index in range(start, item.end):
        if not item.font.covers(text[index]) and not is_default_ignorable(text[index]):
            return index
    return start
