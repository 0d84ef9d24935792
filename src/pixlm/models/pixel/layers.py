"""The pre-LN transformer block that encoder and decoder are made of.

Suffixes: B batch, T tokens (CLS and patches), D width, H heads. Module names are those of the published checkpoints
(``attention.attention.query``, ``attention.output.dense``, ``intermediate.dense``, ``output.dense``).
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention import SelfAttention, Sight
from .config import PixelConfig


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
        self, hidden_BTD: Tensor, sight: Sight, head_mask_H: Tensor | None, output_attentions: bool
    ) -> tuple[Tensor, Tensor | None]:
        context_BTD, weights = self.attention(hidden_BTD, sight, head_mask_H, output_attentions)
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
        self, hidden_BTD: Tensor, sight: Sight, head_mask_H: Tensor | None = None, output_attentions: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        attended_BTD, weights = self.attention(self.layernorm_before(hidden_BTD), sight, head_mask_H, output_attentions)
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
    sight: Sight,
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
        hidden_BTD, weights = layer(hidden_BTD, sight, head_mask_H, output_attentions)
        if output_hidden_states:
            states.append(hidden_BTD)
        if output_attentions:
            attentions.append(weights)
    return (
        hidden_BTD,
        tuple(states) if output_hidden_states else None,
        tuple(attentions) if output_attentions else None,
    )
