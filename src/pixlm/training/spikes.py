"""Losses that jump: which step, how far, and on which examples."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

WINDOW = 100
"""Steps whose median is what is usual."""
_LEAST = 10
"""Steps before anything is called unusual."""


class Spikes:
    """Remembers the last losses; ``factor``: how many times their median is a spike, None: nothing is.

    Nothing of it is stored: a run that goes on looks at ten steps first.
    """

    def __init__(self, factor: float | None):
        self.factor = factor
        self.losses: deque[float] = deque(maxlen=WINDOW)

    def usual(self, loss: float) -> float | None:
        """The median before this loss, where the loss is a spike; else None. A spike changes the median of no step."""
        if self.factor is None or not math.isfinite(loss):
            return None
        if len(self.losses) >= _LEAST:
            middle = median(self.losses)
            if loss > self.factor * middle:
                return middle
        self.losses.append(loss)
        return None
