"""Reading strips of patches: each cell by the nearest one that the renderer can draw of the candidates."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from pixlm.rendering.reading.candidates import Candidates, is_rtl
from pixlm.rendering.reading.context import resolve
from pixlm.rendering.reading.order import base_level, logical_order, mirrored
from pixlm.rendering.reading.pixels import segments
from pixlm.rendering.reading.reading import CellReading, Reading
from pixlm.rendering.reading.spelling import Spelling, Spelt, make_spelling
from pixlm.rendering.reading.units import Sketcher

_EXACT = 1e-3  # squared error below which a picture is the one drawn; one grey level of one pixel is 1.5e-5
_LONGEST = 64  # patches of a cell at most
_NOISE_FLOOR = (1 / 255) ** 2
_ALTERNATIVES = 4
_CACHE_SIZE = 100_000


@dataclass(frozen=True)
class _Fit:
    """A cell that may be what is on the strip, and its squared error."""

    error: float
    spelt: Spelt


@dataclass(frozen=True)
class _Found:
    """The cell at ``start``, its fits best first, and the ink on its patches (squared)."""

    start: int
    patches: int
    fits: tuple[_Fit, ...]
    energy: float


_BLANK = Spelt((), None)


class Reader:
    """Reads what a renderer drew, with one strategy and one set of candidates.

    Args:
        strategy, compat: of the renderer.
        sketcher: draws as the renderer does.
        candidates: what to look for.
    """

    def __init__(self, strategy: str, compat: str | None, sketcher: Sketcher, candidates: Candidates) -> None:
        self.candidates = candidates
        self._strategy = strategy
        self._turns_lines = compat is not None
        self._patch = sketcher.patch
        self._spelling: Spelling = make_spelling(strategy, sketcher, candidates)
        search = self._spelling.search
        widest = [max(bank.groups, default=0) for bank in (search.firsts, search.seconds, search.alone)]
        self._longest = min(max(-(-max(widest[0] + widest[1], widest[2]) // self._patch), 1), _LONGEST)
        self._known: dict[bytes, tuple[_Fit, ...]] = {}

    def ambiguous(self) -> list[tuple[str, ...]]:
        """The characters, clusters or words that cannot be told apart: they are drawn with the same pixels."""
        search = self._spelling.search
        found = {unit.texts for bank in (search.firsts, search.alone) for unit in bank.units if len(unit.texts) > 1}
        return sorted(found)

    def read(
        self,
        strips: Sequence[np.ndarray],
        word_starts: Sequence[Sequence[int] | None],
        rtl: bool | None,
        is_split_into_words: bool,
    ) -> list[Reading]:
        """Read strips of ink, float32 [W, P]."""
        lines = [(index, part) for index, strip in enumerate(strips) for part in segments(strip, self._patch)]
        # Rounded as pictures are, so that what was drawn here is met exactly.
        cut = [
            np.rint(strips[index][start * self._patch : end * self._patch] * 255).astype(np.uint8)
            for index, (start, end) in lines
        ]
        found = self._cells(cut)
        texts: list[list[str]] = [[] for _ in strips]
        cells: list[list[CellReading]] = [[] for _ in strips]
        for (index, (start, _)), line in zip(lines, found, strict=True):
            begins = word_starts[index]
            begins = None if begins is None else [begin - start for begin in begins]
            text, read = self._line(line, start, begins, rtl, is_split_into_words)
            texts[index].append(text)
            cells[index] += read
        return [Reading(tuple(text or [""]), tuple(read)) for text, read in zip(texts, cells, strict=True)]

    # ---- pictures to cells

    def _cells(self, lines: Sequence[np.ndarray]) -> list[list[_Found]]:
        """The cells of lines of ink, uint8 [W, P]: those whose errors add up to the least."""
        fits: dict[tuple[int, int, int], tuple[_Fit, ...]] = {}
        lengths = [len(line) // self._patch for line in lines]
        places = [(line, start) for line, length in enumerate(lengths) for start in range(length)]
        for patches in range(1, self._longest + 1):
            places = [(line, start) for line, start in places if start + patches <= lengths[line]]
            if not places:
                break
            for place, found in zip(places, self._fits(lines, places, patches), strict=True):
                fits[(*place, patches)] = found
            # A cell may be longer than the best one found so far, unless that is exactly what was drawn.
            places = [place for place in places if not self._settled(fits.get((*place, patches)))]
        return [self._path(index, line, fits) for index, line in enumerate(lines)]

    @staticmethod
    def _settled(found: tuple[_Fit, ...] | None) -> bool:
        return bool(found) and found is not None and found[0].error < _EXACT and found[0].spelt is not _BLANK

    def _fits(
        self, lines: Sequence[np.ndarray], places: Sequence[tuple[int, int]], patches: int
    ) -> list[tuple[_Fit, ...]]:
        """What fits on ``patches`` patches from each place on, best first."""
        patch = self._patch
        windows = [lines[line][start * patch : (start + patches) * patch] for line, start in places]
        keys = [window.tobytes() for window in windows]
        fresh = {key: window for key, window in zip(keys, windows, strict=True) if key not in self._known}
        found: dict[bytes, tuple[_Fit, ...]] = {}
        if fresh:
            cells = np.stack(list(fresh.values())).astype(np.float32) / 255
            pairs, errors = self._spelling.search.search(cells, patches)
            for key, cell, some, error in zip(fresh, cells, pairs.tolist(), errors.tolist(), strict=True):
                fits = found[key] = self._compare(cell, some, error, patches)
                if fits and fits[0].error < _EXACT:
                    if len(self._known) >= _CACHE_SIZE:
                        self._known.clear()
                    self._known[key] = fits
        return [found[key] if key in found else self._known[key] for key in keys]

    def _compare(
        self, cell: np.ndarray, pairs: list[list[int]], errors: list[float], patches: int
    ) -> tuple[_Fit, ...]:
        fits: list[_Fit] = []
        if patches == 1:
            fits.append(_Fit(float(np.square(cell).sum()), _BLANK))
        seen: set[bytes] = set()
        for (first, second), error in zip(pairs, errors, strict=True):
            if error > 1.5 * errors[0] + 4:  # ink that overlaps makes a difference, but not such a one
                break
            spelt = self._spelling.spell(first, second, patches)
            if spelt.ink is None or (key := spelt.ink.tobytes()) in seen:
                continue
            seen.add(key)
            fits.append(_Fit(float(np.square(cell - spelt.ink).sum()), spelt))
        return tuple(sorted(fits, key=lambda fit: fit.error)[:_ALTERNATIVES])

    def _path(
        self, index: int, line: np.ndarray, fits: dict[tuple[int, int, int], tuple[_Fit, ...]]
    ) -> list[_Found]:
        """The cells that cover a line with the least error."""
        length = len(line) // self._patch
        cost = [0.0] + [np.inf] * length
        back = [0] * (length + 1)
        for start in range(length):
            for patches in range(1, min(self._longest, length - start) + 1):
                found = fits.get((index, start, patches))
                if found and cost[start] + found[0].error < cost[start + patches]:
                    cost[start + patches] = cost[start] + found[0].error
                    back[start + patches] = patches
        cells = []
        end = length
        while end > 0:
            start = end - back[end]
            ink = line[start * self._patch : end * self._patch] / 255
            cells.append(_Found(start, end - start, fits[index, start, end - start], float(np.square(ink).sum())))
            end = start
        return cells[::-1]

    # ---- cells to text

    def _line(
        self,
        found: list[_Found],
        shift: int,
        word_starts: list[int] | None,
        rtl: bool | None,
        is_split_into_words: bool,
    ) -> tuple[str, list[CellReading]]:
        seen = ["".join(texts[0] for texts in cell.fits[0].spelt.texts) for cell in found]
        base = base_level(seen) if rtl is None else int(rtl)
        word_of = [0] * len(found)
        if word_starts:
            word_of = [max(bisect_right(word_starts[:-1], cell.start) - 1, 0) for cell in found]
        order, levels = self._order(seen, base, word_of if is_split_into_words else None)
        pieces = [self._pieces(cell.fits[0].spelt, level) for cell, level in zip(found, levels, strict=True)]
        choices = [texts for index in order for texts in pieces[index]]
        shares = iter(resolve(choices, self.candidates.counts))
        share_of = {index: [next(shares) for _ in pieces[index]] for index in order}
        noise = max(float(np.median([self._residual(cell) for cell in found])), _NOISE_FLOOR) if found else 0.0
        readings = [
            self._reading(cell, shift, levels[index], share_of[index], noise) for index, cell in enumerate(found)
        ]
        text = ""
        for place, index in enumerate(order):
            text += readings[index].text
            if place + 1 < len(order) and self._space_after(index, order[place + 1], found, readings, word_of, word_starts):
                text += " "
        return text.strip(), readings

    def _order(self, seen: list[str], base: int, word_of: list[int] | None) -> tuple[list[int], list[int]]:
        """Cells in logical order, and their levels. Words of a list are in order; only their cells are not."""
        if self._turns_lines:
            levels = [base] * len(seen)
            if word_of is None:
                return list(range(len(seen)))[:: -1 if base else 1], levels
            return sorted(range(len(seen)), key=lambda index: (word_of[index], -index if base else index)), levels
        if word_of is None:
            return logical_order(seen, base)
        order: list[int] = []
        levels = []
        for word in sorted(set(word_of)):
            members = [index for index, other in enumerate(word_of) if other == word]
            inside, some = logical_order([seen[index] for index in members], base)
            order += [members[index] for index in inside]
            levels += some
        return order, levels

    def _pieces(self, spelt: Spelt, level: int) -> list[tuple[str, ...]]:
        """The texts of a cell's pictures in logical order."""
        if not level & 1:
            return list(spelt.texts)
        turned = spelt.texts[::-1]
        return [*turned] if self._turns_lines else [tuple(map(mirrored, texts)) for texts in turned]

    def _reading(
        self, cell: _Found, shift: int, level: int, shares: list[dict[str, float]], noise: float
    ) -> CellReading:
        best = cell.fits[0]
        span = shift + cell.start, shift + cell.start + cell.patches
        pixels = cell.patches * self._patch**2
        # White noise: the errors of two pictures differ by much more than its variance if one of them is right.
        variance = max(noise, best.error / pixels)
        weights = [float(np.exp((best.error - fit.error) / (2 * variance))) for fit in cell.fits]
        excess = max(best.error - 1.5 * noise * pixels, 0.0)
        fit = max(1 - excess / max(cell.energy, 1e-6), 0.0) / sum(weights)
        scored: dict[str, float] = {}
        for texts in product(*(sorted(share, key=share.__getitem__, reverse=True)[:2] for share in shares)):
            value = 1.0
            for share, text in zip(shares, texts, strict=True):
                value *= share[text]
            scored["".join(texts)] = fit * value
        text = max(scored, key=scored.__getitem__) if scored else ""
        for other, weight in zip(cell.fits[1:], weights[1:], strict=True):
            name = "".join(texts[0] for texts in self._pieces(other.spelt, level))
            scored[name] = scored.get(name, 0.0) + fit * weight
        confidence = scored.pop(text, fit)
        ranked = sorted(scored.items(), key=lambda item: -item[1])
        others = tuple((name, value) for name, value in ranked[:_ALTERNATIVES] if value > 1e-4)
        return CellReading(span, text, min(confidence, 1.0), others)

    def _residual(self, cell: _Found) -> float:
        return cell.fits[0].error / (cell.patches * self._patch**2)

    def _space_after(
        self,
        index: int,
        following: int,
        found: list[_Found],
        readings: list[CellReading],
        word_of: list[int],
        word_starts: list[int] | None,
    ) -> bool:
        """Whether a word ends with a cell. Where cells are cut by twos, a cell of one ends a word, one of two may."""
        if word_starts:
            return word_of[index] != word_of[following]
        if self._strategy == "mono":
            return False
        if self._strategy == "words":
            return True
        text = readings[index].text
        if self._strategy == "adaptive":
            return is_rtl(text)
        return len(found[index].fits[0].spelt.texts) == 1
