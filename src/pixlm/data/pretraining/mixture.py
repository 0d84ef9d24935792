"""Which source a row of training comes from: a pure function of (seed, epoch, row).

An epoch has as many rows as the corpus has examples, of which each source gets its share. A source whose share is more
than its size is visited more than once, one whose share is less goes on in the next epoch where it stopped; every pass
over a source has an order of its own. Nothing is stored: resuming is working out the epoch again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from pixlm.errors import UsageError


def shares(
    sizes: Mapping[str, int], *, weights: Mapping[str, float] | None = None, temperature: float = 1.0
) -> dict[str, float]:
    """The share of each source.

    Args:
        sizes: examples of each source.
        weights: how the shares are to each other; of all sources.
        temperature: without weights shares are as ``size ** (1 / temperature)``: 1 proportional, the higher the more
            alike (multilingual models use 2 to 5; PIXEL-M4's four languages had equal shares, which weights say).

    Raises:
        UsageError: weights of other sources than these, or out of range.
    """
    if weights:
        unknown, missing = sorted(set(weights) - set(sizes)), sorted(set(sizes) - set(weights))
        if unknown or missing:
            what = f"no source {', '.join(unknown)}" if unknown else f"nothing for {', '.join(missing)}"
            raise UsageError(f"--data.weights: {what}; the sources are {', '.join(sizes)}")
        if min(weights.values()) < 0 or not 0 < sum(weights.values()) < math.inf:
            raise UsageError("--data.weights: finite numbers of 0 or more, not all of them 0")
        raw = {name: float(weights[name]) for name in sizes}
    else:
        if not temperature > 0:
            raise UsageError(f"--data.temperature {temperature}: must be above 0")
        largest = max(sizes.values())  # shares of it do not overflow
        raw = {name: (size / largest) ** (1 / temperature) for name, size in sizes.items()}
    total = sum(raw.values())
    return {name: value / total for name, value in raw.items()}


class Mixture:
    """Rows of an epoch from sources that stand one after the other in a corpus.

    Args:
        sizes: examples of each source, in the corpus's order.
        lengths: units of each example of the corpus.
        shares: of the rows, for each source; they sum to 1.
        seed: of the orders.
    """

    def __init__(self, sizes: Sequence[int], lengths: np.ndarray, shares: Sequence[float], seed: int):
        assert sum(sizes) == len(lengths), (sizes, len(lengths))
        assert len(sizes) == len(shares)
        self.sizes = list(sizes)
        self.lengths = np.asarray(lengths)
        self.seed = seed
        self.quotas = _apportion(len(lengths), shares)
        """Rows of an epoch, for each source."""

    def __len__(self) -> int:
        return len(self.lengths)

    def rows(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """([N] examples of the corpus, [N] the pass over their source that they are visited in) of an epoch, source by
        source."""
        indices = [np.empty(0, np.int64)]
        passes = [np.empty(0, np.int64)]
        offset = 0
        for source, (size, quota) in enumerate(zip(self.sizes, self.quotas, strict=True)):
            visit = np.arange(epoch * quota, (epoch + 1) * quota)
            for number in np.unique(visit // max(size, 1)):
                order = np.random.default_rng([self.seed, 1 + source, int(number)]).permutation(size)
                chosen = order[visit[visit // size == number] % size]
                indices.append(offset + chosen)
                passes.append(np.full(len(chosen), number, np.int64))
            offset += size
        return np.concatenate(indices), np.concatenate(passes)


def _apportion(total: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers that sum to ``total`` and are as near to their shares as can be (largest remainders); a share above
    0 is at least 1."""
    exact = [share * total for share in shares]
    parts = [max(int(value), 1 if value > 0 else 0) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: parts[index] - exact[index])
    turn = 0
    while sum(parts) < total:
        parts[by_remainder[turn % len(parts)]] += 1
        turn += 1
    while sum(parts) > total:
        parts[parts.index(max(parts))] -= 1
    return parts
