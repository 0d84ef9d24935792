"""Checkpoint files: reading tensors only, from files that may be damaged or hostile, and writing them."""

from __future__ import annotations

import contextlib
import json
import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from pixlm.errors import RunError, UsageError

Model = TypeVar("Model", bound=PreTrainedModel)

WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Where weights may be, the preferred first."""


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of the checkpoint in ``folder``, on the CPU: safetensors if there, else ``pytorch_model.bin``.

    Nothing in a checkpoint is executed: pickles are read by torch's restricted reader, which knows only tensors.

    Raises:
        UsageError: no weights, a damaged file, or a pickle that holds more than tensors; names the file.
    """
    for name in WEIGHT_FILES:
        path = folder / name
        if path.is_file():
            return _read_shards(path) if path.suffix == ".json" else _read_file(path)
    raise UsageError(f"{folder} holds no weights: {WEIGHT_FILES[0]} or {WEIGHT_FILES[2]} is missing")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        UsageError: the file cannot be read, or holds something else; names it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid JSON: {_first_line(error)}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} does not hold a JSON object")
    return content


def _read_shards(index: Path) -> dict[str, Tensor]:
    weight_map = read_json(index).get("weight_map")
    names = list(weight_map.values()) if isinstance(weight_map, dict) else []
    if not names or not all(isinstance(name, str) and name == Path(name).name for name in names):
        raise UsageError(f'{index} does not say which files hold the weights ("weight_map")')
    weights: dict[str, Tensor] = {}
    for name in sorted(set(names)):
        path = index.parent / name
        if not path.is_file():
            raise UsageError(f"{path} is missing; {index.name} lists it")
        weights |= _read_file(path)
    return weights


def read_tensors(path: Path, inside: str | None = None) -> dict[str, Tensor]:
    """The named tensors of one file, read as :func:`read_weights` does.

    inside: where a file holds more, the entry that has them.

    Raises:
        UsageError: no such file, a damaged one, or one that holds something else; names it.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    return _read_file(path, inside)


def _read_file(path: Path, inside: str | None = None) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickle protocols; an error tells all that the user needs
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if any(sign in str(error) for sign in ("Unsupported global", "Unsupported class", "Trying to")):
            raise UsageError(
                f"{path} holds more than tensors and is not loaded, since it could run code; "
                "ask its author for model.safetensors"
            ) from error
        raise _damaged(path, "not a file of weights") from error
    # Damaged files make the readers fail in many ways; all of them mean the same to the user.
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, IndexError) as error:
        raise _damaged(path, _first_line(error)) from error
    if inside is not None and isinstance(weights, dict) and isinstance(weights.get(inside), dict):
        weights = weights[inside]
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise UsageError(f"{path} does not hold named tensors")
    return weights


def _damaged(path: Path, why: str) -> UsageError:
    return UsageError(f"{path} is damaged or cut short ({why or 'it ends too early'}); copy or download it again")


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]


def load_pretrained(
    folder: Path,
    model_class: type[Model],
    config: PretrainedConfig,
    *,
    may_start_fresh: Callable[[str, Model], bool],
    weights: dict[str, Tensor] | None = None,
) -> Model:
    """A model of transformers in float32 on the CPU, from the weights in ``folder``; what it has no use for is left.

    may_start_fresh: whether a parameter of the model, by its name, may be missing or have another shape there.

    Raises:
        UsageError: the weights cannot be read, lack a parameter, or have another shape; names it.
    """
    weights = read_weights(folder) if weights is None else weights
    try:
        loaded: tuple[Model, dict[str, Any]] = cast(Any, model_class).from_pretrained(
            None,
            config=config,
            state_dict=weights,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except (ValueError, TypeError, RuntimeError, ZeroDivisionError) as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{folder}: no model can be built from its configuration: {told}") from error
    model, found = loaded
    for name, there, wanted in sorted(found["mismatched_keys"]):
        if not may_start_fresh(name, model):
            raise UsageError(
                f"{folder}: {name} has the shape {list(there)}, but the configuration asks for {list(wanted)}"
            )
    missing = sorted(name for name in found["missing_keys"] if not may_start_fresh(name, model))
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UsageError(f"the weights in {folder} lack {missing[0]}{more}")
    return model


def write_model(model: PreTrainedModel, folder: Path, state_dict: dict[str, Tensor] | None = None) -> None:
    """``save_pretrained`` with files that others may read if the umask allows it, and with clear errors.

    Raises:
        RunError: the disk is full, or the like; names the folder.
    """
    with saving(folder):
        # In the names of the parameters; for some models transformers would write those of its older versions.
        model.save_pretrained(folder, state_dict=state_dict, save_original_format=False)
        # safetensors makes files that only their owner may read; config.json has the mode that is usual here.
        mode = (folder / "config.json").stat().st_mode
        for path in folder.glob("*.safetensors"):
            path.chmod(mode)


@contextlib.contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Errors of the disk as one line, whatever writer meets them.

    Raises:
        RunError: in place of them.
    """
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write to {folder}: {error.strerror or error}") from error
    except (SafetensorError, RuntimeError) as error:
        reason = re.search(r"I/O error: ([^(]*)|(?:failed|error) writing file|unexpected pos", str(error))
        if reason is None:
            raise
        told = (reason[1] or "").strip() or "the disk may be full"
        raise RunError(f"cannot write to {folder}: {told}") from error
