"""From the tensors of a checkpoint to a model of any class of the family, with every misfit named."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from pixlm.errors import UsageError

from ..weights import read_weights
from .base import PixelPreTrainedModel
from .config import PixelConfig
from .encoder import PixelEncoder
from .masked_encoder import PixelModel
from .positions import positions_for
from .sequence_classification import PixelForSequenceClassification, pooling_in

Model = TypeVar("Model", bound=PixelPreTrainedModel)
_PREFIX = "vit."
_POSITION_TABLES = ("embeddings.position_embeddings", "decoder.decoder_pos_embed")


def load_checkpoint(folder: Path, model_class: type[Model], config: PixelConfig, *, new_head: bool) -> Model:
    """A model in float32 on the CPU, from the weights in ``folder``.

    What the class has no use for is left aside. Position tables are cut or lengthened to ``config.image_size``.

    Args:
        new_head: the head (all but encoder and decoder) may start fresh where the checkpoint has none that fits.

    Raises:
        UsageError: the weights cannot be read, lack a parameter, or have another shape; names file or parameter.
    """
    weights = _renamed(read_weights(folder), model_class)
    if issubclass(model_class, PixelForSequenceClassification) and config.pooling_mode is None and not new_head:
        config.pooling_mode = pooling_in(weights, str(folder))
    options: dict[str, Any] = {}
    if issubclass(model_class, PixelEncoder):  # the configuration does not say what a bare encoder has
        options["add_pooling_layer"] = "pooler.dense.weight" in weights
        options["use_mask_token"] = "embeddings.mask_token" in weights
    with torch.device("meta"):
        expected = model_class(config, **options).state_dict()
    fitting = {}
    missing = []
    for name, parameter in expected.items():
        value = weights.get(name)
        optional = new_head and _in_head(name, model_class)
        if value is None:
            if not optional:
                missing.append(name)
            continue
        if name.endswith(_POSITION_TABLES) and value.ndim == 3 and value.shape[1] != parameter.shape[1]:
            height, width = (side // config.patch_size for side in config.image_size)
            value = positions_for(value.float(), (height, width), config.extend_positions)
        if value.shape == parameter.shape:
            fitting[name] = value
        elif not optional:
            raise UsageError(
                f"{folder}: {name} has the shape {list(value.shape)}, "
                f"but the configuration asks for {list(parameter.shape)}"
            )
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        reason = ": it was saved without a decoder" if all(name.startswith("decoder.") for name in missing) else ""
        raise UsageError(f"the weights in {folder} lack {missing[0]}{more}{reason}")
    model: Model = model_class.from_pretrained(None, config=config, state_dict=fitting, dtype=torch.float32, **options)
    return model


def _renamed(weights: dict[str, Tensor], model_class: type[PixelPreTrainedModel]) -> dict[str, Tensor]:
    """Encoder weights named as the class names them: under ``vit.`` in a head, without it in a bare encoder."""
    bare = issubclass(model_class, PixelModel | PixelEncoder)
    prefixed = any(key.startswith(_PREFIX) for key in weights)
    if bare and prefixed:
        return {key.removeprefix(_PREFIX): value for key, value in weights.items() if key.startswith(_PREFIX)}
    if not bare and not prefixed:
        return {_PREFIX + key: value for key, value in weights.items()}
    return weights


def _in_head(name: str, model_class: type[PixelPreTrainedModel]) -> bool:
    if issubclass(model_class, PixelModel | PixelEncoder):
        return False
    return name.startswith(_PREFIX + "pooler.") or not name.startswith((_PREFIX, "decoder."))
