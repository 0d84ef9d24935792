"""One label (or number, or several labels) per text, read off the last unit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import can_return_tuple

from pixlm.errors import UsageError

from ..losses import mean_sequence_loss
from .config import PairPooling, PixelGPTConfig
from .model import PixelGPTModel, PixelGPTPreTrainedModel


class PixelGPTForSequenceClassification(PixelGPTPreTrainedModel):
    """The trunk with a linear layer on the last real unit: a token if there is text, else the closing black patch."""

    def __init__(self, config: PixelGPTConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = PixelGPTModel(config)
        assert config.num_labels is not None
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        patch_attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        pixel_attention_mask: Tensor | None = None,
        compute_loss: bool = True,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """Classify. Inputs as in :meth:`PixelGPTModel.forward`, padded on the right.

        Args:
            labels: see :func:`~pixlm.models.sequence_loss`. The loss is the mean over its summands.
            compute_loss: False leaves ``loss`` out, for a caller who wants (sum, count).

        Returns:
            ``loss``, ``logits`` [B, labels]; on request ``hidden_states`` and ``attentions``.
        """
        if patch_attention_mask is None:
            patch_attention_mask = pixel_attention_mask
        if input_ids is None and attention_mask is None:
            attention_mask, patch_attention_mask = patch_attention_mask, None
        outputs = self.model(
            input_ids=input_ids,
            pixel_values=pixel_values,
            attention_mask=attention_mask,
            patch_attention_mask=patch_attention_mask,
            use_cache=False,
            **kwargs,
        )
        hidden = outputs.last_hidden_state
        last = self.pooled_positions(input_ids, attention_mask, hidden.shape[1])
        rows = torch.arange(len(hidden), device=hidden.device)
        logits = self.score(hidden[rows, last.to(hidden.device)] if last is not None else hidden[:, -1])
        loss = None
        if labels is not None and compute_loss:
            loss = mean_sequence_loss(logits, labels, self.config.problem_type)
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states, attentions=outputs.attentions
        )

    def pooled_positions(self, input_ids: Tensor | None, attention_mask: Tensor | None, length: int) -> Tensor | None:
        """[B] the unit of a sequence of ``length`` that each row is read off; None: the last one of all.

        Upstream looks for the first padding token, so that one inside a text cuts it short; here the mask decides.
        A row that is all padding is read off its first unit.
        """
        if input_ids is None:
            return None if attention_mask is None else (attention_mask.long().sum(1) - 1).clamp(min=0)
        patches = length - input_ids.shape[1]
        padding = self.config.pad_token_id
        if patches and self.config.pair_pooling == PairPooling.UPSTREAM:
            if padding is None:
                raise UsageError('pair_pooling "upstream" needs pad_token_id in the configuration')
            return patches + (input_ids == padding).int().argmax(1) - 1
        if attention_mask is None and padding is not None:
            attention_mask = input_ids != padding
        if attention_mask is None:
            return None
        place = torch.arange(input_ids.shape[1], device=input_ids.device)
        return patches + (place * attention_mask.long()).argmax(1)
