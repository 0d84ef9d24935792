"""The encoder for fine-tuning and features: every patch, in natural order."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils import can_return_tuple

from .base import PixelPreTrainedModel, check_patch_vector, with_cls
from .config import PixelConfig
from .embeddings import PixelEmbeddings
from .layers import Dense, LayerStack, all_visible, attention_bias, run_layers
from .patches import grid_of


class PixelEncoder(PixelPreTrainedModel):
    """Upstream's fine-tuning encoder (``ViTModel``): tokens are [CLS, patches].

    Args:
        add_pooling_layer: also compute ``pooler_output``, tanh of a linear layer on CLS.
        use_mask_token: have a token that replaces the patches in ``bool_masked_pos``.
    """

    def __init__(self, config: PixelConfig, add_pooling_layer: bool = False, use_mask_token: bool = False) -> None:
        super().__init__(config)
        self.embeddings = PixelEmbeddings(config, use_mask_token)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.encoder = LayerStack(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.pooler = Dense(config.hidden_size, config.hidden_size) if add_pooling_layer else None
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        bool_masked_pos: Tensor | None = None,
        head_mask: Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> BaseModelOutputWithPooling:
        """Encode pixels.

        Args:
            pixel_values: [B, 1 or 3, H, W], uint8 or float in [0, 1]; N = patches of the grid.
            attention_mask: [B, N], 1 = text and its closing black patch; None = all ones.
            bool_masked_pos: [B, N], 1 = replace by the mask token.
            head_mask: [heads] or [layers, heads], 1 = keep.

        Returns:
            ``last_hidden_state`` [B, N + 1, D] (CLS first), ``pooler_output`` [B, D] or None; on request
            ``hidden_states`` (layers + 1; the last one before the final norm) and ``attentions``
            [B, heads, N + 1, N + 1] (computed with eager attention).

        Raises:
            UsageError: shapes that do not fit; more patches than positions.
        """
        rows, columns = grid_of(pixel_values, self.config.patch_size)
        check_patch_vector("attention_mask", attention_mask, pixel_values, rows * columns)
        check_patch_vector("bool_masked_pos", bool_masked_pos, pixel_values, rows * columns)
        flags = self._output_flags(output_hidden_states, output_attentions)
        hidden_BTD = self.dropout(self.embeddings(pixel_values, bool_masked_pos=bool_masked_pos))
        visible_BT = None if all_visible(attention_mask) else with_cls(attention_mask)
        bias = attention_bias(self.config, visible_BT, hidden_BTD, eager=flags["output_attentions"])
        hidden_BTD, hidden_states, attentions = run_layers(
            self.encoder.layer, hidden_BTD, bias, self._head_masks(head_mask), **flags
        )
        last_BTD = self.layernorm(hidden_BTD)
        return BaseModelOutputWithPooling(
            last_hidden_state=last_BTD,
            pooler_output=None if self.pooler is None else torch.tanh(self.pooler(last_BTD[:, 0])),
            hidden_states=hidden_states,
            attentions=attentions,
        )
