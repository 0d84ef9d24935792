"""One label per patch: POS tagging, named entities."""

from __future__ import annotations

from torch import Tensor, nn
from transformers.modeling_outputs import TokenClassifierOutput
from transformers.utils import can_return_tuple

from ..losses import label_loss
from .base import PixelPreTrainedModel, check_patch_vector
from .config import PixelConfig
from .encoder import PixelEncoder


class PixelForTokenClassification(PixelPreTrainedModel):
    """The encoder with a linear layer on every patch; a word's label stands on its first patch."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__(config)
        self.vit = PixelEncoder(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        assert config.num_labels is not None
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        head_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        text_slots: Tensor | None = None,
        compute_loss: bool = True,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> TokenClassifierOutput:
        """Classify patches. Inputs as in :meth:`PixelEncoder.forward`, packed rows included.

        Args:
            labels: [B, N], -100 = no label. The loss is the mean over the labels in the batch; 0 if there are none.
            compute_loss: False leaves ``loss`` out, for a caller who wants :func:`label_loss` as (sum, count).

        Returns:
            ``loss``, ``logits`` [B, N, labels]; on request ``hidden_states`` and ``attentions`` of the encoder.
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
        logits = self.classifier(self.dropout(encoded.last_hidden_state[:, 1:]))
        loss = None
        if labels is not None and compute_loss:
            check_patch_vector("labels", labels, logits, logits.shape[1])
            total, count = label_loss(logits, labels)
            loss = total / count.clamp(min=1)
        return TokenClassifierOutput(
            loss=loss, logits=logits, hidden_states=encoded.hidden_states, attentions=encoded.attentions
        )
