"""Which examples make up which batch: a pure function of (seed, step).

A run of S optimizer steps is one sequence of S * accumulation micro-batches. Resuming is skipping: nothing has to be
read, and no sampler state is stored.

Rows of similar length come together (bucketing), so that padding to the longest row of a batch costs little, and batch
widths come from a short list (:func:`widths`), so that ``torch.compile`` and the allocator see few shapes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pixlm.data.draw import Draw
from pixlm.data.pretraining.mixture import Mixture

# Batches are cut from stretches of this many batches, sorted by length inside. Longer stretches pad less but make the
# batches of one stretch less random; at 50 the padding left over is a few per cent.
_STRETCH = 50


def widths(max_length: int) -> list[int]:
    """The batch widths in use up to ``max_length``: one less than multiples of 16, 32 and 64, and ``max_length``.

    One less, because the model adds its class token. [15, 31, 47, ..., 127, 159, ..., 255, 319, ...]
    """
    candidates = [*range(15, 128, 16), *range(159, 256, 32), *range(319, max_length, 64)]
    return [width for width in candidates if width < max_length] + [max_length]


def width_for(length: int, max_length: int) -> int:
    """The smallest width of :func:`widths` that holds ``length`` units."""
    return next(width for width in widths(max_length) if width >= min(length, max_length))


class BatchSampler:
    """All micro-batches of a training run, for one of ``world`` processes.

    Each epoch visits every example once. The last batch of an epoch is filled up from the epoch's beginning, so that
    every batch has ``batch_size`` examples and every process the same number of them.

    lengths: expected units of every example (only their order matters), or a :class:`Mixture` that says which examples
    an epoch has; seed: shuffles; batch_size: examples per optimizer step over all processes, a multiple of
    ``world * micro_batch_size``; steps: optimizer steps of the run; first_step: those done before; nothing of them is
    computed again.
    """

    def __init__(
        self,
        lengths: np.ndarray | Mixture,
        *,
        batch_size: int,
        micro_batch_size: int,
        steps: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        first_step: int = 0,
    ):
        assert batch_size % (world * micro_batch_size) == 0, (batch_size, world, micro_batch_size)
        self.mixture = lengths if isinstance(lengths, Mixture) else None
        self.lengths = np.asarray(lengths.lengths if isinstance(lengths, Mixture) else lengths, dtype=np.int64)
        self.batch_size = batch_size
        self.micro_batch_size = micro_batch_size
        self.steps = steps
        self.first_step = first_step
        self.seed = seed
        self.rank = rank
        self.world = world
        rows = len(self.mixture if self.mixture is not None else self.lengths)
        self.batches_per_epoch = max(1, -(-rows // batch_size))
        self.accumulation = batch_size // (world * micro_batch_size)

    def __len__(self) -> int:
        return (self.steps - self.first_step) * self.accumulation

    def __iter__(self) -> Iterator[list[Draw]]:
        known = -1
        for step in range(self.first_step, self.steps):
            epoch, number = divmod(step, self.batches_per_epoch)
            if epoch != known:
                rows, passes = self._rows(epoch)
                batches, known = self._batches(epoch, self.lengths[rows]), epoch
            # Taking every world-th row keeps the lengths of the processes' shares alike.
            share = batches[number][self.rank :: self.world]
            for start in range(0, len(share), self.micro_batch_size):
                chosen = share[start : start + self.micro_batch_size]
                yield [Draw(int(passes[row]), int(rows[row]), step) for row in chosen]

    def epoch_batches(self, epoch: int) -> np.ndarray:
        """Example indices [batches_per_epoch, batch_size] of one epoch."""
        rows, _ = self._rows(epoch)
        return rows[self._batches(epoch, self.lengths[rows])]

    def _rows(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """(examples of an epoch, the pass over the data that each is visited in)."""
        if self.mixture is not None:
            return self.mixture.rows(epoch)
        size = len(self.lengths)
        return np.arange(size), np.full(size, epoch)

    def _batches(self, epoch: int, lengths: np.ndarray) -> np.ndarray:
        """Rows of an epoch [batches_per_epoch, batch_size], given their lengths."""
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(lengths))
        order = np.resize(order, self.batches_per_epoch * self.batch_size)
        stretch = _STRETCH * self.batch_size
        for start in range(0, len(order), stretch):
            part = order[start : start + stretch]
            order[start : start + stretch] = part[np.argsort(lengths[part], kind="stable")]
        return rng.permutation(order.reshape(-1, self.batch_size), axis=0)


class SequentialBatchSampler:
    """Every example once, longest first (running out of memory then shows at once), for one of ``world`` processes."""

    def __init__(self, lengths: np.ndarray, *, batch_size: int, rank: int = 0, world: int = 1):
        self.order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")[rank::world]
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __iter__(self) -> Iterator[list[Draw]]:
        for start in range(0, len(self.order), self.batch_size):
            yield [Draw(0, int(index)) for index in self.order[start : start + self.batch_size]]
