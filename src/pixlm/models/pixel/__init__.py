"""PIXEL: a vision transformer on strips of rendered text, and its heads."""

from .base import PixelPreTrainedModel
from .config import PixelConfig
from .encoder import PixelEncoder
from .masked_encoder import PixelModel, PixelModelOutput
from .patches import patchify, predicted_pixels, reconstruction_loss, unpatchify
from .positions import sincos_table
from .pretraining import PixelForPreTraining, PixelForPreTrainingOutput
from .resize import resize_positions
from .token_classification import PixelForTokenClassification, label_loss

__all__ = [
    "PixelConfig",
    "PixelEncoder",
    "PixelForPreTraining",
    "PixelForPreTrainingOutput",
    "PixelForTokenClassification",
    "PixelModel",
    "PixelModelOutput",
    "PixelPreTrainedModel",
    "label_loss",
    "patchify",
    "predicted_pixels",
    "reconstruction_loss",
    "resize_positions",
    "sincos_table",
    "unpatchify",
]
