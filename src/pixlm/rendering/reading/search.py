"""From the pixels of a line to its cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pixlm.rendering.reading.candidates import Candidates
from pixlm.rendering.reading.cells import BLANK, EXACT, NOISE_FLOOR, Fit, Found, choose, noise_of, noise_on_white
from pixlm.rendering.reading.chain import read_chains
from pixlm.rendering.reading.context import Plausibility
from pixlm.rendering.reading.spelling import WordSpelling, make_spelling
from pixlm.rendering.reading.units import Sketcher

_LONGEST = 64  # patches of a cell at most
_CACHE_SIZE = 100_000
_SHORT = 3  # patches of cells that are remembered if no candidate is exact
_AT_ONCE = 512  # cells that are searched for at once

_Place = tuple[int, int]  # line, first patch


class ReadLine(NamedTuple):
    """The cells of a line, what is plausible on it, the variance of its error, and of the noise where it is white."""

    cells: list[Found]
    plausibility: Plausibility
    noise: float
    white: float


class CellSearch:
    """Finds cells of one strategy, made of some candidates."""

    def __init__(self, strategy: str, sketcher: Sketcher, candidates: Candidates) -> None:
        self._counts = candidates.counts
        self._patch = sketcher.patch
        self.spelling = make_spelling(strategy, sketcher, candidates)
        search = self.spelling.search
        widest = [max(bank.groups, default=0) for bank in (search.firsts, search.seconds, search.alone)]
        self._longest = min(max(-(-max(widest[0] + widest[1], widest[2]) // self._patch), 1), _LONGEST)
        # Cells that were met, by their pixels: exact ones, and a few of the others.
        self._exact: dict[bytes, tuple[Fit, ...]] = {}
        self._others: dict[bytes, tuple[Fit, ...]] = {}

    def lines(self, lines: Sequence[np.ndarray]) -> list[ReadLine]:
        """Read lines of ink, uint8 [W, P]."""
        found: list[list[Found]] = [[] for _ in lines]
        lengths = [len(line) // self._patch for line in lines]
        energies = [
            np.append(0, np.cumsum(np.square(line.reshape(length, -1) / 255).sum(axis=1)))
            for line, length in zip(lines, lengths, strict=True)
        ]
        places = [(line, start) for line, length in enumerate(lengths) for start in range(length)]
        # Exact cells: (line, start) -> their ends. The end of a line is as good as one.
        exact: dict[_Place, list[int]] = {(line, length): [length] for line, length in enumerate(lengths)}
        for patches in range(1, self._longest + 1):
            places = [(line, start) for line, start in places if start + patches <= lengths[line]]
            if patches > 1 and not self.spelling.search.has(patches):
                continue
            for (line, start), fits in zip(places, self._fits(lines, places, patches), strict=True):
                if not fits:
                    continue
                energy = float(energies[line][start + patches] - energies[line][start])
                found[line].append(Found(start, patches, patches * self._patch**2, fits, energy))
                if fits[0].error < EXACT and fits[0].spelt is not BLANK:
                    exact.setdefault((line, start), []).append(start + patches)
            # Longer cells are looked for but where one is exactly what was drawn, and what follows it is, too: the
            # left part of a cell may look like a whole one.
            places = [place for place in places if not any((place[0], end) in exact for end in exact.get(place, ()))]
        if isinstance(self.spelling, WordSpelling):
            for index, (cut, energy_of) in enumerate(zip(lines, energies, strict=True)):
                found[index] += self._chains(cut, energy_of, self.spelling)
        return [self._choose(some, line) for some, line in zip(found, lines, strict=True)]

    def _choose(self, found: list[Found], line: np.ndarray) -> ReadLine:
        """The cells of a line, chosen twice: what is read first says what is plausible."""
        plausibility = Plausibility(self._counts)
        noise, white = NOISE_FLOOR, noise_on_white(line)
        path: list[Found] = []
        for _ in range(2):
            path = choose(found, line, plausibility, noise)
            plausibility = Plausibility(self._counts, [texts for cell in path for texts in cell.fits[0].spelt.texts])
            noise = noise_of(path, white)
        return ReadLine(path, plausibility, noise, white)

    def _chains(self, line: np.ndarray, energy: np.ndarray, spelling: WordSpelling) -> list[Found]:
        """The words of a line letter by letter."""
        ink = line.astype(np.float32) / 255
        found = []
        for rtl in (False, True)[: 1 + spelling.has_rtl]:
            for chain in read_chains(ink, spelling.letters, spelling.space, rtl):
                end = chain.start + chain.patches
                spelt = spelling.chain(chain)
                error = float(np.square(ink[chain.start * self._patch : end * self._patch] - spelt.ink).sum())
                pixels = chain.patches * self._patch**2
                own = float(energy[end] - energy[chain.start])
                found.append(Found(chain.start, chain.patches, pixels, (Fit(error, spelt),), own))
        return found

    def _fits(self, lines: Sequence[np.ndarray], places: Sequence[_Place], patches: int) -> list[tuple[Fit, ...]]:
        """What fits on ``patches`` patches from each place on, best first."""
        patch = self._patch
        keys = [lines[line][start * patch : (start + patches) * patch].tobytes() for line, start in places]
        fresh = list(dict.fromkeys(key for key in keys if key not in self._exact and key not in self._others))
        found: dict[bytes, tuple[Fit, ...]] = {}
        for begin in range(0, len(fresh), _AT_ONCE):
            some = fresh[begin : begin + _AT_ONCE]
            pixels = np.frombuffer(b"".join(some), np.uint8).reshape(-1, patches * patch, patch)
            cells = pixels.astype(np.float32) / 255
            pairs, errors = self.spelling.search.search(cells, patches)
            for key, cell, best, error in zip(some, cells, pairs.tolist(), errors.tolist(), strict=True):
                found[key] = self._compare(cell, best, error, patches)
        result = [found.get(key) or self._exact.get(key) or self._others.get(key) or () for key in keys]
        for key, fits in found.items():
            if fits and fits[0].error < EXACT:
                _remember(self._exact, key, fits, _CACHE_SIZE)
            elif patches <= _SHORT:
                _remember(self._others, key, fits, _CACHE_SIZE // 8)
        return result

    def _compare(self, cell: np.ndarray, pairs: list[list[int]], errors: list[float], patches: int) -> tuple[Fit, ...]:
        fits: list[Fit] = []
        if patches == 1:
            fits.append(Fit(float(np.square(cell).sum()), BLANK))
        for (first, second), error in zip(pairs, errors, strict=True):
            # Ink that overlaps makes a difference, but not such a one.
            if error == math.inf or error > 1.5 * errors[0] + 4:
                break
            spelt = self.spelling.spell(first, second, patches)
            if len(spelt.drawn):
                fits.append(Fit(float(np.square(cell - spelt.ink).sum()), spelt))
        return tuple(sorted(fits, key=lambda fit: fit.error))


def _remember(cache: dict[bytes, tuple[Fit, ...]], key: bytes, fits: tuple[Fit, ...], size: int) -> None:
    if len(cache) >= size:
        cache.clear()
    cache[key] = fits
