"""The encoder for fine-tuning and features: every patch, in natural order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput, can_return_tuple

from pixlm.errors import UsageError

from .attention import all_visible, sight_of_packed, sight_of_visible
from .backbone import Encoded, PixelBackbone
from .base import check_patch_vector, with_cls
from .config import PixelConfig
from .layers import Dense
from .packing import check_packing, slots_of_texts, unpacked
from .patches import grid_of


@dataclass
class PixelEncoderOutput(ModelOutput):
    """Output of :class:`PixelEncoder`; B counts texts, N patches.

    ``last_hidden_state`` [B, N + 1, D], CLS first; ``pooler_output`` [B, D]; on request ``hidden_states`` (layers + 1
    of them; the last one before the final norm) and ``attentions`` [B, heads, N + 1, N + 1]; ``attention_mask`` [B, N]
    as given, or, for packed rows, that of the texts.
    """

    last_hidden_state: Tensor | None = None
    pooler_output: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
    attention_mask: Tensor | None = None


class PixelEncoder(PixelBackbone):
    """Upstream's fine-tuning encoder (``ViTModel``): tokens are [CLS, patches].

    Args:
        add_pooling_layer: also compute ``pooler_output``, tanh of a linear layer on CLS.
        use_mask_token: have a token that replaces the patches in ``bool_masked_pos``.
    """

    def __init__(self, config: PixelConfig, add_pooling_layer: bool = False, use_mask_token: bool = False) -> None:
        super().__init__(config, use_mask_token=use_mask_token)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.pooler = Dense(config.hidden_size, config.hidden_size) if add_pooling_layer else None
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        bool_masked_pos: Tensor | None = None,
        head_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        text_slots: Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> PixelEncoderOutput:
        """Encode pixels.

        Args:
            pixel_values: [B, 1 or 3, H, W], uint8 or float in [0, 1]; N = patches of the grid.
            attention_mask: [B, N], 1 = text and its closing black patch; None = all ones. Of packed rows it is what
                ``text_slots`` says anyway.
            bool_masked_pos: [B, N], 1 = replace by the mask token.
            head_mask: [heads] or [layers, heads], 1 = keep.
            position_ids: [B, N] for packed rows, see :mod:`.packing`. The output is then that of the texts alone, one
                row each, as if they had been padded; ``attentions`` stay those of the packed rows.
            text_slots: [texts, 1 + patches], where each text is in the flattened rows, -1 = ended; None works it out
                of ``position_ids``, in the order of the rows.

        Raises:
            UsageError: shapes that do not fit; more patches than positions.
        """
        rows, columns = grid_of(pixel_values, self.config.patch_size)
        check_patch_vector("bool_masked_pos", bool_masked_pos, pixel_values, rows * columns)
        flags = self._output_flags(output_hidden_states, output_attentions)
        eager = flags["output_attentions"]
        if position_ids is None:
            check_patch_vector("attention_mask", attention_mask, pixel_values, rows * columns)
            hidden_BTD = self.dropout(self.embeddings(pixel_values, bool_masked_pos=bool_masked_pos))
            visible_BT = None if all_visible(attention_mask) else with_cls(attention_mask)
            rotary = self.rotary(torch.arange(rows * columns + 1, device=hidden_BTD.device)[None])
            sight = sight_of_visible(self.config, visible_BT, hidden_BTD, eager=eager, rotary=rotary)
            encoded = self.run(hidden_BTD, sight, head_mask, flags)
        else:
            check_packing(position_ids, text_slots, attention_mask, len(pixel_values), rows * columns)
            if bool_masked_pos is not None:
                raise UsageError("bool_masked_pos is for padded rows, not for packed ones")
            if text_slots is None:
                text_slots = slots_of_texts(position_ids)
            hidden_BTD = self.embeddings.packed(pixel_values, position_ids, text_slots.shape[1] - 1)
            rotary = self.rotary(position_ids)
            sight = sight_of_packed(self.config, position_ids, hidden_BTD, eager=eager, rotary=rotary)
            encoded = self.run(self.dropout(hidden_BTD), sight, head_mask, flags)
            attention_mask = (text_slots[:, 1:] >= 0).to(torch.uint8)
            states = encoded.hidden_states
            encoded = Encoded(
                unpacked(encoded.last_hidden_state, text_slots),
                None if states is None else tuple(unpacked(state, text_slots) for state in states),
                encoded.attentions,
            )
        last_BTD = encoded.last_hidden_state
        return PixelEncoderOutput(
            last_hidden_state=last_BTD,
            pooler_output=None if self.pooler is None else torch.tanh(self.pooler(last_BTD[:, 0])),
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
            attention_mask=attention_mask,
        )
