"""From patches to one vector: the pooling of the sequence classifier. Parameter names are those of the checkpoints.

Suffixes: B batch, N patches, D width, H heads, E width of a head.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import initialization as init

from .config import PixelConfig, PoolingMode


def mean_pool(hidden_BND: Tensor, mask_BN: Tensor) -> Tensor:
    """Mean over the patches with 1 in the mask [B, D]; zeros for a row without any."""
    mask_BN1 = mask_BN[..., None].to(hidden_BND.dtype)
    return (hidden_BND * mask_BN1).sum(dim=1) / mask_BN1.sum(dim=1).clamp(min=1e-9)


def max_pool(hidden_BND: Tensor, mask_BN: Tensor) -> Tensor:
    """Maximum over the patches with 1 in the mask [B, D]; zeros for a row without any."""
    visible_BN1 = mask_BN.bool()[..., None]
    lowest = torch.finfo(hidden_BND.dtype).min
    highest_BD = hidden_BND.masked_fill(~visible_BN1, lowest).amax(dim=1)
    return highest_BD.masked_fill(~visible_BN1.any(dim=1), 0.0)


class AttentionBlock(nn.Module):
    """Set Transformer's MAB with upstream's arithmetic: scores over the root of the *whole* width, no norms."""

    def __init__(self, width: int, num_heads: int, mask_padding: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.mask_padding = mask_padding
        self.fc_q = nn.Linear(width, width)
        self.fc_k = nn.Linear(width, width)
        self.fc_v = nn.Linear(width, width)
        self.fc_o = nn.Linear(width, width)

    def forward(self, query_B1D: Tensor, hidden_BND: Tensor, mask_BN: Tensor) -> Tensor:
        query_B1D = self.fc_q(query_B1D)
        # Upstream's mask zeroes keys only: padding keeps the score 0 and its value counts. Checkpoints were trained so.
        keys_BND = self.fc_k(hidden_BND) * mask_BN[..., None].to(hidden_BND.dtype)
        query, key, value = (
            each.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for each in (query_B1D, keys_BND, self.fc_v(hidden_BND))
        )
        scores_BH1N = query @ key.mT / math.sqrt(query_B1D.shape[-1])
        if self.mask_padding:
            hidden_away = ~mask_BN.bool()[:, None, None]
            scores_BH1N = scores_BH1N.masked_fill(hidden_away, torch.finfo(scores_BH1N.dtype).min)
        read = query_B1D + (scores_BH1N.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)
        return read + F.relu(self.fc_o(read))


class AttentionPooling(nn.Module):
    """Pooling by multihead attention (PMA) with one learned query ``S``."""

    def __init__(self, width: int, num_heads: int, mask_padding: bool) -> None:
        super().__init__()
        self.S = nn.Parameter(torch.empty(1, 1, width))
        self.mab = AttentionBlock(width, num_heads, mask_padding)

    def forward(self, hidden_BND: Tensor, mask_BN: Tensor) -> Tensor:
        query_B1D = self.S.to(hidden_BND.dtype).expand(len(hidden_BND), -1, -1)
        return self.mab(query_B1D, hidden_BND, mask_BN).squeeze(1)

    def reset_parameters(self) -> None:
        """The query Xavier-uniform, as in Set Transformer."""
        bound = math.sqrt(6 / (self.S.shape[1] + self.S.shape[2]))
        init.uniform_(self.S, -bound, bound)


class PatchPooler(nn.Module):
    """Patches [B, N, D] to one vector [B, D] by the mean, the maximum or attention.

    Mean and maximum are taken of GELU(linear(patches)); all after a LayerNorm, if the configuration asks for it. Only
    the parameters that a mode uses exist here; upstream's checkpoints carry the others too.
    """

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.mode = PoolingMode(config.pooling_mode or PoolingMode.MEAN)
        self.linear = None if self.mode == PoolingMode.PMA else nn.Linear(width, width)
        # 1e-12 whatever layer_norm_eps says: published checkpoints were trained so.
        self.ln = nn.LayerNorm(width, eps=1e-12) if config.add_layer_norm else None
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        if self.mode == PoolingMode.PMA:
            assert config.pma_heads is not None
            pooler = AttentionPooling(width, config.pma_heads, config.mask_padding)
            self.pooling = nn.ModuleDict({"pooler": pooler})

    def forward(self, hidden_BND: Tensor, mask_BN: Tensor) -> Tensor:
        if self.linear is not None:
            hidden_BND = F.gelu(self.linear(hidden_BND))
        if self.ln is not None:
            hidden_BND = self.ln(hidden_BND)
        hidden_BND = self.dropout(hidden_BND)
        if self.mode == PoolingMode.PMA:
            return self.pooling["pooler"](hidden_BND, mask_BN)
        return (mean_pool if self.mode == PoolingMode.MEAN else max_pool)(hidden_BND, mask_BN)
