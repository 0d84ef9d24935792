"""Random draws that are a function of a key alone: the same on every machine, in any process and order."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """A stream of draws for a key such as ("confusable", seed, split, index).

    Everything is made from ``random.Random.random``, the one method whose stream Python promises to keep.
    """

    def __init__(self, *key: str | int):
        text = "\0".join(str(part) for part in key)
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        self._random = random.Random(int.from_bytes(digest, "big"))

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()

    def pick(self, items: Sequence[T]) -> T:
        """One of ``items``, all alike likely."""
        return items[int(self.uniform() * len(items))]

    def weighted(self, items: Sequence[T], weights: Sequence[float]) -> T:
        """One of ``items``, in proportion to ``weights``."""
        rest = self.uniform() * sum(weights)
        for item, weight in zip(items, weights, strict=True):
            rest -= weight
            if rest < 0:
                return item
        return items[-1]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """``items`` in a random order."""
        keys = [self.uniform() for _ in items]
        return [items[at] for at in sorted(range(len(items)), key=keys.__getitem__)]
