"""What the encoder for pre-training and the one for fine-tuning share: embeddings, layers, final norm.

Suffixes: B batch, T tokens (CLS and patches), D width.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from .attention import Sight, rotary_angles
from .base import PixelPreTrainedModel
from .config import PixelConfig
from .embeddings import PixelEmbeddings
from .layers import LayerStack, run_layers


class Encoded(NamedTuple):
    """``last_hidden_state`` [B, T, D] after the final norm; ``hidden_states`` before it and ``attentions``, or None."""

    last_hidden_state: Tensor
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class PixelBackbone(PixelPreTrainedModel):
    """Base of the encoders. Parameter names: ``embeddings``, ``encoder.layer``, ``layernorm``."""

    def __init__(self, config: PixelConfig, *, use_mask_token: bool = False) -> None:
        super().__init__(config)
        self.embeddings = PixelEmbeddings(config, use_mask_token)
        self.encoder = LayerStack(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def rotary(self, position_ids: Tensor) -> tuple[Tensor, Tensor] | None:
        """What turns queries and keys at these positions [B or 1, T]; None for positions from a table."""
        return rotary_angles(self.config, position_ids, self.config.hidden_size // self.config.num_attention_heads)

    def run(self, hidden_BTD: Tensor, sight: Sight, head_mask: Tensor | None, flags: dict[str, bool]) -> Encoded:
        """All layers and the final norm."""
        hidden_BTD, states, attentions = run_layers(
            self.encoder.layer, hidden_BTD, sight, self._head_masks(head_mask), **flags
        )
        return Encoded(self.layernorm(hidden_BTD), states, attentions)
