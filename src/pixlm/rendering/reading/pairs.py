"""Finding the two units of a cell without trying all pairs.

The second unit begins where the first one ends. So the squared error of a pair is that of the first unit on its columns
plus that of the second on the columns after it, which depends on the first by its advance only: one matrix product per
advance, not one per pair. Advances are tried best first for each cell, as long as one can still win.

Ink beside a unit's columns is not looked at. The caller draws the best few pairs as the renderer draws them, and
compares them as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixlm.rendering.reading.units import UnitBank

NONE = -1  # no second unit


@dataclass(frozen=True)
class PairSearch:
    """Looks for pairs.

    Attributes:
        firsts, seconds, alone: units that may stand first, second, and without a second.
        shifts: pixels by which the second may be moved (kerning); the first of them is 0.
        each, kept: how many first and second units are combined for each advance, and how many pairs are answered with.
    """

    firsts: UnitBank
    seconds: UnitBank
    alone: UnitBank
    patch: int
    shifts: Sequence[int] = (0,)
    each: int = 3
    kept: int = 8

    def search(self, cells: np.ndarray, patches: int) -> tuple[np.ndarray, np.ndarray]:
        """The best pairs for cells, float32 [N, patches*P, P].

        Returns:
            pairs int [N, K, 2] of (unit of ``firsts``, unit of ``seconds``) or (unit of ``alone``, NONE), and their
            squared errors [N, K] (infinite where there are fewer than K), best first.
        """
        search = _Search(self, cells, patches)
        search.run()
        return search.pairs, search.errors

    def has(self, patches: int) -> bool:
        """Whether there can be cells of so many patches."""
        alone = {-(-advance // self.patch) for advance in self.alone.groups}
        longest = max(self.firsts.groups, default=0) + max(self.seconds.groups, default=0)
        return patches in alone or patches * self.patch < longest + self.patch


class _Search:
    def __init__(self, search: PairSearch, cells: np.ndarray, patches: int) -> None:
        self.search = search
        self.patches = patches
        self.width = patches * search.patch
        self.cells = cells
        squares = np.einsum("nwp,nwp->nw", cells, cells)
        self.energy = np.concatenate([np.zeros((len(cells), 1), np.float32), np.cumsum(squares, axis=1)], axis=1)
        self.pairs = np.full((len(cells), search.kept, 2), NONE, np.int64)
        self.errors = np.full((len(cells), search.kept), np.inf, np.float32)

    def run(self) -> None:
        rows = np.arange(len(self.cells))
        for advance in self.search.alone.groups:
            if -(-advance // self.search.patch) == self.patches:
                units, errors = self._best(self.search.alone, advance, rows, 0)
                rest = self.energy[:, -1:] - self.energy[:, advance : advance + 1]
                self._offer(rows, np.stack([units, np.full_like(units, NONE)], axis=-1), errors + rest)
        advances = [advance for advance in self.search.firsts.groups if advance < self.width]
        if not advances:
            return
        best = [self._best(self.search.firsts, advance, rows, 0) for advance in advances]
        bounds = np.stack([errors[:, 0] for _, errors in best], axis=1)  # [N, advances]
        order = np.argsort(bounds, axis=1)
        for shift in self.search.shifts:
            for turn in range(len(advances)):
                which = order[:, turn]
                open_rows = np.flatnonzero(bounds[rows, which] < self._limit())
                if not len(open_rows):
                    break
                for index in np.unique(which[open_rows]):
                    some = open_rows[which[open_rows] == index]
                    self._seconds(some, advances[index] + shift, best[index][0][some], best[index][1][some])

    def _limit(self) -> np.ndarray:
        """Errors from which on a pair is of no interest, even as an alternative."""
        return 1.1 * self.errors[:, 0] + 0.5

    def _seconds(self, rows: np.ndarray, x: int, firsts: np.ndarray, first_errors: np.ndarray) -> None:
        low, high = self.width - self.search.patch, self.width
        for advance in self.search.seconds.groups:
            if not low < x + advance <= high:
                continue
            units, errors = self._best(self.search.seconds, advance, rows, x)
            end = x + advance
            errors = errors + self.energy[rows, -1:] - self.energy[rows, end : end + 1]
            total = first_errors[:, :, None] + errors[:, None, :]
            shape = total.shape
            pairs = np.stack(
                [np.broadcast_to(firsts[:, :, None], shape), np.broadcast_to(units[:, None, :], shape)], axis=-1
            )
            self._offer(rows, pairs.reshape(len(rows), -1, 2), total.reshape(len(rows), -1))

    def _best(self, bank: UnitBank, advance: int, rows: np.ndarray, x: int) -> tuple[np.ndarray, np.ndarray]:
        """The best units of one advance at column ``x``, best first, and their errors on its columns."""
        units, inks, norms, space = bank.groups[advance]
        end = min(x + advance, self.width)
        window = self.cells[rows, x:end].reshape(len(rows), -1)
        errors = norms - 2 * (window @ inks[:, : window.shape[1]].T)
        count = min(self.search.each, len(units))
        if count < len(units):
            some = np.argpartition(errors, count - 1, axis=1)[:, :count]
            if space >= 0:  # in place of the worst: what reaches over from a neighbour looks like small signs
                some[~(some == space).any(axis=1), -1] = space
        else:
            some = np.broadcast_to(np.arange(count), errors.shape)
        values = np.take_along_axis(errors, some, axis=1)
        order = np.argsort(values, axis=1, kind="stable")
        some, values = np.take_along_axis(some, order, axis=1), np.take_along_axis(values, order, axis=1)
        energy = self.energy[rows, end] - self.energy[rows, x]
        return units[some], np.maximum(values + energy[:, None], 0)

    def _offer(self, rows: np.ndarray, pairs: np.ndarray, errors: np.ndarray) -> None:
        """Keep what is better than what is kept."""
        better = np.flatnonzero(errors.min(axis=1) < self.errors[rows, -1])
        rows, pairs, errors = rows[better], pairs[better], errors[better]
        errors = np.concatenate([self.errors[rows], errors], axis=1)
        pairs = np.concatenate([self.pairs[rows], pairs], axis=1)
        order = np.argsort(errors, axis=1, kind="stable")[:, : self.search.kept]
        self.errors[rows] = np.take_along_axis(errors, order, axis=1)
        self.pairs[rows] = np.take_along_axis(pairs, order[:, :, None], axis=1)
