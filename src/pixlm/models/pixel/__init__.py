"""PIXEL: a vision transformer on strips of rendered text, and its heads."""

from .base import PixelPreTrainedModel
from .config import PixelConfig, PoolingMode, PositionType
from .dependency_parsing import PixelForDependencyParsing
from .encoder import PixelEncoder, PixelEncoderOutput
from .masked_encoder import PixelModel, PixelModelOutput
from .patches import patchify, predicted_pixels, reconstruction_loss, target_patches, unpatchify
from .positions import sincos_table
from .pretraining import PixelForPreTraining, PixelForPreTrainingOutput
from .question_answering import PixelForQuestionAnswering
from .resize import resize_positions
from .sequence_classification import PixelForSequenceClassification
from .token_classification import PixelForTokenClassification

__all__ = [
    "PixelConfig",
    "PixelEncoder",
    "PixelEncoderOutput",
    "PixelForDependencyParsing",
    "PixelForPreTraining",
    "PixelForPreTrainingOutput",
    "PixelForQuestionAnswering",
    "PixelForSequenceClassification",
    "PixelForTokenClassification",
    "PixelModel",
    "PixelModelOutput",
    "PixelPreTrainedModel",
    "PoolingMode",
    "PositionType",
    "patchify",
    "predicted_pixels",
    "reconstruction_loss",
    "resize_positions",
    "sincos_table",
    "target_patches",
    "unpatchify",
]
