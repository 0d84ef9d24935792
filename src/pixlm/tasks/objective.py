"""The seam between data and the runner: what a batch is, and what its loss is.

An objective's loss is a **sum** together with the **count** it is to be divided by. The runner divides by the count
over all accumulation steps and processes, so that one process, many processes and accumulated batches give the same
gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from pixlm.data.draw import Drawn

Batch = dict[str, Any]
"""Tensors by name; among them ``"count"`` (0-dimensional, int64), what the loss is divided by. Besides them
``"drawn"``, the rows as they were drawn, and ``"lost"``, how many words or characters of them did not fit; where no
``"attention_mask"`` counts them, ``"units"`` of what speed is measured in."""


@dataclass(frozen=True)
class Loss:
    """sum: 0-dimensional, with gradient; count: what it is to be divided by; outputs: the model's own."""

    sum: torch.Tensor
    count: torch.Tensor
    outputs: Any


@dataclass(frozen=True)
class Reduced:
    """What is kept of one row's outputs: ``index`` is the row's place in its split, ``value`` the task's own."""

    index: int
    value: Any


class Objective(ABC):
    """A collator, a loss, and what is kept of a batch's outputs."""

    @abstractmethod
    def collate(self, drawn: Sequence[Drawn]) -> Batch:
        """Make a batch; all randomness comes from the draws. Runs in data-loader workers."""

    @abstractmethod
    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        """Run the model on a batch that is on the model's device."""

    def reduce(self, outputs: Any, batch: Batch) -> list[Reduced]:
        """Predictions of a batch; logits are never gathered for a whole split. Default: none."""
        return []

    def predictions(self, model: torch.nn.Module, outputs: Any, batch: Batch) -> list[Reduced]:
        """What is kept of a batch in evaluation; for models that write, which need to be called again for every token.

        Default: :meth:`reduce`.
        """
        return self.reduce(outputs, batch)


def to_tensors(arrays: dict[str, Any]) -> Batch:
    """numpy arrays to tensors that share their memory."""
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
