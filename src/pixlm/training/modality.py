"""What fine-tuning a causal model (PixelGPT, TextGPT) settles besides: what it reads text as, and its tokens."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig, PreTrainedModel

from pixlm import hub
from pixlm.data.encoders import InputEncoder
from pixlm.errors import UsageError
from pixlm.models import PixelGPTConfig
from pixlm.models.heads import CAUSAL
from pixlm.tasks.objectives.causal import sides_of
from pixlm.training.config import FinetuneConfig


def settle_modality(config: FinetuneConfig, model_config: PretrainedConfig) -> None:
    """Note in a PixelGPT model's configuration how it reads text.

    Raises:
        UsageError: settings for other models than this one.
    """
    causal = model_config.model_type in CAUSAL
    if causal and config.train.packing == "on":
        raise UsageError(f"--train.packing on: rows of {config.model} hold one text each; leave it out")
    if (
        config.tokenizer is not None
        and not (causal and _is_new(config.model))
        and model_config.model_type != "ernie-pixel"
    ):
        raise UsageError(f"--tokenizer is for PixelGPT and for new causal models; {config.model} has its own")
    if not isinstance(model_config, PixelGPTConfig):
        if config.render.mode is not None:
            raise UsageError(f"--render.mode is for PixelGPT, and {config.model} is none")
        return
    model_config.modality = config.modality or model_config.modality or "pixel"
    if model_config.modality == "text":
        return
    mode = config.render.mode
    if mode is not None:
        model_config.render_mode = mode
        if mode != "rgb":
            model_config.num_channels = 1
        elif model_config.num_channels == 1 and not _is_new(config.model):
            raise UsageError(f"--render.mode rgb: {config.model} reads one channel")
        else:
            model_config.num_channels = 3


def encoder_options(config: FinetuneConfig) -> dict[str, Any]:
    """What :func:`pixlm.hub.load_encoder` is told besides."""
    return {"modality": config.modality, "mode": config.render.mode}


def settle_tokens(config: FinetuneConfig, model_config: PretrainedConfig, encoder: InputEncoder) -> None:
    """A new causal model gets rows for the tokens that there are."""
    tokens = sides_of(encoder)[1]
    if model_config.model_type in CAUSAL and tokens is not None and _is_new(config.model):
        model_config.vocab_size = len(tokens.tokenizer)


def note_padding(model: PreTrainedModel, encoder: InputEncoder) -> None:
    """Tell a loaded causal classifier which token is padding: transformers' Llama looks for it.

    Not before loading, which would take a row of the table out of training.
    """
    tokens = sides_of(encoder)[1]
    if model.config.model_type in CAUSAL and tokens is not None:
        model.config.pad_token_id = tokens.tokenizer.pad_token_id


def _is_new(name: str) -> bool:
    return isinstance(hub.resolve(name, weights=False), PretrainedConfig)
