"""Which patches the masked encoder drops, and in which order it sees the others.

Suffixes: B batch, N patches, K kept. The same arithmetic in numpy is in :mod:`pixlm.data.masking`: a collator knows the
removed set before the forward pass. Both sort stably in float32, so that ties fall alike.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class PatchSelection(NamedTuple):
    """What stays and what goes.

    ``keep_ids`` [B, K] in the order of the encoder (None: all, in natural order); ``mask`` [B, N] float, 1 = removed;
    ``ids_restore`` [B, N]: the place of each patch in [kept, removed].
    """

    keep_ids: Tensor | None
    mask: Tensor
    ids_restore: Tensor

    def positions(self) -> Tensor:
        """[B, 1 + K]: the position of CLS (0) and of each patch that stays (1 to N)."""
        ids = self.ids_restore if self.keep_ids is None else self.keep_ids
        return nn.functional.pad(ids + 1, (1, 0), value=0)


def num_kept(num_patches: int, mask_ratio: float) -> int:
    """Patches that stay; ``num_patches - num_kept`` are removed, whatever a patch mask asks for."""
    return int(num_patches * (1 - mask_ratio))


def ranking(noise: Tensor, patch_mask: Tensor | None = None, attention_mask: Tensor | None = None) -> Tensor:
    """Sort keys [B, N] from a uniform draw: the patches with the highest keys are removed.

    With ``patch_mask`` its ones come first and the draw decides between equals. Without, the text patch with the
    highest draw is forced to the top, so that every row loses at least one patch that counts in the loss.
    """
    noise = noise.float()
    if patch_mask is not None:
        return patch_mask.to(noise) + noise / 100
    text = noise if attention_mask is None else noise * attention_mask.to(noise)
    return noise.scatter(1, text.argmax(dim=1, keepdim=True), 100.0)


def select_patches(keys: Tensor, mask_ratio: float) -> PatchSelection:
    """Keep the ``num_kept`` patches with the lowest keys [B, N], ordered by key (upstream's shuffled order)."""
    num_patches = keys.shape[1]
    ids_shuffle = keys.argsort(dim=1, stable=True)
    ids_restore = inverse_permutation(ids_shuffle)
    keep = num_kept(num_patches, mask_ratio)
    return PatchSelection(ids_shuffle[:, :keep], (ids_restore >= keep).float(), ids_restore)


def all_patches(batch: int, num_patches: int, device: torch.device) -> PatchSelection:
    """Nothing removed, natural order."""
    ids = torch.arange(num_patches, device=device).expand(batch, -1)
    return PatchSelection(None, torch.zeros(batch, num_patches, device=device), ids)


def inverse_permutation(ids: Tensor) -> Tensor:
    """Row-wise inverse of a permutation [B, N]."""
    places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    return torch.empty_like(ids).scatter_(1, ids, places)
