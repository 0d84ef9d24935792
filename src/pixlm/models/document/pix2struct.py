"""Pix2Struct: pixels only. The prompt is drawn on the page, whose patches keep its aspect (Lee et al. 2023)."""

from __future__ import annotations

from torch import Tensor
from transformers import Pix2StructConfig, Pix2StructForConditionalGeneration, PreTrainedModel

from pixlm.models.document.base import DocumentModel
from pixlm.models.document.positions import start_coordinates


class Pix2StructModel(DocumentModel, Pix2StructForConditionalGeneration):
    """Inputs are ``flattened_patches`` [B, N, 2 + P * P * C] (row and column from 1, 0 for padding, then the pixels)
    and ``attention_mask`` [B, N]."""

    config_class = Pix2StructConfig

    def __init__(self, config: Pix2StructConfig):
        super().__init__(config)
        start_coordinates(self.encoder)

    @property
    def image_encoder(self) -> PreTrainedModel:
        return self.encoder

    @property
    def text_decoder(self) -> PreTrainedModel:
        return self.decoder

    def generation(self, inputs: dict[str, Tensor]) -> tuple[PreTrainedModel, dict[str, Tensor | bool]]:
        return self, {**inputs}
