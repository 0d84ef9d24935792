"""Training in intervals: which samples make up a stretch of training between two checkpoints.

An interval is any number of samples, an epoch being the special case of all of them. Everything is a function of (seed,
interval), so that resuming is working it out again. What pixparse drew (through the chug library) is kept under
``shard_order``, ``resampled_shards`` and ``batches_per_interval``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Literal

import numpy as np

from pixlm.data.pretraining.mixture import Mixture
from pixlm.errors import UsageError


def shard_order(shards: Sequence[str], *, seed: int, interval: int, parts: int = 1) -> list[str]:
    """The shards of an interval as chug shuffles them: all, or with ``parts`` intervals to a pass every so manieth."""
    order = list(shards)
    random.Random(seed + interval // parts).shuffle(order)
    return order[interval % parts :: parts]


def resampled_shards(
    shards: Sequence[str], *, seed: int, interval: int, count: int, weights: Sequence[float] | None = None
) -> list[str]:
    """``count`` shards drawn with replacement, as chug draws them; weights: how likely each is, default all alike."""
    rng = random.Random(seed + interval)
    if weights is None:
        return [shards[rng.randint(0, len(shards) - 1)] for _ in range(count)]
    return [rng.choices(shards, weights=weights, k=1)[0] for _ in range(count)]


def batches_per_interval(
    samples: int, *, batch_size: int, workers: int, world: int, rounding: Literal["ceil", "floor"] = "ceil"
) -> tuple[int, int]:
    """(batches of each process, samples of all) of an interval in a stream, in which every worker must have equally
    many batches."""
    whole = math.ceil if rounding == "ceil" else math.floor
    workers = max(workers, 1)
    batches = whole(whole(samples / (batch_size * world)) / workers) * workers
    return batches, batches * batch_size * world


def split_by_node_and_worker(
    shards: Sequence[str], *, rank: int = 0, world: int = 1, worker: int = 0, workers: int = 1
) -> list[str]:
    """The shards of one data-loader worker of one process; UsageError where there are fewer shards than workers."""
    if len(shards) < world * max(workers, 1):
        raise UsageError(
            f"{len(shards)} shards for {world} processes with {max(workers, 1)} workers each: give every worker one, "
            "with fewer workers or more shards"
        )
    return list(shards)[rank::world][worker :: max(workers, 1)]


class Intervals(Mixture):
    """Rows of intervals over shards that can be searched: what the batch sampler asks a mixture for.

    Without replacement every pass visits the shards in a new order, and inside a stretch of shards their samples in a
    random one, so that reading stays local; an interval goes on where the one before stopped. With replacement every
    interval draws its shards anew.

    Args:
        sizes: samples of each shard.
        samples: of an interval; None: all, once.
        replacement: draw shards with replacement.
        weights: how likely each shard is to be drawn, relative to its size (replacement only).
        stretch: shards whose samples are shuffled together.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        seed: int,
        *,
        samples: int | None = None,
        replacement: bool = False,
        weights: Sequence[float] | None = None,
        stretch: int = 16,
    ):
        total = int(sum(sizes))
        if not total:
            raise UsageError("the shards hold no sample")
        if samples is not None and samples < 1:
            raise UsageError(f"an interval of {samples} samples: must be 1 or more")
        if weights is not None and (len(weights) != len(sizes) or min(weights) < 0 or not sum(weights) > 0):
            raise UsageError("weights: one number of 0 or more for each shard, not all of them 0")
        self.sizes = list(sizes)
        self.seed = seed
        self.quotas = [samples or total]
        self.replacement = replacement
        self.stretch = stretch
        self.lengths = np.ones(total, np.float32)
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        chances = np.asarray(weights if weights is not None else np.ones(len(sizes)), np.float64) * np.asarray(sizes)
        self._chances = chances / chances.sum()

    def __len__(self) -> int:
        return self.quotas[0]

    def rows(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """([N] samples, [N] the visit of each) of the interval ``epoch``: visits of one sample are numbered, so that
        what is random differs between them."""
        if self.replacement:
            chosen = self._drawn(epoch)
            return chosen, np.full(len(chosen), epoch, np.int64)
        size, total = self.quotas[0], int(self._starts[-1])
        visits = np.arange(epoch * size, (epoch + 1) * size)
        parts = []
        for number in np.unique(visits // total):
            parts.append(self._pass(int(number))[visits[visits // total == number] % total])
        return np.concatenate(parts), visits // total

    def _pass(self, number: int) -> np.ndarray:
        """Every sample once."""
        rng = np.random.default_rng([self.seed, 0, number])
        shards = rng.permutation(len(self.sizes))
        stretches = [shards[start : start + self.stretch] for start in range(0, len(shards), self.stretch)]
        return np.concatenate([rng.permutation(self._samples(stretch)) for stretch in stretches])

    def _drawn(self, interval: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, 1, interval])
        parts, found = [], 0
        while found < self.quotas[0]:
            stretch = rng.choice(len(self.sizes), self.stretch, p=self._chances)
            samples = rng.permutation(self._samples(stretch))
            parts.append(samples)
            found += len(samples)
        return np.concatenate(parts)[: self.quotas[0]]

    def _samples(self, shards: np.ndarray) -> np.ndarray:
        return np.concatenate([np.arange(self._starts[one], self._starts[one + 1]) for one in shards])
