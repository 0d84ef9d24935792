"""PIXEL's pretraining objective: reconstruct the patches that were removed (Rust et al. 2023, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch

from pixlm.data.draw import Drawn
from pixlm.data.encoders import Encoded, InputEncoder
from pixlm.data.masking import RandomMasking, SpanMasking
from pixlm.data.sampler import width_for
from pixlm.models import PixelForPreTraining
from pixlm.tasks.objective import Batch, Loss, Objective, to_tensors


class MaskedPatches(Objective):
    """Examples are texts, or strips that are drawn already; masks are drawn from (seed, epoch, index) in the collator.

    The loss counts patches that are removed and attended (text and the closing black patch).
    """

    def __init__(self, encoder: InputEncoder, masking: SpanMasking | RandomMasking, seed: int):
        self.encoder = encoder
        self.masking = masking
        self.seed = seed

    def collate(self, drawn: Sequence[Drawn]) -> Batch:
        encoded = [
            one.example if isinstance(one.example, Encoded) else self.encoder.encode(one.example) for one in drawn
        ]
        arrays = self.encoder.batch(encoded)
        width = arrays["attention_mask"].shape[1]
        removals = width - int(width * (1 - self.masking.mask_ratio))
        noise = np.zeros((len(drawn), width), np.float32)
        removed = np.zeros((len(drawn), width), np.uint8)
        for row, (one, code) in enumerate(zip(drawn, encoded, strict=True)):
            # A row is masked as if it were alone: its mask must not depend on the rows that happen to be padded with
            # it. What the model has to remove beyond that, it removes from the padding on the right.
            own = width_for(code.length, self.encoder.max_length)
            mask = self.masking.draw(own, code.length, seed=self.seed, epoch=one.draw.epoch, index=one.draw.index)
            noise[row, :own] = mask.noise
            removed[row, :own] = mask.removed
            removed[row, own : own + removals - int(mask.removed.sum())] = 1
        assert (removed.sum(1) == removals).all()
        counted = removed & arrays["attention_mask"]
        arrays |= {"noise": noise, "patch_mask": removed}
        return {
            **to_tensors(arrays),
            "count": torch.tensor(int(counted.sum())),
            "lost": sum(code.lost for code in encoded),
            "drawn": list(drawn),
        }

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        outputs = model(
            pixel_values=batch["pixel_values"],
            attention_mask=batch["attention_mask"],
            noise=batch["noise"],
            patch_mask=batch["patch_mask"],
            compute_loss=False,
        )
        plain = cast(PixelForPreTraining, getattr(model, "module", model))
        total, count = plain.reconstruction_loss(
            outputs.logits.float(), batch["pixel_values"], outputs.mask, batch["attention_mask"]
        )
        return Loss(total, count, outputs)
