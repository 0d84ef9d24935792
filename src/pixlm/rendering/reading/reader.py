"""Reading strips of patches: each cell by the nearest one that the renderer can draw of the candidates."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from pixlm.rendering.reading.candidates import Candidates, is_rtl
from pixlm.rendering.reading.chain import read_chains
from pixlm.rendering.reading.context import Plausibility, resolve
from pixlm.rendering.reading.order import base_level, logical_order, mirrored
from pixlm.rendering.reading.pixels import segments
from pixlm.rendering.reading.reading import CellReading, Reading
from pixlm.rendering.reading.spelling import Spelling, Spelt, WordSpelling, make_spelling
from pixlm.rendering.reading.units import Sketcher
from pixlm.rendering.strategies.cutters import is_wide
from pixlm.rendering.unicode import grapheme_clusters

_EXACT = 1e-3  # squared error below which a picture is the one drawn; one grey level of one pixel is 1.5e-5
_LONGEST = 64  # patches of a cell at most
_NOISE_FLOOR = (1 / 255) ** 2
_MISFITS = 0.02  # share of cells
_BLANK_COST = 10.0  # nats: white patches inside a text are rare
_ALTERNATIVES = 6
_TOGETHER_WRONG = 16  # pixels that count as one where a picture differs in its shape
_TOGETHER = 24  # fits of each of two cells that are compared together
_CACHE_SIZE = 100_000
_SHORT = 3  # patches of cells that are remembered if no candidate is exact
_AT_ONCE = 512  # cells that are searched for at once


@dataclass(frozen=True)
class _Fit:
    """A cell that may be what is on the strip, and its squared error."""

    error: float
    spelt: Spelt

    def cost(self, plausibility: Plausibility, noise: float) -> float:
        """Nats: how unlikely the pixels are given the cell, and the cell itself."""
        return self.error / (2 * noise) + self.prior(plausibility)

    def prior(self, plausibility: Plausibility) -> float:
        return plausibility.of_units(self.spelt.texts) if self.spelt.texts else _BLANK_COST


@dataclass(frozen=True)
class _Found:
    """A cell at ``start`` and what fits there, best first; ``energy``: the square of its ink."""

    start: int
    patches: int
    pixels: int
    fits: tuple[_Fit, ...]
    energy: float

    def ranked(self, plausibility: Plausibility, noise: float) -> _Found:
        """The same with the fits in order of their cost."""
        if len(self.fits) == 1:
            return self
        return replace(self, fits=tuple(sorted(self.fits, key=lambda fit: fit.cost(plausibility, noise))))


_BLANK = Spelt((), np.zeros((0, 1), np.float32))


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
        # Cells that were met, by their pixels: exact ones, and a few of the others.
        self._exact: dict[bytes, tuple[_Fit, ...]] = {}
        self._others: dict[bytes, tuple[_Fit, ...]] = {}

    def explains(self, strips: Sequence[np.ndarray]) -> bool:
        """Whether nearly all of some strips is exactly what can be drawn."""
        cells = self._paths(strips)
        return sum(cell.fits[0].error > _EXACT for cell in cells) <= _MISFITS * len(cells)

    def misfit(self, strips: Sequence[np.ndarray]) -> float:
        """Squared error of everything that is read."""
        return sum(cell.fits[0].error for cell in self._paths(strips))

    def _paths(self, strips: Sequence[np.ndarray]) -> list[_Found]:
        lines = [line for strip in strips for _, line in self._lines(strip)]
        return [cell for path, _, _ in self._cells(lines) for cell in path]

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
        lines = [(index, *cut) for index, strip in enumerate(strips) for cut in self._lines(strip)]
        found = self._cells([line for _, _, line in lines])
        texts: list[list[str]] = [[] for _ in strips]
        cells: list[list[CellReading]] = [[] for _ in strips]
        for (index, start, _), line in zip(lines, found, strict=True):
            begins = word_starts[index]
            begins = None if begins is None else [begin - start for begin in begins]
            text, read = self._line(*line, start, begins, rtl, is_split_into_words)
            texts[index].append(text)
            cells[index] += read
        return [Reading(tuple(text or [""]), tuple(read)) for text, read in zip(texts, cells, strict=True)]

    def _lines(self, strip: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """The texts of a strip, uint8 [W, P], each with its first patch. Rounded as pictures are, so that what was
        drawn here is met exactly."""
        pixels = np.rint(strip * 255).astype(np.uint8)
        return [(start, pixels[start * self._patch : end * self._patch]) for start, end in segments(strip, self._patch)]

    # ---- pictures to cells

    def _cells(self, lines: Sequence[np.ndarray]) -> list[tuple[list[_Found], Plausibility, float]]:
        """The cells of lines of ink, uint8 [W, P], and what is plausible on each line."""
        fits: list[list[_Found]] = [[] for _ in lines]
        lengths = [len(line) // self._patch for line in lines]
        energies = [
            np.append(0, np.cumsum(np.square(line.reshape(length, -1) / 255).sum(axis=1)))
            for line, length in zip(lines, lengths, strict=True)
        ]
        places = [(line, start) for line, length in enumerate(lengths) for start in range(length)]
        # Exact cells: (line, start) -> their ends. The end of a line is as good as one.
        exact: dict[tuple[int, int], list[int]] = {(line, length): [length] for line, length in enumerate(lengths)}
        for patches in range(1, self._longest + 1):
            places = [(line, start) for line, start in places if start + patches <= lengths[line]]
            if not places:
                break
            if not self._spelling.search.has(patches):
                continue
            for (line, start), some in zip(places, self._fits(lines, places, patches), strict=True):
                if not some:
                    continue
                energy = float(energies[line][start + patches] - energies[line][start])
                fits[line].append(_Found(start, patches, patches * self._patch**2, some, energy))
                if some[0].error < _EXACT and some[0].spelt is not _BLANK:
                    exact.setdefault((line, start), []).append(start + patches)
            # Longer cells are looked for but where one is exactly what was drawn, and what follows it is, too: the
            # left part of a cell may look like a whole one.
            places = [place for place in places if not any((place[0], end) in exact for end in exact.get(place, ()))]
        if isinstance(self._spelling, WordSpelling):
            for index, cut in enumerate(lines):
                fits[index] += self._chains(cut, energies[index], self._spelling)
        return [self._choose(some, line) for some, line in zip(fits, lines, strict=True)]

    def _chains(self, line: np.ndarray, energy: np.ndarray, spelling: WordSpelling) -> list[_Found]:
        """The words of a line letter by letter."""
        ink = line.astype(np.float32) / 255
        found = []
        directions = (False, True) if spelling.has_rtl else (False,)
        for chain in (c for rtl in directions for c in read_chains(ink, spelling.letters, spelling.space, rtl)):
            end = chain.start + chain.patches
            spelt = spelling.chain(chain)
            error = float(np.square(ink[chain.start * self._patch : end * self._patch] - spelt.ink).sum())
            pixels = chain.patches * self._patch**2
            fits = (_Fit(error, spelt),)
            found.append(_Found(chain.start, chain.patches, pixels, fits, float(energy[end] - energy[chain.start])))
        return found

    def _choose(self, found: list[_Found], line: np.ndarray) -> tuple[list[_Found], Plausibility, float]:
        """The cells that cover a line best, twice: what is read first says what is plausible."""
        plausibility = Plausibility(self.candidates.counts)
        noise, white = _NOISE_FLOOR, _white_noise(line)
        path: list[_Found] = []
        length = len(line) // self._patch
        for _ in range(2):
            ranked = [cell.ranked(plausibility, noise) for cell in found]
            path = _best_path(ranked, length, plausibility, noise)
            path = self._with_neighbours(path, line, plausibility, noise)
            plausibility = Plausibility(
                self.candidates.counts, [texts for cell in path for texts in cell.fits[0].spelt.texts]
            )
            noise = _tempered(path, white)
        return path, plausibility, white

    def _with_neighbours(
        self, path: list[_Found], line: np.ndarray, plausibility: Plausibility, noise: float
    ) -> list[_Found]:
        """The path where cells whose ink reaches onto one another are compared together."""
        path = list(path)
        for place in range(len(path) - 1):
            one, two = path[place], path[place + 1]
            if not (any(f.spelt.reaches_right for f in one.fits) or any(f.spelt.reaches_left for f in two.fits)):
                continue
            one, two = replace(one, fits=one.fits[:_TOGETHER]), replace(two, fits=two.fits[:_TOGETHER])
            ink = line[one.start * self._patch : (two.start + two.patches) * self._patch].astype(np.float32) / 255
            border = one.patches * self._patch
            lefts = [_on(fit.spelt, 0, ink, self._patch) for fit in one.fits]
            rights = [_on(fit.spelt, border, ink, self._patch) for fit in two.fits]
            together = np.stack(lefts)[:, None], np.stack(rights)[None]
            errors = np.square(ink - (together[0] + together[1] - together[0] * together[1])).sum(axis=(2, 3))
            costs = errors / (2 * noise)
            costs += np.array([fit.prior(plausibility) for fit in one.fits])[:, None]
            costs += np.array([fit.prior(plausibility) for fit in two.fits])
            chosen = np.unravel_index(int(costs.argmin()), costs.shape)
            left, right = lefts[chosen[0]], rights[chosen[1]]
            path[place] = self._against(one, lefts, right, ink, slice(0, border), plausibility, noise)
            path[place + 1] = self._against(two, rights, left, ink, slice(border, None), plausibility, noise)
        return path

    @staticmethod
    def _against(
        cell: _Found,
        drawn: list[np.ndarray],
        beside: np.ndarray,
        ink: np.ndarray,
        columns: slice,
        plausibility: Plausibility,
        noise: float,
    ) -> _Found:
        """A cell with the errors of its fits beside a neighbour."""
        fits = [
            replace(fit, error=float(np.square(ink - (own + beside - own * beside))[columns].sum()))
            for fit, own in zip(cell.fits, drawn, strict=True)
        ]
        return replace(cell, fits=tuple(fits)).ranked(plausibility, noise)

    def _fits(
        self, lines: Sequence[np.ndarray], places: Sequence[tuple[int, int]], patches: int
    ) -> list[tuple[_Fit, ...]]:
        """What fits on ``patches`` patches from each place on, best first."""
        patch = self._patch
        keys = [lines[line][start * patch : (start + patches) * patch].tobytes() for line, start in places]
        fresh = list(dict.fromkeys(key for key in keys if key not in self._exact and key not in self._others))
        found: dict[bytes, tuple[_Fit, ...]] = {}
        for begin in range(0, len(fresh), _AT_ONCE):
            some_keys = fresh[begin : begin + _AT_ONCE]
            pixels = np.frombuffer(b"".join(some_keys), np.uint8).reshape(-1, patches * patch, patch)
            cells = pixels.astype(np.float32) / 255
            pairs, errors = self._spelling.search.search(cells, patches)
            for key, cell, some, error in zip(some_keys, cells, pairs.tolist(), errors.tolist(), strict=True):
                found[key] = self._compare(cell, some, error, patches)
        result = [found.get(key) or self._exact.get(key) or self._others.get(key) or () for key in keys]
        for key, fits in found.items():
            if fits and fits[0].error < _EXACT:
                _remember(self._exact, key, fits, _CACHE_SIZE)
            elif patches <= _SHORT:
                _remember(self._others, key, fits, _CACHE_SIZE // 8)
        return result

    def _compare(self, cell: np.ndarray, pairs: list[list[int]], errors: list[float], patches: int) -> tuple[_Fit, ...]:
        fits: list[_Fit] = []
        if patches == 1:
            fits.append(_Fit(float(np.square(cell).sum()), _BLANK))
        for (first, second), error in zip(pairs, errors, strict=True):
            # Ink that overlaps makes a difference, but not such a one.
            if error == math.inf or error > 1.5 * errors[0] + 4:
                break
            spelt = self._spelling.spell(first, second, patches)
            if len(spelt.drawn):
                fits.append(_Fit(float(np.square(cell - spelt.ink).sum()), spelt))
        return tuple(sorted(fits, key=lambda fit: fit.error))

    # ---- cells to text

    def _line(
        self,
        found: list[_Found],
        plausibility: Plausibility,
        white: float,
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
        order, levels = self._order(seen, base, word_of, is_split_into_words)
        pieces = [self._pieces(cell.fits[0].spelt, level) for cell, level in zip(found, levels, strict=True)]
        choices = [texts for index in order for texts in pieces[index]]
        shares = iter(resolve(choices, plausibility))
        share_of = {index: [next(shares) for _ in pieces[index]] for index in order}
        noise = _tempered(found, white)
        readings = [
            self._reading(cell, shift, levels[index], share_of[index], plausibility, noise, white)
            for index, cell in enumerate(found)
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
            key = (
                (lambda place: (word_of[place], -place * base))
                if is_split_into_words
                else (lambda place: -place * base)
            )
            return sorted(places, key=key), [base] * len(seen)
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
        cell: _Found,
        shift: int,
        level: int,
        shares: list[dict[str, float]],
        plausibility: Plausibility,
        noise: float,
        white: float,
    ) -> CellReading:
        best = cell.fits[0]
        span = shift + cell.start, shift + cell.start + cell.patches
        # What no candidate fits is not read with confidence, however much better than others one is.
        excess = max(best.error - 1.5 * white * cell.pixels, 0.0)
        explained = max(1 - excess / max(cell.energy, _NOISE_FLOOR), 0.0)
        noise = max(noise, best.error / cell.pixels * (_TOGETHER_WRONG if excess else 1))
        costs = [fit.cost(plausibility, noise) for fit in cell.fits]
        weights = [math.exp(min(costs[0] - cost, 0.0)) for cost in costs]
        fit = explained / sum(weights)
        scored: dict[str, float] = {}
        for texts in product(*(sorted(share, key=share.__getitem__, reverse=True)[:3] for share in shares)):
            scored["".join(texts)] = fit * math.prod(share[text] for share, text in zip(shares, texts, strict=True))
        text = max(scored, key=scored.__getitem__)
        look_alikes = set(scored)
        for other, weight in zip(cell.fits[1:], weights[1:], strict=True):
            name = "".join(min(texts, key=plausibility.of) for texts in self._pieces(other.spelt, level))
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


def _white_noise(line: np.ndarray) -> float:
    """Variance of the noise where a line is white, at its upper and lower edge. What is whiter than white is clipped:
    three quarters of such noise are below 0.674 standard deviations."""
    edges = np.concatenate([line[:, :2], line[:, -2:]], axis=1) / 255
    return max(float(np.quantile(edges, 0.75) / 0.674) ** 2, _NOISE_FLOOR)


def _tempered(path: Sequence[_Found], white: float) -> float:
    """Variance of the error of a pixel. What is more than noise on white is no noise, and pixels err together."""
    residual = float(np.median([cell.fits[0].error / cell.pixels for cell in path])) if path else 0.0
    return max(residual, _NOISE_FLOOR) + _TOGETHER_WRONG * max(residual - white, 0.0)


def _best_path(found: Sequence[_Found], length: int, plausibility: Plausibility, noise: float) -> list[_Found]:
    """The cells that cover ``length`` patches at the least cost."""
    cost = [0.0] + [math.inf] * length
    back: list[_Found | None] = [None] * (length + 1)
    for cell in sorted(found, key=lambda cell: cell.start):
        end, total = cell.start + cell.patches, cost[cell.start] + cell.fits[0].cost(plausibility, noise)
        if total < cost[end]:
            cost[end], back[end] = total, cell
    path: list[_Found] = []
    while length > 0 and (last := back[length]) is not None:
        path.append(last)
        length = last.start
    return path[::-1]


def _remember(cache: dict[bytes, tuple[_Fit, ...]], key: bytes, fits: tuple[_Fit, ...], size: int) -> None:
    if len(cache) >= size:
        cache.clear()
    cache[key] = fits


def _on(spelt: Spelt, x: int, like: np.ndarray, patch: int) -> np.ndarray:
    """A cell drawn at column ``x``, with what reaches beyond it: float32 [W, P] as ``like``."""
    drawn = np.zeros_like(like)
    start = x - patch
    if len(spelt.drawn):
        hidden = max(-start, 0)
        part = spelt.drawn[hidden:][: len(like) - start - hidden]
        drawn[start + hidden : start + hidden + len(part)] = part
    return drawn
