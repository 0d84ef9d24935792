"""Going over a split once: the loss, and predictions reduced batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from pixlm.data.draw import Draw, Drawn
from pixlm.data.loading import TIMEOUT, Batches
from pixlm.data.sampler import SequentialBatchSampler
from pixlm.tasks.objective import Batch, Loss, Objective, Reduced


@dataclass
class Evaluation:
    """loss: mean over what the objective counts, None if nothing was countable; lost: words or characters that did not
    fit; reduced: what is kept of each row, in the split's order."""

    examples: int
    loss: float | None
    lost: int
    reduced: list[Reduced] = field(repr=False)

    @property
    def scores(self) -> dict[str, float]:
        """What metrics.json holds for every kind of split."""
        loss = {} if self.loss is None else {"loss": self.loss}
        return {"examples": self.examples, **loss, "lost": self.lost}


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on ``device``."""
    return {
        name: value.to(device, non_blocking=True) if torch.is_tensor(value) else value for name, value in batch.items()
    }


def evaluate(
    model: torch.nn.Module,
    objective: Objective,
    examples: Sequence[Any],
    lengths: np.ndarray,
    *,
    batch_size: int = 32,
    workers: int = 0,
    worker_timeout: float = TIMEOUT,
    on_batch: Callable[[int], None] | None = None,
) -> Evaluation:
    """Run ``model`` over ``examples`` without gradients.

    Under ``torch.distributed`` every process takes its share and all get the whole result; each calls the model equally
    often, as a sharded one needs. ``on_batch`` is told the number of examples done after each batch.
    """
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    rank, world = (torch.distributed.get_rank(), torch.distributed.get_world_size()) if distributed else (0, 1)
    sampler = SequentialBatchSampler(lengths, batch_size=batch_size, rank=rank, world=world)
    loader = Batches(examples, sampler, objective.collate, workers=workers, timeout=worker_timeout)
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    total, count, lost = 0.0, 0, 0
    reduced: list[Reduced] = []
    with torch.inference_mode(), loader:
        for cpu_batch in loader:
            batch = to_device(cpu_batch, device)
            loss: Loss = objective.loss(model, batch)
            lost += batch["lost"]
            if int(loss.count):
                total, count = total + float(loss.sum), count + int(loss.count)
            reduced += objective.predictions(model, loss.outputs, batch)
            if on_batch is not None:
                on_batch(len(batch["drawn"]))
        share = -(-len(examples) // world)  # the first process has the largest
        if world > 1 and -(-share // batch_size) > len(sampler):
            objective.loss(model, to_device(objective.collate([Drawn(Draw(0, 0), examples[0])]), device))
    model.train(was_training)
    if world > 1:
        shares: list[Any] = [None] * world
        torch.distributed.all_gather_object(shares, (total, count, lost, reduced))
        total, count, lost = (sum(share[i] for share in shares) for i in range(3))
        reduced = [row for share in shares for row in share[3]]
    reduced.sort(key=lambda row: row.index)
    return Evaluation(len(examples), total / count if count else None, lost, reduced)
