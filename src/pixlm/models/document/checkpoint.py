"""Weights of document models: whole checkpoints in transformers' layout, and parts of one's own choice."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import PretrainedConfig, PreTrainedModel

from pixlm.errors import UsageError
from pixlm.models.document.base import DocumentModel, text_config
from pixlm.models.weights import load_pretrained, read_json, read_weights

Model = TypeVar("Model", bound=PreTrainedModel)


def load_document_checkpoint(
    folder: Path, model_class: type[Model], config: PretrainedConfig, *, new_head: bool
) -> Model:
    """A document model in float32 on the CPU, from the weights in ``folder``.

    new_head: a classifier may start fresh.

    Raises:
        UsageError: the weights cannot be read, lack a parameter, or have another shape; names it.
    """
    return load_pretrained(
        folder, model_class, config, may_start_fresh=lambda name, _: new_head and name.startswith("classifier.")
    )


def take_part(model: DocumentModel, which: str, folder: Path) -> list[str]:
    """Give the image encoder ("vision") or the text part ("text") of a new model the weights of a checkpoint.

    The checkpoint's own configuration does not matter, its shapes do: a decoder with fewer layers takes the first ones,
    and a vocabulary of another size is left as it is drawn. A text encoder-decoder (BART) gives its decoder to a model
    that has none but that.

    Returns:
        The names of the parameters that stay as they were drawn.

    Raises:
        UsageError: the weights cannot be read, or none of them fits.
    """
    part = model.image_encoder if which == "vision" else model.text_decoder
    weights = read_weights(folder)
    own = part.state_dict()
    prefixes = ("", "vision_model.", "vit.", "model.", "encoder.", "decoder.", "swin.", "donut.", "deit.")
    found = {name: _named(name, weights, prefixes) for name in own}
    if not any(value is not None for name, value in found.items() if _is_layer(name)):
        weights = _of_today(weights, part)
        found = {name: _named(name, weights, prefixes) for name in own}
    if which == "text":
        for name in own:
            if name.endswith(("embed_tokens.weight", "shared.weight", "lm_head.weight")) and found[name] is None:
                found[name] = _named("shared.weight", weights, ("", "model."))
    fitting = {name: value for name, value in found.items() if value is not None and value.shape == own[name].shape}
    if not any(_is_layer(name) for name in fitting):
        raise UsageError(f"{folder}: none of its layers fit the {which} part of the model ({type(part).__name__})")
    with torch.no_grad():
        for name, value in fitting.items():
            own[name].copy_(value)
    return sorted(own.keys() - fitting.keys())


def _is_layer(name: str) -> bool:
    return any(piece.isdigit() for piece in name.split("."))


def _of_today(weights: dict[str, torch.Tensor], part: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Weights that an older transformers named, as today's class of the part names them."""
    made: Any = type(part)
    loaded, found = made.from_pretrained(
        None,
        config=copy.deepcopy(part.config),
        state_dict=weights,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    fresh = {*found["missing_keys"], *(key[0] for key in found["mismatched_keys"])}
    return {name: value for name, value in loaded.state_dict().items() if name not in fresh}


def _named(name: str, weights: dict[str, torch.Tensor], prefixes: tuple[str, ...]) -> torch.Tensor | None:
    """The tensor that is called so, or so but for a prefix that one class has and another has not."""
    for prefix in prefixes:
        if prefix + name in weights:
            return weights[prefix + name]
        if prefix and name.startswith(prefix) and name.removeprefix(prefix) in weights:
            return weights[name.removeprefix(prefix)]
    return None


def part_config(folder: Path) -> dict[str, Any]:
    """The configuration of a part's checkpoint, as far as it is about that part (``vision_config`` of SigLIP)."""
    fields = read_json(folder / "config.json")
    if "vision_config" in fields and fields.get("model_type") in ("siglip", "clip"):
        return {"model_type": f"{fields['model_type']}_vision_model", **fields["vision_config"]}
    return fields


def with_parts(config: Any, vision: Path | None, text: Path | None) -> None:
    """Give a configuration the shapes of the parts that :func:`take_part` will load.

    Of a text part the number of decoder layers stays the configuration's where that is smaller (Cruller keeps the first
    four of BART's six), and so do its positions.

    Raises:
        UsageError: a folder without a configuration.
    """
    if vision is not None:
        fields = part_config(vision)
        kept = {"vision_use_head": False} if fields.get("model_type") == "siglip_vision_model" else {}
        _set_part(config, "vision_config" if hasattr(config, "vision_config") else "encoder", {**fields, **kept})
    if text is not None:
        fields, old = part_config(text), text_config(config)
        if fields.get("model_type") in ("bart", "mbart"):
            layers = min(int(fields.get("decoder_layers", 12)), int(getattr(old, "decoder_layers", 12)))
            fields |= {
                "decoder_layers": layers,
                "encoder_layers": layers,
                "num_hidden_layers": layers,
                "is_decoder": True,
                "add_cross_attention": True,
                "is_encoder_decoder": False,
                "use_cache": True,
            }
        _set_part(config, "text_config" if hasattr(config, "text_config") else "decoder", fields)


def _set_part(config: Any, name: str, fields: dict[str, Any]) -> None:
    from transformers import CONFIG_MAPPING

    fields = {key: value for key, value in fields.items() if key not in ("auto_map", "torch_dtype", "dtype")}
    model_type = fields.pop("model_type", None)
    if model_type not in CONFIG_MAPPING:
        raise UsageError(f"a part of type {model_type!r}: transformers does not know it")
    setattr(config, name, CONFIG_MAPPING[model_type](**fields))
