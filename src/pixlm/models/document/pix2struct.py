"""Pix2Struct: pixels only. The prompt is drawn on the page, whose patches keep its aspect (Lee et al. 2023)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import Pix2StructConfig, Pix2StructForConditionalGeneration, PreTrainedModel

from pixlm.models.document.base import DocumentModel


class Pix2StructModel(DocumentModel, Pix2StructForConditionalGeneration):
    """Inputs are ``flattened_patches`` [B, N, 2 + P * P * C] (row and column from 1, 0 for padding, then the pixels)
    and ``attention_mask`` [B, N]."""

    config_class = Pix2StructConfig

    @property
    def image_encoder(self) -> PreTrainedModel:
        return self.encoder

    @property
    def text_decoder(self) -> PreTrainedModel:
        return self.decoder

    def encode(self, flattened_patches: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.encoder(flattened_patches=flattened_patches, attention_mask=attention_mask).last_hidden_state
        return hidden, attention_mask

    def generate(self, decoder_input_ids: Tensor, **options: Any) -> Any:
        return super().generate(decoder_input_ids=decoder_input_ids, **options)

    @torch.no_grad()
    def _init_weights(self, module: torch.nn.Module) -> None:
        # The vision part's own initializer_range (1e-10) is for weights that a checkpoint replaces; drawn afresh, it
        # would leave its linear layers at zero.
        super()._init_weights(module)
