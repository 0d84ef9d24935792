"""Donut-style models: an image encoder, and a text decoder that is told the task by its first tokens (Kim et al. 2022).

transformers' ``VisionEncoderDecoderModel``, in whose layout checkpoints are read and written, with any image encoder
that gives a sequence of vectors (DonutSwin, Swin, ViT, SigLIP, :mod:`.vision`) and any decoder with cross-attention
(mBART, BART). pixparse's "Cruller" is one of them.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import AutoModel, PreTrainedModel, VisionEncoderDecoderConfig, VisionEncoderDecoderModel

from pixlm.models.document.base import DocumentModel
from pixlm.models.document.vision import size_options


class DonutModel(DocumentModel, VisionEncoderDecoderModel):
    """Input is ``pixel_values`` [B, C, H, W]."""

    config_class = VisionEncoderDecoderConfig

    def __init__(self, config: Any = None, encoder: Any = None, decoder: Any = None):
        if config is not None and encoder is None and config.encoder.model_type == "vit":
            # With its pooler there would be parameters that no gradient reaches.
            encoder = AutoModel.from_config(config.encoder, add_pooling_layer=False)
        super().__init__(config=config, encoder=encoder, decoder=decoder)

    @property
    def image_encoder(self) -> PreTrainedModel:
        return self.encoder

    @property
    def text_decoder(self) -> PreTrainedModel:
        return self.decoder

    def forward(self, pixel_values: Tensor | None = None, **options: Any) -> Any:
        if pixel_values is not None:
            options |= size_options(self.encoder, pixel_values)
        return super().forward(pixel_values=pixel_values, **options)

    def generation(self, inputs: dict[str, Tensor]) -> tuple[PreTrainedModel, dict[str, Tensor | bool]]:
        return self, {**inputs, **size_options(self.encoder, inputs["pixel_values"])}


def donut_config(vision: dict[str, Any], text: dict[str, Any]) -> VisionEncoderDecoderConfig:
    """From the fields of both parts, each with its ``model_type``."""
    text = {"is_decoder": True, "add_cross_attention": True, "use_cache": True, "is_encoder_decoder": False, **text}
    # transformers sizes the cache by num_hidden_layers, which for BART is the encoder's number of layers.
    text.setdefault("encoder_layers", text.get("decoder_layers", 12))
    return VisionEncoderDecoderConfig(encoder=vision, decoder=text)
