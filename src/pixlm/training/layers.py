"""How deep a parameter lies, for learning rates that fall from layer to layer (Bao et al. 2022, "BEiT", appendix)."""

from __future__ import annotations

from torch import nn

from pixlm.errors import UsageError


def layer_depths(model: nn.Module) -> tuple[dict[str, int], int]:
    """(the depth of each parameter by its name, the highest depth).

    Layers are the items of module lists, counted from 1 in the order in which the model has them, a decoder's above
    its encoder's. What stands before them all (embeddings of the input) has depth 0, what stands behind them all (the
    last norm, the head) the highest; what stands between two layers has the depth of the lower one.
    """
    layers = _layers(model, "")
    numbers = {prefix: number for number, prefix in enumerate(layers, start=1)}
    top = len(layers) + 1
    depths: dict[str, int] = {}
    below = 0
    for name, _ in model.named_parameters():
        own = next((numbers[prefix] for prefix in _prefixes(name) if prefix in numbers), None)
        below = own if own is not None else below
        depths[name] = below
    last = max((place for place, name in enumerate(depths) if _is_in(name, numbers)), default=-1)
    for place, name in enumerate(list(depths)):
        if place > last:
            depths[name] = top
    return depths, top


def freeze(model: nn.Module, prefixes: tuple[str, ...]) -> list[str]:
    """Take parameters whose names begin so out of training; their names.

    Raises:
        UsageError: a prefix that no parameter has, or nothing that is left to learn.
    """
    names: list[str] = []
    for prefix in prefixes:
        found = [name for name, _ in model.named_parameters() if name.startswith(prefix)]
        if not found:
            parts = sorted({name.split(".")[0] for name, _ in model.named_parameters()})
            raise UsageError(f"--train.freeze {prefix}: no parameter begins so; parts: {', '.join(parts)}")
        names += found
    for name, parameter in model.named_parameters():
        if name in names:
            parameter.requires_grad_(False)
    if prefixes and not any(parameter.requires_grad for parameter in model.parameters()):
        raise UsageError(f"--train.freeze {' '.join(prefixes)}: nothing is left that could learn")
    return names


def _layers(module: nn.Module, prefix: str) -> list[str]:
    """Names of the layers below a module. A list inside a layer counts if its items are of one class, as in Swin, whose
    stages have blocks; T5's, whose layers have parts of several classes, does not."""
    found: list[str] = []
    for name, child in module.named_children():
        path = f"{prefix}.{name}" if prefix else name
        if not isinstance(child, nn.ModuleList):
            found += _layers(child, path)
            continue
        for number, item in enumerate(child):
            inner = [
                each
                for each in _layers(item, f"{path}.{number}")
                if _is_uniform(module, prefix, each.rpartition(".")[0])
            ]
            found += inner or [f"{path}.{number}"]
    return found


def _is_uniform(module: nn.Module, prefix: str, path: str) -> bool:
    listed = module.get_submodule(path.removeprefix(f"{prefix}.") if prefix else path)
    return isinstance(listed, nn.ModuleList) and len({type(item) for item in listed}) == 1


def _prefixes(name: str) -> list[str]:
    """The modules that a parameter is in, the innermost first."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)]


def _is_in(name: str, layers: dict[str, int]) -> bool:
    return any(prefix in layers for prefix in _prefixes(name))
