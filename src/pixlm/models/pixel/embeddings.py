"""From pixels to the tokens of the encoder: [CLS, patches], with positions.

Suffixes: B batch, N patches, K kept patches, T tokens, D width, V values of a patch in the order of the projection
(channel, row, column).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import initialization as init

from pixlm.errors import UsageError

from .config import PixelConfig, PositionType, ProjectionInit
from .patches import grid_of, unit_range, with_channels
from .positions import positions_for, sincos_table

INK_GAIN = 4.0
"""Times Xavier's weights; see :class:`ProjectionInit`. Among 1, 4 and 8, 4 and 8 were alike in a short run."""


class PatchEmbeddings(nn.Module):
    """The patch projection. Its weights are stored as a convolution; with stride = kernel it is a matrix product."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        self.patch_size = config.patch_size
        self.num_channels = config.num_channels
        self.projection = nn.Conv2d(config.num_channels, config.hidden_size, config.patch_size, config.patch_size)

    def cut(self, pixel_values: Tensor) -> Tensor:
        """[B, C, H, W] -> patches [B, N, V] of the input's own type, before any arithmetic."""
        if pixel_values.shape[1] > self.num_channels:
            pixel_values = with_channels(pixel_values, self.num_channels)
        rows, columns = grid_of(pixel_values, self.patch_size)
        batch, channels = pixel_values.shape[:2]
        image = pixel_values.reshape(batch, channels, rows, self.patch_size, columns, self.patch_size)
        return image.permute(0, 2, 4, 1, 3, 5).reshape(batch, rows * columns, -1)

    def forward(self, patches_BKV: Tensor) -> Tensor:
        """[B, K, V] -> [B, K, D]. Grey patches for a colour model meet the sum of its weights over the channels."""
        weight = self.projection.weight
        if patches_BKV.shape[-1] < weight[0].numel():
            weight = weight.sum(dim=1)
        return F.linear(unit_range(patches_BKV, weight.dtype), weight.flatten(1), self.projection.bias)


class PixelEmbeddings(nn.Module):
    """Patch projection, CLS and position table; with ``use_mask_token`` also a token that stands in for patches."""

    def __init__(self, config: PixelConfig, use_mask_token: bool = False) -> None:
        super().__init__()
        self.config = config
        self.cls_token = nn.Parameter(torch.empty(1, 1, config.hidden_size))
        self.mask_token = nn.Parameter(torch.empty(1, 1, config.hidden_size)) if use_mask_token else None
        self.patch_embeddings = PatchEmbeddings(config)
        self.position_embeddings = position_table(config, config.hidden_size)

    def forward(
        self, pixel_values: Tensor, keep_ids: Tensor | None = None, bool_masked_pos: Tensor | None = None
    ) -> Tensor:
        """Tokens [B, 1 + K, D]: CLS, then the patches ``keep_ids`` [B, K] in that order (None: all N).

        Positions are those in the image. Dropped patches are not projected at all.
        """
        grid = grid_of(pixel_values, self.config.patch_size)
        patches = self.patch_embeddings.cut(pixel_values)
        if keep_ids is not None:
            patches = patches[torch.arange(len(patches), device=patches.device)[:, None], keep_ids]
        embedded_BKD = self.patch_embeddings(patches)
        if bool_masked_pos is not None:
            if self.mask_token is None:
                raise UsageError("bool_masked_pos needs a model made with use_mask_token=True")
            embedded_BKD = torch.where(bool_masked_pos.bool()[..., None], self.mask_token, embedded_BKD)
        cls_11D: Tensor = self.cls_token
        if self.position_embeddings is not None:
            positions = positions_for(self.position_embeddings, grid, self.config.extend_positions)
            patch_positions = positions[:, 1:] if keep_ids is None else F.embedding(keep_ids, positions[0, 1:])
            embedded_BKD = embedded_BKD + patch_positions
            cls_11D = cls_11D + positions[:, :1]
        return torch.cat([cls_11D.expand(len(embedded_BKD), -1, -1).to(embedded_BKD), embedded_BKD], dim=1)

    def packed(self, pixel_values: Tensor, position_ids: Tensor, longest: int) -> Tensor:
        """Tokens [B, T, D] of packed rows: one token a patch slot, CLS in the slots of position 0.

        Args:
            position_ids: [B, T], T = patches of a row; 0 is a CLS, 1, 2, ... the patches of its text.
            longest: patches of the longest text.
        """
        tokens_BTD = self.patch_embeddings(self.patch_embeddings.cut(pixel_values))
        tokens_BTD = torch.where((position_ids == 0)[..., None], self.cls_token.to(tokens_BTD), tokens_BTD)
        if self.position_embeddings is None:
            return tokens_BTD
        positions = positions_for(self.position_embeddings, (1, longest), self.config.extend_positions)
        # Indexing would do, but its backward pass adds in the order in which threads come.
        return tokens_BTD + F.embedding(position_ids, positions[0])

    def reset_parameters(self) -> None:
        """CLS and mask token normal, positions sin-cos."""
        std = self.config.initializer_range
        init.normal_(self.cls_token, std=std)
        if self.mask_token is not None:
            init.normal_(self.mask_token, std=std)
        reset_positions(self.position_embeddings)


def position_table(config: PixelConfig, width: int) -> nn.Parameter | None:
    """A position table [1, N + 1, width], or None for a model that needs none."""
    if config.position_embedding_type == PositionType.ROTARY:
        return None
    return nn.Parameter(torch.empty(1, config.num_patches + 1, width))


def reset_positions(table: nn.Parameter | None) -> None:
    """Fill a position table [1, N + 1, D] with sin-cos rows, unless a checkpoint has just filled it."""
    if table is None or getattr(table, "_is_hf_initialized", False) or table.device.type == "meta":
        return
    init.copy_(table, sincos_table(table.shape[1] - 1, table.shape[2]).to(table))


def reset_projection(projection: nn.Conv2d, kind: str = ProjectionInit.XAVIER) -> None:
    """As the published pre-training started: Xavier-uniform over (values, width), and torch's default bias.

    "ink" makes the weights ``INK_GAIN`` times larger, with the bias that turns a white patch (all ones) into zeros.
    """
    width, fan_in = projection.weight.flatten(1).shape
    bound = math.sqrt(6 / (fan_in + width))
    assert projection.bias is not None
    if kind == ProjectionInit.INK:
        init.uniform_(projection.weight, -bound * INK_GAIN, bound * INK_GAIN)
        if not getattr(projection.bias, "_is_hf_initialized", False):
            init.copy_(projection.bias, -projection.weight.flatten(1).sum(dim=1))
        return
    init.uniform_(projection.weight, -bound, bound)
    init.uniform_(projection.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))
