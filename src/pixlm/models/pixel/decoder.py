"""The decoder of the masked autoencoder.

Suffixes: B batch, N patches, K kept patches, T tokens, D encoder width, E decoder width, P values of a patch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import initialization as init

from .attention import rotary_angles, sight_of_visible
from .base import with_cls
from .config import PixelConfig
from .embeddings import position_table, reset_positions
from .layers import PixelLayer, run_layers
from .masking import inverse_permutation
from .positions import positions_for


class PixelDecoder(nn.Module):
    """Predicts the pixels of every patch from the encoded ones and a mask token in place of the removed."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.decoder_hidden_size
        self.decoder_embed = nn.Linear(config.hidden_size, width)
        self.mask_token = nn.Parameter(torch.empty(1, 1, width))
        self.decoder_pos_embed = position_table(config, width)
        self.decoder_layers = nn.ModuleList(
            PixelLayer(config, width, config.decoder_num_attention_heads, config.decoder_intermediate_size)
            for _ in range(config.decoder_num_hidden_layers)
        )
        self.decoder_norm = nn.LayerNorm(width, eps=1e-5)  # not layer_norm_eps: published checkpoints were trained so
        self.decoder_pred = nn.Linear(width, config.patch_size**2 * config.num_channels)

    def forward(
        self,
        encoded_BTD: Tensor,
        ids_restore: Tensor,
        grid: tuple[int, int],
        attention_mask: Tensor | None = None,
        natural_order: bool = False,
    ) -> Tensor:
        """Logits [B, N, P] in natural order. Removed patches are attended to, padding [B, N] is not.

        ``natural_order``: the encoder saw all patches in natural order, nothing has to be put back.
        """
        hidden_BTE = self.decoder_embed(encoded_BTD)
        if not natural_order:
            cls, kept_BKE = hidden_BTE[:, :1], hidden_BTE[:, 1:]
            batch, keep, width = kept_BKE.shape
            keep_ids = inverse_permutation(ids_restore)[:, :keep]
            # Scattering the kept ones over a sheet of mask tokens has a deterministic backward pass on a GPU, which
            # gathering by ids_restore has not.
            sheet = self.mask_token.to(kept_BKE.dtype).expand(batch, ids_restore.shape[1], width)
            hidden_BTE = torch.cat([cls, sheet.scatter(1, keep_ids[..., None].expand(-1, -1, width), kept_BKE)], dim=1)
        if self.decoder_pos_embed is not None:
            hidden_BTE = hidden_BTE + positions_for(self.decoder_pos_embed, grid, self.config.extend_positions)
        position_ids = torch.arange(hidden_BTE.shape[1], device=hidden_BTE.device)[None]
        head_size = self.config.decoder_hidden_size // self.config.decoder_num_attention_heads
        sight = sight_of_visible(
            self.config,
            with_cls(attention_mask),
            hidden_BTE,
            rotary=rotary_angles(self.config, position_ids, head_size),
        )
        hidden_BTE, _, _ = run_layers(self.decoder_layers, hidden_BTE, sight)
        return self.decoder_pred(self.decoder_norm(hidden_BTE)[:, 1:])

    def reset_parameters(self) -> None:
        """Mask token normal, positions sin-cos."""
        init.normal_(self.mask_token, std=self.config.initializer_range)
        reset_positions(self.decoder_pos_embed)
