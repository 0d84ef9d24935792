"""The pre-LN transformer block that encoder and decoder are made of.

Suffixes: B batch, T tokens (CLS and patches), D width, H heads. Module names are those of the published checkpoints
(``attention.attention.query``, ``attention.output.dense``, ``intermediate.dense``, ``output.dense``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .config import PixelConfig


def all_visible(attention_mask: Tensor | None) -> bool:
    """Whether a mask hides nothing, so that attention can do without. Not asked while compiling: it reads values."""
    if attention_mask is None:
        return True
    return not torch.compiler.is_compiling() and bool(attention_mask.all())


def attention_bias(config: PixelConfig, mask_BT: Tensor | None, hidden_BTD: Tensor, eager: bool = False) -> Any:
    """What the attention function wants in place of a 0/1 mask over keys [B, T]; None if nothing is hidden."""
    if mask_BT is None:
        return None
    visible = mask_BT.bool()[:, None, None, :]
    if eager or config._attn_implementation == "eager":
        lowest = torch.finfo(hidden_BTD.dtype).min
        return torch.zeros(visible.shape, dtype=hidden_BTD.dtype, device=hidden_BTD.device).masked_fill(
            ~visible, lowest
        )
    if config._attn_implementation == "sdpa":
        return visible  # broadcast over heads and queries: never materialised as [B, T, T]
    return create_bidirectional_mask(config, hidden_BTD, mask_BT)


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
    """Attention that can show its probabilities [B, H, T, T] (after dropout); output is [B, T, H, D / H]."""
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
        self, hidden_BTD: Tensor, bias: Any, head_mask_H: Tensor | None, output_attentions: bool
    ) -> tuple[Tensor, Tensor | None]:
        query, key, value = (
            projection(hidden_BTD).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        implementation = self.config._attn_implementation
        attend = eager_attention
        if implementation != "eager" and not output_attentions:
            attend = ALL_ATTENTION_FUNCTIONS[implementation]
        dropout = self.config.attention_probs_dropout_prob if self.training else 0.0
        context_BTHE, weights = attend(self, query, key, value, bias, scaling=self.scaling, dropout=dropout)
        if head_mask_H is not None:
            # Scaling a head's output equals scaling its probabilities, and every implementation allows it.
            context_BTHE = context_BTHE * head_mask_H.view(-1, 1).to(context_BTHE)
            weights = None if weights is None else weights * head_mask_H.view(-1, 1, 1).to(weights)
        return context_BTHE.flatten(2), weights if output_attentions else None


class Dense(nn.Module):
    """A linear layer under the name ``dense``."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, width_out)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.dense(hidden)


class Attention(nn.Module):
    """Self-attention and its output projection."""

    def __init__(self, config: PixelConfig, width: int, num_heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(config, width, num_heads)
        self.output = Dense(width, width)

    def forward(
        self, hidden_BTD: Tensor, bias: Any, head_mask_H: Tensor | None, output_attentions: bool
    ) -> tuple[Tensor, Tensor | None]:
        context_BTD, weights = self.attention(hidden_BTD, bias, head_mask_H, output_attentions)
        return self.output(context_BTD), weights


class PixelLayer(GradientCheckpointingLayer):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: PixelConfig, width: int, num_heads: int, intermediate: int) -> None:
        super().__init__()
        self.layernorm_before = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.attention = Attention(config, width, num_heads)
        self.layernorm_after = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.intermediate = Dense(width, intermediate)
        self.output = Dense(intermediate, width)
        self.activation = ACT2FN[config.hidden_act] if isinstance(config.hidden_act, str) else config.hidden_act
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self, hidden_BTD: Tensor, bias: Any = None, head_mask_H: Tensor | None = None, output_attentions: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        attended_BTD, weights = self.attention(self.layernorm_before(hidden_BTD), bias, head_mask_H, output_attentions)
        hidden_BTD = hidden_BTD + self.dropout(attended_BTD)
        inner = self.activation(self.intermediate(self.layernorm_after(hidden_BTD)))
        return hidden_BTD + self.dropout(self.output(inner)), weights


class LayerStack(nn.Module):
    """The encoder's layers under the name ``layer``."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(
            PixelLayer(config, config.hidden_size, config.num_attention_heads, config.intermediate_size)
            for _ in range(config.num_hidden_layers)
        )


def run_layers(
    layers: nn.ModuleList,
    hidden_BTD: Tensor,
    bias: Any = None,
    head_mask: Iterable[Tensor | None] | None = None,
    output_hidden_states: bool = False,
    output_attentions: bool = False,
) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[Tensor, ...] | None]:
    """Run all layers: (output, hidden states or None, attentions or None).

    There is one hidden state more than layers: first the input, last the output of the last layer, before a final norm.
    """
    states = [hidden_BTD]
    attentions: list[Tensor] = []
    masks = [None] * len(layers) if head_mask is None else list(head_mask)
    for layer, head_mask_H in zip(layers, masks, strict=True):
        hidden_BTD, weights = layer(hidden_BTD, bias, head_mask_H, output_attentions)
        if output_hidden_states:
            states.append(hidden_BTD)
        if output_attentions:
            attentions.append(weights)
    return (
        hidden_BTD,
        tuple(states) if output_hidden_states else None,
        tuple(attentions) if output_attentions else None,
    )
