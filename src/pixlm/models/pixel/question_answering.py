"""The span of a text that answers a question."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import QuestionAnsweringModelOutput
from transformers.utils import can_return_tuple

from pixlm.errors import UsageError

from ..losses import mean_answer_loss
from .base import PixelPreTrainedModel
from .config import PixelConfig
from .encoder import PixelEncoder


class PixelForQuestionAnswering(PixelPreTrainedModel):
    """The encoder with a score for the start and one for the end of the answer on every patch.

    CLS stands behind the patches, at index N of N + 1: "no answer". With ``config.mask_padding`` padding cannot be
    chosen; upstream lets it compete.
    """

    def __init__(self, config: PixelConfig) -> None:
        super().__init__(config)
        self.vit = PixelEncoder(config)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        head_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        text_slots: Tensor | None = None,
        compute_loss: bool = True,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> QuestionAnsweringModelOutput:
        """Score patches as ends of an answer. Inputs as in :meth:`PixelEncoder.forward`, packed rows included.

        Args:
            start_positions: [B] patches; N = no answer; beyond N = not labelled.
            end_positions: likewise. The loss is the mean of the means over the labelled starts and ends.
            compute_loss: False leaves ``loss`` out, for a caller who wants :func:`~pixlm.models.answer_loss`.

        Returns:
            ``loss``, ``start_logits`` and ``end_logits`` [B, N + 1]; on request ``hidden_states``, ``attentions``.
        """
        encoded = self.vit(
            pixel_values,
            attention_mask,
            head_mask=head_mask,
            position_ids=position_ids,
            text_slots=text_slots,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
            return_dict=True,
        )
        logits_BT2 = self.qa_outputs(encoded.last_hidden_state.roll(-1, dims=1))
        if self.config.mask_padding and encoded.attention_mask is not None:
            hidden_away = ~nn.functional.pad(encoded.attention_mask.bool(), (0, 1), value=True)
            logits_BT2 = logits_BT2.masked_fill(hidden_away[..., None], torch.finfo(logits_BT2.dtype).min)
        start_logits, end_logits = logits_BT2.unbind(dim=-1)
        loss = None
        if start_positions is not None and end_positions is not None and compute_loss:
            if start_positions.numel() != len(start_logits) or end_positions.numel() != len(end_logits):
                raise UsageError(
                    f"start_positions and end_positions must have one entry per text, {len(start_logits)}, "
                    f"not {list(start_positions.shape)} and {list(end_positions.shape)}"
                )
            loss = mean_answer_loss(start_logits, end_logits, start_positions, end_positions)
        return QuestionAnsweringModelOutput(
            loss=loss,
            start_logits=start_logits,
            end_logits=end_logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
