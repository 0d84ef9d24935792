"""Reading strips of patches: each cell by the nearest one that the renderer can draw of the candidates."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from pixlm.rendering.reading.candidates import Candidates, is_rtl
from pixlm.rendering.reading.cells import ERR_TOGETHER, EXACT, NOISE_FLOOR, Found
from pixlm.rendering.reading.context import resolve
from pixlm.rendering.reading.order import base_level, logical_order, mirrored
from pixlm.rendering.reading.pixels import segments
from pixlm.rendering.reading.reading import CellReading, Reading
from pixlm.rendering.reading.search import CellSearch, ReadLine
from pixlm.rendering.reading.spelling import Spelt
from pixlm.rendering.reading.units import Sketcher
from pixlm.rendering.strategies.cutters import is_wide
from pixlm.rendering.unicode import grapheme_clusters

_MISFITS = 0.02  # share of cells
_ALTERNATIVES = 6


class Reader:
    """Reads what a renderer drew, with one strategy and one set of candidates.

    Args:
        strategy, compat: of the renderer.
        sketcher: draws as the renderer does.
        candidates: what to look for.
    """

    def __init__(self, strategy: str, compat: str | None, sketcher: Sketcher, candidates: Candidates) -> None:
        self._strategy = strategy
        self._turns_lines = compat is not None
        self._patch = sketcher.patch
        self._search = CellSearch(strategy, sketcher, candidates)

    def explains(self, strips: Sequence[np.ndarray]) -> bool:
        """Whether nearly all of some strips is exactly what can be drawn."""
        cells = self._cells(strips)
        return sum(cell.fits[0].error > EXACT for cell in cells) <= _MISFITS * len(cells)

    def misfit(self, strips: Sequence[np.ndarray]) -> float:
        """Squared error of everything that is read."""
        return sum(cell.fits[0].error for cell in self._cells(strips))

    def read(
        self,
        strips: Sequence[np.ndarray],
        word_starts: Sequence[Sequence[int] | None],
        rtl: bool | None,
        is_split_into_words: bool,
    ) -> list[Reading]:
        """Read strips of ink, float32 [W, P]."""
        lines = [(index, *cut) for index, strip in enumerate(strips) for cut in self._lines(strip)]
        found = self._search.lines([line for _, _, line in lines])
        texts: list[list[str]] = [[] for _ in strips]
        cells: list[list[CellReading]] = [[] for _ in strips]
        for (index, start, _), line in zip(lines, found, strict=True):
            begins = word_starts[index]
            begins = None if begins is None else [begin - start for begin in begins]
            text, read = self._line(line, start, begins, rtl, is_split_into_words)
            texts[index].append(text)
            cells[index] += read
        return [Reading(tuple(text or [""]), tuple(read)) for text, read in zip(texts, cells, strict=True)]

    def _cells(self, strips: Sequence[np.ndarray]) -> list[Found]:
        lines = [line for strip in strips for _, line in self._lines(strip)]
        return [cell for line in self._search.lines(lines) for cell in line.cells]

    def _lines(self, strip: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """The texts of a strip, uint8 [W, P], each with its first patch. Rounded as pictures are, so that what was
        drawn here is met exactly."""
        pixels = np.rint(strip * 255).astype(np.uint8)
        return [(start, pixels[start * self._patch : end * self._patch]) for start, end in segments(strip, self._patch)]

    def _line(
        self,
        line: ReadLine,
        shift: int,
        word_starts: list[int] | None,
        rtl: bool | None,
        is_split_into_words: bool,
    ) -> tuple[str, list[CellReading]]:
        found = line.cells
        seen = ["".join(texts[0] for texts in cell.fits[0].spelt.texts) for cell in found]
        base = base_level(seen) if rtl is None else int(rtl)
        word_of = [0] * len(found)
        if word_starts:
            word_of = [max(bisect_right(word_starts[:-1], cell.start) - 1, 0) for cell in found]
        order, levels = self._order(seen, base, word_of, is_split_into_words)
        pieces = [self._pieces(cell.fits[0].spelt, level) for cell, level in zip(found, levels, strict=True)]
        choices = [texts for index in order for texts in pieces[index]]
        shares = iter(resolve(choices, line.plausibility))
        share_of = {index: [next(shares) for _ in pieces[index]] for index in order}
        readings = [
            self._reading(cell, line, shift, levels[index], share_of[index]) for index, cell in enumerate(found)
        ]
        text = ""
        for place, index in enumerate(order):
            part = readings[index].text
            following = order[place + 1] if place + 1 < len(order) else None
            if self._strategy == "mono" and following is not None and len(pieces[following]) == 1:
                part = part.rstrip(" ")  # the half before a wide character is white whether or not a space is there
            text += part
            if following is not None and (
                word_of[index] != word_of[following]
                if word_starts and (self._strategy != "mono" or is_split_into_words)
                else self._ends_word(part)
            ):
                text += " "
        return text.strip(), readings

    def _order(
        self, seen: list[str], base: int, word_of: list[int], is_split_into_words: bool
    ) -> tuple[list[int], list[int]]:
        """Cells in logical order, and their levels. Words of a list are in order; only their cells are not."""
        places = range(len(seen))
        if self._turns_lines:
            words = word_of if is_split_into_words else [0] * len(seen)
            return sorted(places, key=lambda place: (words[place], -place * base)), [base] * len(seen)
        if not is_split_into_words:
            # White space between words has a direction of its own.
            spaced = [
                (place, text)
                for place in places
                for text in ((" ", seen[place]) if place and word_of[place] != word_of[place - 1] else (seen[place],))
            ]
            order, levels = logical_order([text for _, text in spaced], base)
            is_cell = [text != " " or seen[place] == " " for place, text in spaced]
            kept = [spaced[index][0] for index in order if is_cell[index]]
            return kept, [level for level, cell in zip(levels, is_cell, strict=True) if cell]
        order, levels = [], []
        for word in sorted(set(word_of)):
            members = [place for place in places if word_of[place] == word]
            inside, some = logical_order([seen[place] for place in members], base)
            order += [members[place] for place in inside]
            levels += some
        return order, levels

    def _pieces(self, spelt: Spelt, level: int) -> list[tuple[str, ...]]:
        """The texts of a cell's pictures in logical order."""
        if not level & 1:
            return list(spelt.texts)
        turned = spelt.texts[::-1]
        # Whole right-to-left words have their brackets as they are written already.
        if self._turns_lines:
            return [*turned]
        return [texts if is_rtl(texts[0]) else tuple(map(mirrored, texts)) for texts in turned]

    def _reading(
        self,
        cell: Found,
        line: ReadLine,
        shift: int,
        level: int,
        shares: list[dict[str, float]],
    ) -> CellReading:
        best = cell.fits[0]
        span = shift + cell.start, shift + cell.start + cell.patches
        # What no candidate fits is not read with confidence, however much better than others one is.
        excess = max(best.error - 1.5 * line.white * cell.pixels, 0.0)
        explained = max(1 - excess / max(cell.energy, NOISE_FLOOR), 0.0)
        noise = max(line.noise, best.error / cell.pixels * (ERR_TOGETHER if excess else 1))
        costs = [fit.cost(line.plausibility, noise) for fit in cell.fits]
        weights = [math.exp(min(costs[0] - cost, 0.0)) for cost in costs]
        fit = explained / sum(weights)
        scored = {text: fit * value for text, value in _combined(shares).items()}
        text = max(scored, key=scored.__getitem__)
        look_alikes = set(scored)
        for other, weight in zip(cell.fits[1:], weights[1:], strict=True):
            name = "".join(min(texts, key=line.plausibility.of) for texts in self._pieces(other.spelt, level))
            scored[name] = scored.get(name, 0.0) + fit * weight
        confidence = scored.pop(text)
        ranked = sorted(scored.items(), key=lambda item: -item[1])
        others = tuple((name, value) for name, value in ranked[:_ALTERNATIVES] if value > 1e-4 or name in look_alikes)
        return CellReading(span, text, min(confidence, 1.0), others)

    def _ends_word(self, text: str) -> bool:
        """Whether a word ends with a cell: where cells are cut by twos, one of one does, and one of two may."""
        if self._strategy in ("mono", "words"):
            return self._strategy == "words"
        if self._strategy == "bigrams":
            return len(text) == 1
        if self._strategy == "adaptive" and (is_rtl(text) or (text and is_wide(text[0]))):
            return is_rtl(text)
        return len(grapheme_clusters(text)) == 1


def _combined(shares: Sequence[dict[str, float]]) -> dict[str, float]:
    """The most likely texts of a row of pictures, each of which may stand for several."""
    best = {"": 1.0}
    for share in shares:
        longer = {head + text: value * part for head, value in best.items() for text, part in share.items()}
        kept = sorted(longer, key=longer.__getitem__, reverse=True)[: _ALTERNATIVES + 1]
        best = {text: longer[text] for text in kept}
    return best
