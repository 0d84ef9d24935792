"""The class of a page by a linear layer on the image encoder: cross entropy (pixparse's fine-tuning on RVL-CDIP)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pixlm.data.draw import Drawn
from pixlm.data.pages.encoders import PageEncoder
from pixlm.tasks.objective import Batch, to_tensors
from pixlm.tasks.objectives.sequence_to_sequence import PageVisits, Sampler
from pixlm.tasks.texts.objectives import ClassObjective


class PageClasses(PageVisits, ClassObjective):
    """Loss and predictions are those of texts."""

    encoder: PageEncoder

    def __init__(self, encoder: PageEncoder, sample: Sampler, labels: Sequence[str], *, seed: int = 0):
        super().__init__(encoder, str, labels)
        self.sample = sample
        self.seed = seed

    def collate(self, drawn: Sequence[Drawn]) -> Batch:
        encoder, _, encoded = self.visit(drawn)
        batch = to_tensors(encoder.batch(encoded))
        labels, known = self.targets([one.example for one in drawn])
        return {
            **batch,
            "inputs": tuple(batch),
            "labels": labels,
            "known": known,
            "count": torch.tensor(int(known.sum())),
            "units": len(drawn),
            "lost": sum(code.lost for code in encoded),
            "drawn": list(drawn),
        }
