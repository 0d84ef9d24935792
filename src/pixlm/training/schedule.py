"""The learning rate and the optimizer of a run: functions of its settings, without state of their own."""

from __future__ import annotations

import math
from typing import Any

import torch

from pixlm.training.config import TrainConfig
from pixlm.training.layers import layer_depths
from pixlm.training.muon import MuonAndAdamW


def learning_rate(settings: TrainConfig, step: int, *, steps: int, warmup_steps: int) -> float:
    """The learning rate of the update that follows ``step`` updates.

    Linear warm-up from 0, then ``settings.schedule``: a line to 0, half a cosine to ``min_learning_rate``, or constant.
    """
    if settings.schedule.startswith("legacy-"):
        kind = settings.schedule.removeprefix("legacy-")
        return legacy_rate(kind, step, highest=settings.learning_rate, steps=steps, warmup_steps=warmup_steps)
    highest, lowest = settings.learning_rate, settings.min_learning_rate
    if step < warmup_steps:
        return highest * step / warmup_steps
    done = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    if settings.schedule == "constant":
        return highest
    if settings.schedule == "linear":
        return highest * (1 - done)
    return lowest + (highest - lowest) * 0.5 * (1 + math.cos(math.pi * done))


def legacy_rate(
    kind: str, step: int, *, highest: float, steps: int, warmup_steps: int, lowest_warm: float = 0.0
) -> float:
    """pixparse's schedules (timm's, stepped by updates): a line to the rate at the end of the warm-up, then the curve
    over all steps, as if there had been no warm-up, so that the highest rate is not reached.

    kind: "cosine", "tanh" or "poly"; lowest_warm: the rate of the first update where there is a warm-up.
    """

    def curve(at: int) -> float:
        if at >= steps:
            return 0.0
        done = at / steps
        if kind == "cosine":
            return highest * 0.5 * (1 + math.cos(math.pi * done))
        if kind == "tanh":
            return highest * 0.5 * (1 - math.tanh(-7.0 * (1 - done) + 3.0 * done))
        return float(highest * (1 - done) ** 0.1)

    if step < warmup_steps:
        # Cosine and poly aim at the highest rate, tanh at its own curve.
        goal = curve(warmup_steps) if kind == "tanh" else highest
        return lowest_warm + step * (goal - lowest_warm) / warmup_steps
    return curve(step)


def make_optimizer(model: torch.nn.Module, settings: TrainConfig, *, fused: bool) -> torch.optim.Optimizer:
    """AdamW with weight decay on everything but biases and norms, as BERT's and PIXEL's recipes have it.

    ``settings.optimizer`` "muon" gives the weights of linear layers inside its stacks of layers to Muon; "adafactor" is
    that of Shazeer and Stern 2018.
    """
    plain = {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if name == "bias" or "norm" in type(module).__name__.lower()
    }
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    # A layer's rate is the schedule's times "scale".
    scales = dict.fromkeys(trained, 1.0)
    if settings.layer_decay is not None:
        depths, top = layer_depths(model)
        scales = {name: settings.layer_decay ** (top - depths[name]) for name in trained}
    inner = inner_matrices(model) if settings.optimizer == "muon" else set()
    matrices: list[dict[str, Any]] = []
    groups: list[dict[str, Any]] = []
    for scale in sorted(set(scales.values()), reverse=True):
        alike = {name: value for name, value in trained.items() if scales[name] == scale}
        others = {name: value for name, value in alike.items() if name not in inner}
        matrices.append({"params": [value for name, value in alike.items() if name in inner], "scale": scale})
        groups += [
            {"params": [value for name, value in others.items() if name not in plain], "scale": scale},
            {"params": [value for name, value in others.items() if name in plain], "weight_decay": 0.0, "scale": scale},
        ]
    if settings.optimizer == "adafactor":
        # Rates are relative to the size of the weights, as T5 and Pix2Struct were trained.
        return torch.optim.Adafactor(
            [group for group in groups if group["params"]],
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
    adamw = torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        betas=settings.adam_betas,
        weight_decay=settings.weight_decay,
        fused=fused,
    )
    matrices = [group for group in matrices if group["params"]]
    if not matrices:
        return adamw
    return MuonAndAdamW(matrices, adamw, weight_decay=settings.weight_decay)


def inner_matrices(model: torch.nn.Module) -> set[str]:
    """Names of the weights of the linear layers in a model's stacks of layers (``torch.nn.ModuleList``).

    What is outside them is an embedding, a projection between two widths, or a head: Muon is not made for these.
    """
    return {
        f"{stack}.{name}.weight"
        for stack, modules in model.named_modules()
        if isinstance(modules, torch.nn.ModuleList)
        for name, module in modules.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
