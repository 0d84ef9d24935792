"""Packed rows: several texts one after another in a row, each with its own CLS.

The convention is that of transformers: ``position_ids`` [B, T] that restart at each text. T is the number of patch
slots of a row; the first slot of each text (position 0) becomes its CLS, whatever is drawn there, and its patches
follow at positions 1, 2, ... Slots that hold nothing have position 0 too. :func:`pixlm.data.packing.pack` makes rows.

Suffixes: B rows, T slots, M texts, N patches of the longest text, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pixlm.errors import UsageError


def slots_of_texts(position_ids: Tensor) -> Tensor:
    """Where each text's tokens are in the flattened rows: [M, 1 + N], CLS first, -1 where a text has ended.

    Texts are counted row by row. A CLS without patches is taken for an empty slot.
    """
    flat = position_ids.flatten()
    starts = (flat == 0).nonzero().flatten()
    ends = torch.cat([starts[1:], starts.new_tensor([len(flat)])])
    used = ends - starts > 1
    starts, ends = starts[used], ends[used]
    longest = int((ends - starts).max()) if len(starts) else 1
    slots = starts[:, None] + torch.arange(longest, device=flat.device)
    return slots.masked_fill(slots >= ends[:, None], -1)


def unpacked(hidden_BTD: Tensor, text_slots: Tensor) -> Tensor:
    """[B, T, D] -> [M, 1 + N, D]; zeros where a text has ended."""
    rows = F.embedding(text_slots.clamp(min=0), hidden_BTD.flatten(0, 1))  # indexing has no deterministic backward pass
    return rows.masked_fill((text_slots < 0)[..., None], 0.0)


def check_packing(
    position_ids: Tensor, text_slots: Tensor | None, attention_mask: Tensor | None, batch: int, num_patches: int
) -> None:
    """Raises UsageError for shapes that do not fit."""
    if tuple(position_ids.shape) != (batch, num_patches):
        raise UsageError(
            f"position_ids must have one value per patch slot, {[batch, num_patches]}, not {list(position_ids.shape)}"
        )
    if text_slots is not None and (text_slots.ndim != 2 or text_slots.shape[1] < 2):
        raise UsageError(f"text_slots must be [texts, 1 + patches], not {list(text_slots.shape)}")
    expected = None if text_slots is None else (text_slots.shape[0], text_slots.shape[1] - 1)
    if attention_mask is not None and tuple(attention_mask.shape) != expected:
        raise UsageError(
            "attention_mask of packed rows is that of their texts and goes with text_slots: "
            f"{list(expected) if expected else None}, not {list(attention_mask.shape)}"
        )
