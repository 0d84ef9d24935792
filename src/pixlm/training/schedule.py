"""The learning rate and the optimizer of a run: functions of its settings, without state of their own."""

from __future__ import annotations

import math
from typing import Any

import torch

from pixlm.training.config import TrainConfig


def learning_rate(settings: TrainConfig, step: int, *, steps: int, warmup_steps: int) -> float:
    """The learning rate of the update that follows ``step`` updates.

    Linear warm-up from 0, then ``settings.schedule``: a line to 0, half a cosine to ``min_learning_rate``, or constant.
    """
    highest, lowest = settings.learning_rate, settings.min_learning_rate
    if step < warmup_steps:
        return highest * step / warmup_steps
    done = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    if settings.schedule == "constant":
        return highest
    if settings.schedule == "linear":
        return highest * (1 - done)
    return lowest + (highest - lowest) * 0.5 * (1 + math.cos(math.pi * done))


def make_optimizer(model: torch.nn.Module, settings: TrainConfig, *, fused: bool) -> torch.optim.AdamW:
    """AdamW with weight decay on everything but biases and norms, as BERT's and PIXEL's recipes have it."""
    plain = {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if name == "bias" or "norm" in type(module).__name__.lower()
    }
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    groups: list[dict[str, Any]] = [
        {"params": [value for name, value in trained.items() if name not in plain]},
        {"params": [value for name, value in trained.items() if name in plain], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        betas=settings.adam_betas,
        weight_decay=settings.weight_decay,
        fused=fused,
    )
