"""Writing checkpoints that the original PIXEL code loads: its class names, parameter names, files and config keys.

Reading needs no conversion: parameter names are shared, and what upstream's checkpoints hold beyond what our models
use is left aside. Here it is put back, as upstream's own constructors would.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from torch import Tensor
from transformers import PreTrainedModel

from pixlm.errors import UsageError

from .pixel import (
    PixelEncoder,
    PixelForDependencyParsing,
    PixelForPreTraining,
    PixelForQuestionAnswering,
    PixelForSequenceClassification,
    PixelForTokenClassification,
    PixelModel,
)
from .pixel.config import PixelConfig, PoolingMode, PositionType
from .token_parsing import TokenForDependencyParsing
from .weights import saving

UPSTREAM_CLASSES: dict[str, type[PreTrainedModel]] = {
    "PIXELModel": PixelModel,
    "ViTModel": PixelEncoder,
    "PIXELForPreTraining": PixelForPreTraining,
    "PIXELForTokenClassification": PixelForTokenClassification,
    "PIXELForSequenceClassification": PixelForSequenceClassification,
    "InterpretablePIXELForSequenceClassification": PixelForSequenceClassification,
    "PIXELForQuestionAnswering": PixelForQuestionAnswering,
    "PIXELForBiaffineParsing": PixelForDependencyParsing,
}
"""Upstream's names of the model classes."""

_TOKEN_CLASSES = {"bert": "BertForBiaffineParsing", "roberta": "RobertaForBiaffineParsing"}
# Keys of a config.json, in upstream's words.
# fmt: off
_PIXEL_KEYS = (
    "attention_probs_dropout_prob", "decoder_hidden_size", "decoder_intermediate_size",
    "decoder_num_attention_heads", "decoder_num_hidden_layers", "hidden_act", "hidden_dropout_prob", "hidden_size",
    "image_size", "initializer_range", "intermediate_size", "layer_norm_eps", "mask_ratio", "model_type",
    "norm_pix_loss", "num_attention_heads", "num_channels", "num_hidden_layers", "patch_size", "qkv_bias",
)
# fmt: on
# fmt: off
_TOKEN_KEYS = (
    "attention_probs_dropout_prob", "bos_token_id", "classifier_dropout", "eos_token_id", "hidden_act",
    "hidden_dropout_prob", "hidden_size", "initializer_range", "intermediate_size", "layer_norm_eps",
    "max_position_embeddings", "model_type", "num_attention_heads", "num_hidden_layers", "pad_token_id",
    "type_vocab_size", "use_cache", "vocab_size",
)
# fmt: on
# Upstream's parser takes this number for padding in word starts and labels.
_PADDING = -100


def save_upstream(model: PreTrainedModel, folder: Path) -> None:
    """Write ``config.json`` and ``pytorch_model.bin`` for the original code.

    Raises:
        UsageError: the model has something that upstream's code does not know.
        RunError: the disk is full, or the like.
    """
    config, weights = upstream_checkpoint(model)
    with saving(folder):
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / ".pytorch_model.bin.partial"
        torch.save(weights, aside)
        aside.replace(folder / "pytorch_model.bin")
        text = json.dumps(config, indent=2, sort_keys=True) + "\n"
        (folder / "config.json").write_text(text, encoding="utf-8")


def upstream_checkpoint(model: PreTrainedModel) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """(config.json, named tensors) as upstream's code writes them; float32, on the CPU.

    Raises:
        UsageError: see :func:`save_upstream`.
    """
    weights = {name: value.detach().float().cpu().contiguous() for name, value in model.state_dict().items()}
    if isinstance(model, TokenForDependencyParsing):
        return _token_config(model), _with_position_ids(model, weights)
    if type(model) not in UPSTREAM_CLASSES.values():
        raise UsageError(f"upstream's code has no counterpart of {type(model).__name__}")
    config = cast(PixelConfig, model.config)
    _check_expressible(model, config)
    if config.num_channels == 1:
        weights = _in_colour(weights, config)
    weights |= {name: value for name, value in _unused(model, config).items() if name not in weights}
    return _pixel_config(model, config), weights


def _check_expressible(model: PreTrainedModel, config: PixelConfig) -> None:
    problem = None
    if config.position_embedding_type != PositionType.SINCOS:
        problem = f"position_embedding_type {config.position_embedding_type!r}"
    elif config.extend_positions == "linear":
        problem = 'extend_positions "linear" (pixlm.models.resize_positions stores a longer table instead)'
    elif config.mask_padding and config.pooling_mode == PoolingMode.PMA:
        problem = "attention pooling with mask_padding"
    elif (
        isinstance(model, PixelModel | PixelForPreTraining)
        and math.isqrt(config.num_patches) ** 2 != config.num_patches
    ):
        problem = f"{config.num_patches} positions in a {type(model).__name__}, which must be a square number there"
    if problem:
        raise UsageError(f"upstream's code cannot load this model: it does not know {problem}")


def _unused(model: PreTrainedModel, config: PixelConfig) -> dict[str, Tensor]:
    """What upstream's classes hold without using it, freshly initialised as they do."""
    width = config.hidden_size
    layers: dict[str, tuple[int, int]] = {}
    if isinstance(model, PixelForQuestionAnswering):
        layers["classifier"] = (2, width)
    if isinstance(model, PixelForDependencyParsing):
        layers["classifier"] = (model.biaffine_rels.weight.shape[0], width)
    if isinstance(model, PixelForSequenceClassification):
        layers["pooler.linear"] = (width, width)
    generator = torch.Generator().manual_seed(0)
    tensors: dict[str, Tensor] = {}
    for name, shape in layers.items():
        tensors[f"{name}.weight"] = torch.randn(shape, generator=generator) * config.initializer_range
        tensors[f"{name}.bias"] = torch.zeros(shape[0])
    if isinstance(model, PixelForSequenceClassification):
        tensors |= {"pooler.ln.weight": torch.ones(width), "pooler.ln.bias": torch.zeros(width)}
    return tensors


def _in_colour(weights: dict[str, Tensor], config: PixelConfig) -> dict[str, Tensor]:
    """A grey model's weights for three channels: the same outputs for grey input, the same pixels in each channel."""
    changed = dict(weights)
    for name, value in weights.items():
        if name.endswith("patch_embeddings.projection.weight"):
            changed[name] = value.expand(-1, 3, -1, -1) / 3
        elif name.startswith("decoder.decoder_pred."):
            changed[name] = value.repeat_interleave(3, dim=0)  # channels are the fastest dimension of a patch
    return changed


def _pixel_config(model: PreTrainedModel, config: PixelConfig) -> dict[str, Any]:
    name = next(name for name, kind in UPSTREAM_CLASSES.items() if kind is type(model))
    written = {key: getattr(config, key) for key in _PIXEL_KEYS}
    written |= {"num_channels": 3, **_common(name)}
    if not isinstance(model, PixelModel | PixelForPreTraining | PixelEncoder):
        written["interpolate_pos_encoding"] = config.extend_positions == "upstream"
        written |= _labels(config)
    if isinstance(model, PixelForDependencyParsing):
        written["pad_token_id"] = _PADDING
    return written


def _token_config(model: TokenForDependencyParsing) -> dict[str, Any]:
    config = model.config
    if config.model_type not in _TOKEN_CLASSES:
        raise UsageError(f"upstream's code has no parser for models of type {config.model_type!r}")
    known = config.to_dict()
    written = {key: known[key] for key in _TOKEN_KEYS if key in known}
    written |= {"position_embedding_type": "absolute", **_common(_TOKEN_CLASSES[config.model_type]), **_labels(config)}
    if config.model_type == "bert":
        written["pad_token_id"] = _PADDING
        del written["bos_token_id"], written["eos_token_id"]
    return written


def _common(name: str) -> dict[str, Any]:
    return {"architectures": [name], "torch_dtype": "float32", "transformers_version": transformers.__version__}


def _labels(config: Any) -> dict[str, Any]:
    more = {key: getattr(config, key, None) for key in ("problem_type", "finetuning_task")}
    written = {key: value for key, value in more.items() if value is not None}
    if config.num_labels != 2 or set(config.label2id) != {"LABEL_0", "LABEL_1"}:
        written |= {"id2label": {str(key): name for key, name in config.id2label.items()}, "label2id": config.label2id}
    return written


def _with_position_ids(model: TokenForDependencyParsing, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """transformers of 2022 stored a table of the numbers 0, 1, 2, ..."""
    positions = torch.arange(model.config.max_position_embeddings)[None]
    return {f"{model.base_model_prefix}.embeddings.position_ids": positions, **weights}
