"""Self-attention, and what it may see.

Suffixes: B batch, T tokens (CLS and patches), D width, H heads, E width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers.masking_utils import create_bidirectional_mask, packed_sequence_mask_function
from transformers.modeling_flash_attention_utils import prepare_fa_kwargs_from_position_ids
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .config import PixelConfig


@dataclass(frozen=True)
class Sight:
    """What tokens may attend to, in the form that the attention function wants; shared by all layers.

    mask: the function's own (None: everything). options: more keywords for it. rotary: cosines and sines
    [B or 1, 1, T, E] that turn queries and keys.
    """

    mask: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    rotary: tuple[Tensor, Tensor] | None = None


def all_visible(attention_mask: Tensor | None) -> bool:
    """Whether a mask hides nothing, so that attention can do without. Not asked while compiling: it reads values."""
    if attention_mask is None:
        return True
    return not torch.compiler.is_compiling() and bool(attention_mask.all())


def sight_of_visible(
    config: PixelConfig, mask_BT: Tensor | None, hidden_BTD: Tensor, *, eager: bool = False, **more: Any
) -> Sight:
    """Every token sees the ones with 1 in a 0/1 mask [B, T]; None: all of them."""
    if mask_BT is None:
        return Sight(**more)
    visible = mask_BT.bool()[:, None, None, :]
    if eager or config._attn_implementation == "eager":
        return Sight(_additive(visible, hidden_BTD.dtype), **more)
    if config._attn_implementation == "sdpa":
        return Sight(visible, **more)  # broadcast over heads and queries: never materialised as [B, T, T]
    return Sight(create_bidirectional_mask(config, hidden_BTD, mask_BT), **more)


def sight_of_packed(
    config: PixelConfig, position_ids: Tensor, hidden_BTD: Tensor, *, eager: bool = False, **more: Any
) -> Sight:
    """Every token sees its own text: the ones between two restarts of ``position_ids`` [B, T]."""
    text_BT = (position_ids == 0).cumsum(dim=1)
    implementation = config._attn_implementation
    if eager or implementation in ("eager", "sdpa"):
        same = text_BT[:, None, :, None] == text_BT[:, None, None, :]
        return Sight(_additive(same, hidden_BTD.dtype) if eager or implementation == "eager" else same, **more)
    if "flash" in implementation:
        (lengths_q, lengths_k), (longest_q, longest_k) = prepare_fa_kwargs_from_position_ids(position_ids)
        options = {
            "cu_seq_lens_q": lengths_q,
            "cu_seq_lens_k": lengths_k,
            "max_length_q": longest_q,
            "max_length_k": longest_k,
        }
        return Sight(options=options, **more)
    together = packed_sequence_mask_function(text_BT)
    return Sight(create_bidirectional_mask(config, hidden_BTD, None, and_mask_function=together), **more)


def _additive(visible: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill(~visible, torch.finfo(dtype).min)


def eager_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Attention that can show its probabilities [B, H, T, T] (after dropout); output is [B, T, H, E]."""
    scores = query @ key.mT * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, dropout, training=module.training)
    return (weights @ value).transpose(1, 2), weights


class SelfAttention(nn.Module):
    """Query, key and value of one block, and the attention over them."""

    def __init__(self, config: PixelConfig, width: int, num_heads: int) -> None:
        super().__init__()
        self.config = config
        self.num_heads = num_heads
        self.scaling = (width // num_heads) ** -0.5
        self.is_causal = False  # read by transformers' attention functions
        self.query = nn.Linear(width, width, bias=config.qkv_bias)
        self.key = nn.Linear(width, width, bias=config.qkv_bias)
        self.value = nn.Linear(width, width, bias=config.qkv_bias)

    def forward(
        self, hidden_BTD: Tensor, sight: Sight, head_mask_H: Tensor | None, output_attentions: bool
    ) -> tuple[Tensor, Tensor | None]:
        query, key, value = (
            projection(hidden_BTD).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        if sight.rotary is not None:
            query, key = turned(query, *sight.rotary), turned(key, *sight.rotary)
        implementation = self.config._attn_implementation
        attend = eager_attention
        if implementation != "eager" and not output_attentions:
            attend = ALL_ATTENTION_FUNCTIONS[implementation]
        dropout = self.config.attention_probs_dropout_prob if self.training else 0.0
        context_BTHE, weights = attend(
            self, query, key, value, sight.mask, scaling=self.scaling, dropout=dropout, **sight.options
        )
        if head_mask_H is not None:
            # Scaling a head's output equals scaling its probabilities, and every implementation allows it.
            context_BTHE = context_BTHE * head_mask_H.view(-1, 1).to(context_BTHE)
            weights = None if weights is None else weights * head_mask_H.view(-1, 1, 1).to(weights)
        return context_BTHE.flatten(2), weights if output_attentions else None


def rotary_angles(config: PixelConfig, position_ids: Tensor, head_size: int) -> tuple[Tensor, Tensor] | None:
    """Float32 cosines and sines [B, 1, T, head_size] for positions [B, T]; None for a model with a table."""
    if config.position_embedding_type != "rotary":
        return None
    steps = torch.arange(0, head_size, 2, device=position_ids.device, dtype=torch.float32) / head_size
    angles_BTE = position_ids[..., None].float() / config.rope_theta**steps
    angles_BTE = torch.cat([angles_BTE, angles_BTE], dim=-1)[:, None]
    return angles_BTE.cos(), angles_BTE.sin()


def turned(vectors_BHTE: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Each pair (e, e + E / 2) of a query or key turned by its angle."""
    first, second = vectors_BHTE.chunk(2, dim=-1)
    return (vectors_BHTE * cos + torch.cat([-second, first], dim=-1) * sin).to(vectors_BHTE.dtype)
