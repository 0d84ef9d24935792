"""One label per patch: POS tagging, named entities."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from transformers.modeling_outputs import TokenClassifierOutput
from transformers.utils import can_return_tuple

from .base import PixelPreTrainedModel, check_patch_vector
from .config import PixelConfig
from .encoder import PixelEncoder

IGNORED_LABEL = -100


def label_loss(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Sum and count of the cross entropies over labels that are not -100; (0, 0) if there are none.

    Args:
        logits: [..., classes].
        labels: [...], integers.

    Returns:
        (sum, count), float32 scalars.
    """
    labels = labels.long()
    total = F.cross_entropy(
        logits.flatten(0, -2).float(), labels.flatten(), ignore_index=IGNORED_LABEL, reduction="sum"
    )
    return total, (labels != IGNORED_LABEL).sum().float()


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
        compute_loss: bool = True,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> TokenClassifierOutput:
        """Classify patches.

        Args:
            pixel_values: [B, 1 or 3, H, W], uint8 or float in [0, 1]; N = patches of the grid.
            attention_mask: [B, N], 1 = text and its closing black patch; None = all ones.
            labels: [B, N], -100 = no label. The loss is the mean over the labels in the batch; 0 if there are none.
            head_mask: [heads] or [layers, heads], 1 = keep.
            compute_loss: False leaves ``loss`` out, for a caller who wants :func:`label_loss` as (sum, count).

        Returns:
            ``loss``, ``logits`` [B, N, labels]; on request ``hidden_states`` and ``attentions`` of the encoder.
        """
        encoded = self.vit(
            pixel_values,
            attention_mask,
            head_mask=head_mask,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
            return_dict=True,
        )
        logits = self.classifier(self.dropout(encoded.last_hidden_state[:, 1:]))
        loss = None
        if labels is not None and compute_loss:
            check_patch_vector("labels", labels, pixel_values, logits.shape[1])
            total, count = label_loss(logits, labels)
            loss = total / count.clamp(min=1)
        return TokenClassifierOutput(
            loss=loss, logits=logits, hidden_states=encoded.hidden_states, attentions=encoded.attentions
        )
