"""A longer or shorter position table for a loaded model."""

from __future__ import annotations

import torch
from torch import nn

from pixlm.errors import UsageError

from .base import PixelPreTrainedModel
from .positions import positions_for


def resize_positions(model: PixelPreTrainedModel, num_patches: int, mode: str | None = None) -> None:
    """Give ``model`` position tables for strips of up to ``num_patches``, in place; ``config.image_size`` follows.

    Shorter inputs need no call: they use the first rows of the table, and this function keeps exactly those (upstream's
    ``resize_model_embeddings`` and ``truncate_decoder_pos_embeddings``, without their rounding of the width). A longer
    table is computed once from the stored one, so that positions no longer depend on the width of each input.

    Args:
        mode: how to lengthen, "linear" or "upstream"; None takes ``config.extend_positions``.

    Raises:
        UsageError: ``num_patches`` is not positive, or is longer than the table and there is no mode.
    """
    if num_patches < 1:
        raise UsageError(f"a position table needs at least 1 patch, not {num_patches}")
    for module in model.modules():
        for name in ("position_embeddings", "decoder_pos_embed"):
            table = getattr(module, name, None)
            if isinstance(table, nn.Parameter):
                with torch.no_grad():
                    rows = positions_for(table, (1, num_patches), mode or model.config.extend_positions).clone()
                setattr(module, name, nn.Parameter(rows, requires_grad=table.requires_grad))
    model.config.image_size = [model.config.patch_size, model.config.patch_size * num_patches]
