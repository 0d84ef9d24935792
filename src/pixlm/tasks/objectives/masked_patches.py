"""PIXEL's pretraining objective: reconstruct the patches that were removed (Rust et al. 2023, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch

from pixlm.data.draw import Drawn
from pixlm.data.encoders import InputEncoder
from pixlm.data.masking import RandomMasking, SpanMasking
from pixlm.models import PixelForPreTraining
from pixlm.tasks.objective import Batch, Loss, Objective, to_tensors


class MaskedPatches(Objective):
    """Examples are texts; the masks are drawn from (seed, epoch, index) in the collator.

    The loss counts patches that are removed and attended (text and the closing black patch).
    """

    def __init__(self, encoder: InputEncoder, masking: SpanMasking | RandomMasking, seed: int):
        self.encoder = encoder
        self.masking = masking
        self.seed = seed

    def collate(self, drawn: Sequence[Drawn]) -> Batch:
        encoded = [self.encoder.encode(one.example) for one in drawn]
        arrays = self.encoder.batch(encoded)
        width = arrays["attention_mask"].shape[1]
        masks = [
            self.masking.draw(width, code.length, seed=self.seed, epoch=one.draw.epoch, index=one.draw.index)
            for one, code in zip(drawn, encoded, strict=True)
        ]
        arrays["noise"] = np.stack([mask.noise for mask in masks])
        if isinstance(self.masking, SpanMasking):
            arrays["patch_mask"] = np.stack([cast(np.ndarray, mask.patch_mask) for mask in masks])
        counted = np.stack([mask.removed for mask in masks]) & (arrays["attention_mask"] == 1)
        return {**to_tensors(arrays), "count": torch.tensor(int(counted.sum())), "drawn": list(drawn)}

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        outputs = model(
            pixel_values=batch["pixel_values"],
            attention_mask=batch["attention_mask"],
            noise=batch["noise"],
            patch_mask=batch.get("patch_mask"),
            compute_loss=False,
        )
        plain = cast(PixelForPreTraining, getattr(model, "module", model))
        total, count = plain.reconstruction_loss(
            outputs.logits.float(), batch["pixel_values"], outputs.mask, batch["attention_mask"]
        )
        return Loss(total, count, outputs)
