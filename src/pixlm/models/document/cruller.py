"""pixparse's checkpoints ("Cruller"): a table of parameter names that reads both ways.

Their image encoder has the names of timm's vision transformer, under ``image_encoder.trunk.``; their text decoder those
of transformers' BART, under ``text_decoder.trunk.``. Files saved from several processes have ``module.`` before all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixlm.errors import UsageError
from pixlm.models.weights import read_tensors

NAMES = {
    "image_encoder.trunk.cls_token": "encoder.embeddings.cls_token",
    "image_encoder.trunk.pos_embed": "encoder.embeddings.position_embeddings",
    "image_encoder.trunk.patch_embed.proj.*": "encoder.embeddings.patch_embeddings.projection.*",
    "image_encoder.trunk.norm_pre.*": "encoder.layernorm_pre.*",
    "image_encoder.trunk.blocks.#.norm1.*": "encoder.layers.#.layernorm_before.*",
    "image_encoder.trunk.blocks.#.attn.proj.*": "encoder.layers.#.attention.o_proj.*",
    "image_encoder.trunk.blocks.#.norm2.*": "encoder.layers.#.layernorm_after.*",
    "image_encoder.trunk.blocks.#.mlp.fc1.*": "encoder.layers.#.mlp.fc1.*",
    "image_encoder.trunk.blocks.#.mlp.fc2.*": "encoder.layers.#.mlp.fc2.*",
    "image_encoder.trunk.norm.*": "encoder.layernorm.*",
    "text_decoder.trunk.@": "decoder.@",
}
"""Theirs: ours. ``#`` is a number, ``*`` weight or bias, ``@`` anything."""

QKV = "image_encoder.trunk.blocks.#.attn.qkv.*", tuple(f"encoder.layers.#.attention.{each}_proj.*" for each in "qkv")
"""Queries, keys and values are one parameter there and three here."""

_WILD = {"#": r"(\d+)", "*": r"(weight|bias)", "@": r"(.+)"}


def _rename(name: str, pattern: str, replacement: str) -> str | None:
    """``name`` rewritten, if it is of the pattern."""
    regex = re.escape(pattern)
    for sign, group in _WILD.items():
        regex = regex.replace(re.escape(sign), group)
    found = re.fullmatch(regex, name)
    if found is None:
        return None
    groups = iter(found.groups())
    return "".join(next(groups) if each in _WILD else each for each in re.split(r"([#*@])", replacement))


def from_cruller(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A Cruller state dict in our names.

    Raises:
        UsageError: a name that is not in the table.
    """
    renamed: dict[str, Tensor] = {}
    for given, value in weights.items():
        name = given.removeprefix("module.")
        theirs, ours = QKV
        parts = [_rename(name, theirs, each) for each in ours]
        if parts[0] is not None:
            for part, third in zip(parts, value.chunk(3, dim=0), strict=True):
                renamed[str(part)] = third.clone()
            continue
        new = next((found for a, b in NAMES.items() if (found := _rename(name, a, b)) is not None), None)
        if new is None:
            raise UsageError(f"{given}: is no parameter of a Cruller model")
        renamed[new] = value
    return renamed


def to_cruller(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict in Cruller's names; the inverse of :func:`from_cruller`.

    Raises:
        UsageError: a parameter that Cruller has no name for.
    """
    renamed: dict[str, Tensor] = {}
    theirs, ours = QKV
    for name, value in weights.items():
        whole = _rename(name, ours[0], theirs)
        if whole is not None:
            others = [str(_rename(name, ours[0], each)) for each in ours]
            renamed[whole] = torch.cat([weights[each] for each in others], dim=0)
            continue
        if any(_rename(name, each, theirs) is not None for each in ours[1:]):
            continue
        new = next((found for a, b in NAMES.items() if (found := _rename(name, b, a)) is not None), None)
        if new is None:
            raise UsageError(f"{name}: Cruller has no such parameter")
        renamed[new] = value
    return renamed


def read_cruller(path: Path) -> dict[str, Tensor]:
    """The weights of a pixparse checkpoint file (``checkpoint-N.pt``) in our names; nothing in it is executed.

    Raises:
        UsageError: the file cannot be read, or holds something else.
    """
    return from_cruller(read_tensors(path, inside="model"))


def vocabulary_of(weights: Mapping[str, Tensor]) -> int:
    """Rows of the embeddings in a state dict of ours."""
    return int(weights["decoder.model.decoder.embed_tokens.weight"].shape[0])


def load_cruller(path: Path, config: Any, model_class: type[Any]) -> Any:
    """A model of ``config`` (preset ``cruller-base`` ...) with the weights of a checkpoint; its vocabulary is the
    checkpoint's.

    Raises:
        UsageError: the weights do not fit; names the first misfit.
    """
    weights = read_cruller(path)
    config.decoder.vocab_size = vocabulary_of(weights)
    model = model_class(config)
    own = model.state_dict()
    weights.setdefault("decoder.lm_head.weight", weights["decoder.model.decoder.embed_tokens.weight"])
    for name in sorted(own.keys() | weights.keys()):
        if name not in weights:
            raise UsageError(f"{path}: lacks {name}")
        if name not in own:
            raise UsageError(f"{path}: {name} is no parameter of the configuration")
        if own[name].shape != weights[name].shape:
            raise UsageError(
                f"{path}: {name} has the shape {list(weights[name].shape)}, but the configuration asks for "
                f"{list(own[name].shape)}"
            )
    model.load_state_dict(weights)
    return model.eval()
