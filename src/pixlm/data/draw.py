"""One visit to one example: the unit that samplers yield, data sets look up and randomness is a function of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Draw:
    """Example ``index``, visited in pass ``epoch`` over the data; ``step`` of the run, None in evaluation.

    What is random is a function of the first two; the step is for schedules and for telling training from evaluation.
    """

    epoch: int
    index: int
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """An example together with the draw that asked for it; no tuple, so that nothing looks for tensors inside."""

    draw: Draw
    example: Any


class DrawnDataset:
    """A map-style view of ``examples`` that is indexed by :class:`Draw`, so that collators know (epoch, index).

    It holds no state of its own: worker processes need not be told which epoch it is.
    """

    def __init__(self, examples: Sequence[Any]):
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, draw: Draw) -> Drawn:
        return Drawn(draw, self.examples[draw.index])
