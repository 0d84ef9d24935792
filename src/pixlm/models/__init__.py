"""Models: patches -> predictions. A folder per family, one short file per part; :mod:`.presets` names architectures."""

from .pixel import (
    PixelConfig,
    PixelEncoder,
    PixelForPreTraining,
    PixelForPreTrainingOutput,
    PixelForTokenClassification,
    PixelModel,
    PixelModelOutput,
    PixelPreTrainedModel,
    label_loss,
    patchify,
    predicted_pixels,
    reconstruction_loss,
    resize_positions,
    sincos_table,
    unpatchify,
)
from .presets import PRESETS, preset

__all__ = [
    "PRESETS",
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
    "preset",
    "reconstruction_loss",
    "resize_positions",
    "sincos_table",
    "unpatchify",
]
