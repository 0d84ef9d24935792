"""Dependency parsing: the head of each word and its relation, from biaffine scores."""

from __future__ import annotations

from torch import Tensor, nn
from transformers.utils import can_return_tuple

from ..biaffine import Biaffine, DependencyParserOutput, parsing_loss, score_words
from .base import PixelPreTrainedModel
from .config import PixelConfig
from .encoder import PixelEncoder


class PixelForDependencyParsing(PixelPreTrainedModel):
    """The encoder with biaffine scorers over words: a word is the mean of its patches, the root is the pooled CLS.

    ``config.num_labels`` is the number of relations. With ``config.mask_padding`` only words are candidate heads.
    """

    def __init__(self, config: PixelConfig) -> None:
        super().__init__(config)
        self.vit = PixelEncoder(config, add_pooling_layer=True)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        assert config.num_labels is not None
        self.biaffine_arcs = Biaffine(config.hidden_size, 1, bias_y=False)
        self.biaffine_rels = Biaffine(config.hidden_size, config.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        word_starts: Tensor | None = None,
        arc_labels: Tensor | None = None,
        rel_labels: Tensor | None = None,
        head_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        text_slots: Tensor | None = None,
        compute_loss: bool = True,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> DependencyParserOutput:
        """Score heads and relations. Inputs as in :meth:`PixelEncoder.forward`, packed rows included.

        Args:
            word_starts: [B, W + 1], see :func:`~pixlm.models.biaffine.word_vectors`. W need only hold the longest
                text of the batch (upstream takes W = N).
            arc_labels: [B, W], see :func:`~pixlm.models.biaffine.parsing_loss`.
            rel_labels: [B, W], likewise. The loss is the mean of its sum over the labelled words.
            compute_loss: False leaves ``loss`` out, for a caller who wants (sum, count).
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
        arc_logits, rel_logits = score_words(
            self.biaffine_arcs,
            self.biaffine_rels,
            self.dropout(encoded.last_hidden_state[:, 1:]),
            encoded.pooler_output,
            word_starts,
            mask_padding=self.config.mask_padding,
        )
        loss = None
        if arc_labels is not None and rel_labels is not None and compute_loss:
            total, count = parsing_loss(arc_logits, rel_logits, arc_labels, rel_labels)
            loss = total / count.clamp(min=1)
        return DependencyParserOutput(
            loss=loss,
            arc_logits=arc_logits,
            rel_logits=rel_logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
