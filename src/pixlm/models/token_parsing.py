"""The text twin of the pixel parser, for baselines: the same biaffine scorers on BERT, RoBERTa or XLM-R."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.utils import can_return_tuple

from pixlm.errors import UsageError

from .biaffine import Biaffine, DependencyParserOutput, parsing_loss, score_words

PREFIXES = {"bert": "bert", "roberta": "roberta", "xlm-roberta": "roberta"}
"""Under which name a parser holds its encoder, by ``model_type``: as transformers' other heads do."""


class TokenForDependencyParsing(PreTrainedModel):
    """A token encoder with biaffine scorers over words: a word is the mean of its tokens, the root is the pooled CLS.

    ``config`` is the encoder's own, with ``num_labels`` relations; ``config.mask_padding`` as in :class:`PixelConfig`.
    """

    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _keys_to_ignore_on_load_unexpected = [  # noqa: RUF012 - transformers' type
        r"^cls\.",
        r"^lm_head\.",
        r"^classifier\.",
        r"^qa_outputs\.",
        r"embeddings\.position_ids$",
    ]

    def __init__(self, config: PretrainedConfig) -> None:
        if config.model_type not in PREFIXES:
            raise UsageError(
                f"no token parser for models of type {config.model_type!r}; there is one for {', '.join(PREFIXES)}"
            )
        super().__init__(config)
        self.base_model_prefix = PREFIXES[config.model_type]
        setattr(self, self.base_model_prefix, AutoModel.from_config(config))
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        assert config.num_labels is not None
        self.biaffine_arcs = Biaffine(config.hidden_size, 1, bias_y=False)
        self.biaffine_rels = Biaffine(config.hidden_size, config.num_labels)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, Biaffine):
            module.reset_parameters()

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """As in transformers; the configuration's class follows from its ``model_type``."""
        if kwargs.get("config") is None:
            shared = {
                key: kwargs[key] for key in ("revision", "cache_dir", "local_files_only", "token") if key in kwargs
            }
            labels = {key: kwargs.pop(key) for key in ("num_labels", "id2label", "label2id") if key in kwargs}
            kwargs["config"] = AutoConfig.from_pretrained(args[0], **shared, **labels)
        return super().from_pretrained(*args, **kwargs)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        word_starts: Tensor | None = None,
        arc_labels: Tensor | None = None,
        rel_labels: Tensor | None = None,
        compute_loss: bool = True,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> DependencyParserOutput:
        """Score heads and relations.

        Args:
            input_ids: the encoder's.
            attention_mask: the encoder's.
            token_type_ids: the encoder's.
            position_ids: the encoder's.
            inputs_embeds: the encoder's.
            word_starts: [B, W + 1], see :func:`~pixlm.models.biaffine.word_vectors`; units are all tokens, the first
                special one included, so that the first word usually starts at 1.
            arc_labels: [B, W], see :func:`~pixlm.models.biaffine.parsing_loss`.
            rel_labels: [B, W], likewise.
            compute_loss: False leaves ``loss`` out, for a caller who wants (sum, count).
        """
        encoded = getattr(self, self.base_model_prefix)(
            input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
            return_dict=True,
        )
        arc_logits, rel_logits = score_words(
            self.biaffine_arcs,
            self.biaffine_rels,
            self.dropout(encoded.last_hidden_state),
            encoded.pooler_output,
            word_starts,
            mask_padding=getattr(self.config, "mask_padding", False),
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
