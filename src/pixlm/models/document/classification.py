"""Classes of pages from the image encoder alone: pixparse's cross-entropy fine-tuning, for all three architectures."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from transformers import AutoModel, Pix2StructConfig, Pix2StructVisionModel, PreTrainedModel, VisionEncoderDecoderConfig
from transformers.modeling_outputs import SequenceClassifierOutput

from pixlm.models.document.pali import PaliConfig
from pixlm.models.document.positions import start_coordinates
from pixlm.models.document.vision import PageVisionModel, size_options


class PageClassifier(PreTrainedModel):
    """An image encoder and a linear layer; the encoder has the same name as in the model that writes, whose
    checkpoints therefore load.

    The layer reads the class token of a :class:`PageVisionModel` (as pixparse does), of other encoders the mean vector.
    """

    tower: ClassVar[str] = "encoder"
    main_input_name = "pixel_values"
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: Any):
        super().__init__(config)
        setattr(self, self.tower, self._make_tower(config))
        self.classifier = nn.Linear(self.image_encoder.config.hidden_size, config.num_labels)
        self.post_init()

    @property
    def image_encoder(self) -> PreTrainedModel:
        found: PreTrainedModel = getattr(self, self.tower)
        return found

    @staticmethod
    def _make_tower(config: Any) -> PreTrainedModel:
        options = {"add_pooling_layer": False} if config.encoder.model_type == "vit" else {}
        tower: PreTrainedModel = AutoModel.from_config(config.encoder, **options)
        return tower

    def forward(self, pixel_values: Tensor, **_: Any) -> SequenceClassifierOutput:
        """Logits [B, labels] of pages [B, C, H, W]."""
        tower = self.image_encoder
        hidden = tower(pixel_values=pixel_values, **size_options(tower, pixel_values)).last_hidden_state
        pooled = hidden[:, 0] if isinstance(tower, PageVisionModel) else hidden.mean(1)
        return SequenceClassifierOutput(logits=self.classifier(pooled))


class DonutForClassification(PageClassifier):
    """Of Donut and Cruller."""

    config_class = VisionEncoderDecoderConfig
    base_model_prefix = "vision_encoder_decoder"


class PaliForClassification(PageClassifier):
    """Of PaLI: its vision transformer."""

    config_class = PaliConfig
    base_model_prefix = ""
    tower = "vision_model"

    @staticmethod
    def _make_tower(config: Any) -> PreTrainedModel:
        tower: PreTrainedModel = AutoModel.from_config(config.vision_config)
        return tower


class Pix2StructForClassification(PageClassifier):
    """Of Pix2Struct: the mean over its patches."""

    config_class = Pix2StructConfig
    base_model_prefix = "pix2struct"
    main_input_name = "flattened_patches"

    def __init__(self, config: Any):
        super().__init__(config)
        start_coordinates(self.image_encoder)

    @staticmethod
    def _make_tower(config: Any) -> PreTrainedModel:
        return Pix2StructVisionModel(config.vision_config)

    def forward(  # type: ignore[override]
        self, flattened_patches: Tensor, attention_mask: Tensor, **_: Any
    ) -> SequenceClassifierOutput:
        """Logits [B, labels] of patches [B, N, 2 + values] and their mask [B, N]."""
        tower = self.image_encoder
        hidden = tower(flattened_patches=flattened_patches, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[..., None].to(hidden.dtype)
        return SequenceClassifierOutput(logits=self.classifier((hidden * mask).sum(1) / mask.sum(1).clamp(min=1)))
