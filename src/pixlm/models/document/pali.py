"""PaLI-style models: visual tokens and an embedded prompt read by a text encoder-decoder (Chen et al. 2022, section 3).

The image goes through a vision transformer without pooling, a linear projection brings its vectors to the width of the
text model, and they stand before the embedded prompt in what the text encoder (T5, mT5 ...) reads. The decoder attends
to the encoder's output as in any text model.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForSeq2SeqLM,
    PretrainedConfig,
    PreTrainedModel,
)

from pixlm.errors import UsageError
from pixlm.models.document.base import DocumentModel
from pixlm.models.document.vision import size_options


class PaliConfig(PretrainedConfig):
    """The two parts; each a configuration of transformers, or its fields with their ``model_type``.

    Raises:
        UsageError: a part whose ``model_type`` transformers does not know.
    """

    model_type = "pali"
    sub_configs: ClassVar[dict[str, Any]] = {"vision_config": AutoConfig, "text_config": AutoConfig}

    def __init__(self, vision_config: Any = None, text_config: Any = None, **fields: Any):
        self.vision_config = _part(vision_config or {"model_type": "siglip_vision_model", "vision_use_head": False})
        self.text_config = _part(text_config or {"model_type": "mt5"})
        fields["is_encoder_decoder"] = True
        fields["tie_word_embeddings"] = False  # the text part ties its own
        for name in ("pad_token_id", "eos_token_id", "bos_token_id", "decoder_start_token_id"):
            fields.setdefault(name, getattr(self.text_config, name, None))
        super().__init__(**fields)

    @property
    def vocab_size(self) -> int:
        """Of the text part."""
        return int(self.text_config.vocab_size)


def _part(given: Any) -> PretrainedConfig:
    if isinstance(given, PretrainedConfig):
        return given
    fields = dict(given)
    model_type = fields.pop("model_type", None)
    if model_type not in CONFIG_MAPPING:
        raise UsageError(f"a part of the model is of type {model_type!r}, which transformers does not know")
    return CONFIG_MAPPING[model_type](**fields)


class PaliModel(DocumentModel, PreTrainedModel):
    """See the module.

    Inputs are ``pixel_values`` [B, C, H, W], and the prompt as ``input_ids`` and ``attention_mask`` [B, T].
    """

    config_class = PaliConfig
    base_model_prefix = ""
    main_input_name = "pixel_values"
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: PaliConfig):
        super().__init__(config)
        self.vision_model = AutoModel.from_config(config.vision_config)
        self.projection = nn.Linear(config.vision_config.hidden_size, config.text_config.hidden_size)
        self.text_model = AutoModelForSeq2SeqLM.from_config(config.text_config)
        self.post_init()

    @property
    def image_encoder(self) -> PreTrainedModel:
        return self.vision_model

    @property
    def text_decoder(self) -> PreTrainedModel:
        return self.text_model

    def get_input_embeddings(self) -> nn.Module:
        return self.text_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.text_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        return self.text_model.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.text_model.set_output_embeddings(new_embeddings)

    def read(self, pixel_values: Tensor, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """What the text encoder reads: vectors [B, N + T, D] and their mask [B, N + T]."""
        seen = self.vision_model(pixel_values, **size_options(self.vision_model, pixel_values)).last_hidden_state
        visual = self.projection(seen)
        words = self.get_input_embeddings()(input_ids)
        mask = torch.cat([attention_mask.new_ones(visual.shape[:2]), attention_mask], dim=1)
        return torch.cat([visual, words.to(visual.dtype)], dim=1), mask

    def forward(
        self, pixel_values: Tensor, input_ids: Tensor, attention_mask: Tensor, decoder_input_ids: Tensor, **_: Any
    ) -> Any:
        """A ``Seq2SeqLMOutput`` with logits [B, U, V] for decoder_input_ids [B, U]."""
        embeds, mask = self.read(pixel_values, input_ids, attention_mask)
        return self.text_model(
            inputs_embeds=embeds, attention_mask=mask, decoder_input_ids=decoder_input_ids, use_cache=False
        )

    def generation(self, inputs: dict[str, Tensor]) -> tuple[PreTrainedModel, dict[str, Tensor | bool]]:
        embeds, mask = self.read(**inputs)
        return self.text_model, {"inputs_embeds": embeds, "attention_mask": mask}


AutoConfig.register(PaliConfig.model_type, PaliConfig, exist_ok=True)
AutoModel.register(PaliConfig, PaliModel, exist_ok=True)
