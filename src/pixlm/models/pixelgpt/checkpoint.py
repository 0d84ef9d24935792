"""From the tensors of a checkpoint to a model of any class of the family, with every misfit named."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from torch import Tensor

from ..token_checkpoint import load_token_checkpoint
from ..weights import read_weights
from .config import PixelGPTConfig
from .model import PixelGPTPreTrainedModel

Model = TypeVar("Model", bound=PixelGPTPreTrainedModel)
_PROJECTION = "embed_patches.patch_embeddings.projection.weight"


def load_pixelgpt(folder: Path, model_class: type[Model], config: PixelGPTConfig, *, new_head: bool) -> Model:
    """A model in float32 on the CPU; arguments and errors as in
    :func:`~pixlm.models.token_checkpoint.load_token_checkpoint`.

    Of a colour projection a grey model takes the mean over the channels, as the published fine-tuning on grey and
    binary strips does.
    """
    weights = {name: _fitted(name, value, config) for name, value in read_weights(folder).items()}
    return load_token_checkpoint(folder, model_class, config, new_head=new_head, weights=weights)


def _fitted(name: str, value: Tensor, config: PixelGPTConfig) -> Tensor:
    if name.endswith(_PROJECTION) and value.ndim == 4 and value.shape[1] == 3 and config.num_channels == 1:
        return value.mean(dim=1, keepdim=True)
    return value
