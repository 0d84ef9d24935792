"""Text encoders of transformers as baselines (BERT, RoBERTa, XLM-R and so on): configuration and weights.

Nothing of a checkpoint is executed, and no network is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    PretrainedConfig,
    PreTrainedModel,
)

from pixlm.errors import UsageError

from .weights import load_pretrained

Model = TypeVar("Model", bound=PreTrainedModel)


def is_text_model(model_type: str) -> bool:
    """Whether transformers knows ``model_type`` as a model that can label the units of a text."""
    return model_type in CONFIG_MAPPING and CONFIG_MAPPING[model_type] in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING


def token_config(model_type: str, fields: dict[str, Any]) -> PretrainedConfig:
    """The configuration of a text encoder from the fields of its file; UsageError where they do not fit."""
    fields = {key: value for key, value in fields.items() if key != "auto_map"}  # names code to be run
    try:
        config: PretrainedConfig = CONFIG_MAPPING[model_type](**fields)
    except Exception as error:  # transformers checks fields in several ways, with exceptions of its own
        raise UsageError(f"not the configuration of a {model_type} model: {_one_line(error)}") from error
    return config


def load_token_checkpoint(
    folder: Path,
    model_class: type[Model],
    config: PretrainedConfig,
    *,
    new_head: bool,
    weights: dict[str, Tensor] | None = None,
) -> Model:
    """A text model in float32 on the CPU, from the weights in ``folder``; what the class has no use for is left aside.

    Args:
        weights: instead of those in the folder.
        new_head: the head, a pooler included, may start fresh where the checkpoint has none that fits.

    Raises:
        UsageError: the weights cannot be read, lack a parameter of the encoder, or have another shape; names it.
    """
    return load_pretrained(
        folder,
        model_class,
        config,
        weights=weights,
        may_start_fresh=lambda name, model: _may_start_fresh(name, model, new_head),
    )


def _may_start_fresh(name: str, model: PreTrainedModel, new_head: bool) -> bool:
    inner = name.removeprefix(f"{model.base_model_prefix}.")
    if model.base_model is model:
        return inner.startswith("pooler.")  # models saved with another head may be without one
    return new_head and (inner == name or inner.startswith("pooler."))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
