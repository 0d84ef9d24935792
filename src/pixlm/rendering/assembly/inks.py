"""Words drawn apart: all new words of a line are shaped and drawn in one go, with spaces enough between them.

HarfBuzz marks every glyph that a rule of the font looked at from elsewhere, also in vain. Around each word stand two
spaces of its own. If nothing reached the outer one, the word is shaped in the same way whatever stands beyond the inner
one, and if the inner one can be cut off, also without it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np

from pixlm.rendering import compiled
from pixlm.rendering.assembly.flow import has_numbers
from pixlm.rendering.assembly.pieces import Columns, Picture, paper
from pixlm.rendering.assembly.store import strings, texts_of
from pixlm.rendering.assembly.words import Setting, Words
from pixlm.rendering.drawing import Painter, Points
from pixlm.rendering.font import UNITS, Font
from pixlm.rendering.layout import ShapedLine
from pixlm.rendering.shaping import EMPTY_GLYPH, UNKNOWN_GLYPH, Shaped

_LONGEST_WORD = 1024
_CACHE_BYTES = 64 << 20
_GAP = "   "  # between words: a space of each, and one that neither may reach


class Inks:
    """The ink of words, by setting and by the baseline's place on the canvas. ``draw``: a line drawn alone with its
    baseline so many units below the top."""

    def __init__(self, words: Words, painter: Painter, draw: Callable[[ShapedLine, int], Picture]) -> None:
        self._words = words
        self._painter = painter
        self._draw = draw
        self._tables: dict[tuple[Setting, int], dict[str, Picture | None]] = {}
        self._bytes = 0

    def find(self, words: Sequence[str], setting: Setting, baseline: int) -> list[Picture | None]:
        """The ink of each word, None for those that cannot be drawn apart; ``width`` leaves the space after it out."""
        if self._bytes > _CACHE_BYTES:
            self._tables.clear()
            self._bytes = 0
        table = self._tables.get((setting, baseline))
        if table is None:
            table = self._tables[setting, baseline] = {"": Picture(b"", 0, 0, 0)}
        new = [word for word in dict.fromkeys(words) if word not in table]
        if new:
            if self._are_ordinary(new, setting):
                found = self._drawn(new, setting, baseline)
            else:
                found = self._drawn_one_by_one(new, setting, baseline)
            table.update(zip(new, found, strict=True))
            self._bytes += 150 * len(new) + sum([len(ink.data) for ink in found if ink])
        return [table[word] for word in words]

    def _drawn_one_by_one(self, words: list[str], setting: Setting, baseline: int) -> list[Picture | None]:
        """Words some of which may have to be drawn in another way, or not at all."""
        found: dict[str, Picture | None] = {}
        apart = []
        for word in words:
            if len(word) <= _LONGEST_WORD and self._words.may_stand_alone(word, setting):
                if (setting.level and has_numbers(word)) or self._words.has_colour(setting):
                    found[word] = self._laid_out(word, setting, baseline)
                else:
                    apart.append(word)
        if apart:
            found.update(zip(apart, self._drawn(apart, setting, baseline), strict=True))
        return [found.get(word) for word in words]

    def _are_ordinary(self, words: list[str], setting: Setting) -> bool:
        """Whether all of these words may stand alone and are one run each, which is usual and quickly seen."""
        return (
            max(map(len, words)) <= _LONGEST_WORD
            and not self._words.has_colour(setting)
            and self._words.may_all_stand_alone(words, setting)
            and not (setting.level and has_numbers("".join(words)))
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that is kept, for `store`."""
        found: dict[str, np.ndarray] = {}
        names = []
        for number, ((setting, baseline), table) in enumerate(self._tables.items()):
            names.append(f"{setting.script} {setting.flow} {setting.font} {baseline}")
            sizes = [
                (ink.width, ink.first, ink.last, len(ink.data)) if ink else (-1, 0, 0, 0) for ink in table.values()
            ]
            found[f"words {number}"] = strings(list(table))
            found[f"sizes {number}"] = np.array(sizes, np.int32)
            ink = b"".join([ink.data for ink in table.values() if ink])
            found[f"ink {number}"] = np.frombuffer(ink, np.uint8)
        return {"tables": strings(names), **found} if names else {}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Put back what `arrays` gave; the ink stays where it is in memory."""
        for number, name in enumerate(texts_of(arrays["tables"]) if arrays else []):
            script, flow, font, baseline = name.split(" ")
            table = self._tables.setdefault((Setting(script, flow, int(font)), int(baseline)), {})
            ink = arrays[f"ink {number}"].data
            start = 0
            for word, (width, first, last, size) in zip(
                texts_of(arrays[f"words {number}"]), arrays[f"sizes {number}"].tolist(), strict=True
            ):
                table[word] = None if width < 0 else Picture(ink[start : start + size], width, first, last)
                start += size

    def _laid_out(self, word: str, setting: Setting, baseline: int) -> Picture | None:
        """A word of several runs or with glyphs in colour."""
        rtl = bool(setting.level)
        shaped = self._words.font(setting).shaping.shape_apart(f"  {word}  ", script=setting.script, rtl=rtl)
        circle = self._words.font(setting).circle
        if not shaped.is_apart(2, len(shaped.glyphs) - 2, 2, 2 + len(word), rtl, circle):
            return None
        line = self._words.line(word, setting)
        return None if line.missing else self._draw(line, baseline)

    def _drawn(self, words: list[str], setting: Setting, baseline: int) -> list[Picture | None]:
        """Words of one run each."""
        font = self._words.font(setting)
        rtl = bool(setting.level)
        records = font.shaping.records_apart(f"  {_GAP.join(words)}  ", script=setting.script, rtl=rtl)
        if compiled.inner is None:
            found = self._found(Shaped(*records), words, font, rtl, baseline)
        else:
            circle = -1 if font.circle is None else font.circle
            painter = self._painter
            found = compiled.inner.words(
                painter.bitmaps(font), *records, words, rtl, circle, baseline, painter.rows, painter.rgb
            )
        if found is None:
            return [self._drawn([word], setting, baseline)[0] for word in words]
        return [ink and Picture(*ink) for ink in found]

    def _found(
        self, shaped: Shaped, words: list[str], font: Font, rtl: bool, baseline: int
    ) -> list[tuple[Columns, int, int, int] | None] | None:
        """What `_inner.words` does: the ink of words that were shaped together, None for those that cannot be drawn
        apart; None if there is a circle among several words."""
        if font.circle in shaped.glyphs and len(words) > 1:
            return None
        length = sum(map(len, words)) + len(_GAP) * (len(words) - 1) + 4
        clusters = shaped.clusters
        # Places that grow from glyph to glyph, also from right to left.
        places = [length - 1 - cluster for cluster in clusters] if rtl else clusters
        found: list[tuple[Columns, int, int, int] | None] = []
        drawn: list[tuple[int, int, int, int, int]] = []  # word, its left end on the canvas, width, ink
        glyphs: list[Points] = []
        columns: list[int] = []
        margin = self._painter.rows
        row_of = baseline + UNITS // 2
        known = self._painter.glyph
        left = margin
        start = 2
        for number, word in enumerate(words):
            found.append(None)
            end = start + len(word)
            first = bisect_left(places, length - end if rtl else start)
            last = bisect_left(places, length - start if rtl else end)
            if shaped.is_apart(first, last, start, end, rtl, font.circle):
                pen = 0
                low, high = 0, 0
                mark = len(glyphs)
                is_known = True
                for glyph, (dx, dy, advance) in zip(shaped.glyphs[first:last], shaped.places[first:last], strict=True):
                    if glyph == UNKNOWN_GLYPH:
                        is_known = False
                        break
                    if advance < 0:  # as Pango does it, before it rounds
                        advance = -advance
                        dx += advance
                    if glyph != EMPTY_GLYPH:
                        points = known(font, glyph, (row_of - dy) >> 10)
                        if len(points.places):
                            at = pen + ((dx + UNITS // 2) >> 10)
                            glyphs.append(points)
                            columns.append(left + at)
                            low, high = min(low, at + points.first), max(high, at + points.end)
                    pen += (advance + UNITS // 2) // UNITS
                if not is_known or low < -margin or high > pen + margin:
                    del glyphs[mark:], columns[mark:]
                else:
                    drawn.append((number, left, pen, low, high))
                    left += pen + 2 * margin
            start = end + len(_GAP)
        data = paper(self._painter.coverage(glyphs, columns, left), self._painter.rgb)
        column = len(data) // left  # bytes
        for number, at, width, low, high in drawn:
            found[number] = data[(at + low) * column : (at + high) * column], width, low, high
        return found
