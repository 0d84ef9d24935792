"""The sizes of a run, worked out from its settings, the data and the processes there are."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from pixlm.data.pretraining.mixture import Mixture
from pixlm.errors import UsageError
from pixlm.training.config import TrainConfig


class Split(NamedTuple):
    """Map-style examples and their expected lengths in units."""

    examples: Sequence[Any]
    lengths: np.ndarray


class Mixed(NamedTuple):
    """Map-style examples, and which of them an epoch of training has."""

    examples: Sequence[Any]
    lengths: Mixture


class Origins(NamedTuple):
    """Where the examples of a mixture come from: names of the sources, and the number [examples] of each one's."""

    names: tuple[str, ...]
    of: np.ndarray


_SAVE_STEPS = 500
"""Steps between checkpoints at most, unless said otherwise: a pass over a large corpus can take weeks."""


@dataclass(frozen=True)
class Plan:
    """The sizes of a run: examples per step over all processes and per forward pass; optimizer steps."""

    world: int
    batch: int
    micro: int
    steps: int
    eval_steps: int
    save_steps: int
    warmup_steps: int

    @property
    def accumulation(self) -> int:
        return self.batch // (self.micro * self.world)


def make_plan(settings: TrainConfig, examples: int) -> Plan:
    """Work out a run's sizes; raises UsageError for settings that do not fit together."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    batch = settings.batch_size
    if batch < 1:
        raise UsageError(f"--train.batch-size {batch}: must be 1 or more")
    if batch % world:
        raise UsageError(f"--train.batch-size {batch} cannot be shared by {world} processes; use a multiple of {world}")
    # A smaller batch than the recipe's may be smaller than its micro-batch, too.
    micro = min(settings.micro_batch_size, batch // world) if settings.micro_batch_size is not None else batch // world
    if micro < 1 or (batch // world) % micro:
        raise UsageError(
            f"--train.micro-batch-size {micro} does not divide the {batch // world} examples of a step and process"
        )
    for name in ("epochs", "learning_rate"):
        if not math.isfinite(getattr(settings, name)):
            raise UsageError(f"--train.{name.replace('_', '-')} {getattr(settings, name)}: must be a finite number")
    per_epoch = math.ceil(examples / batch)
    steps = settings.max_steps if settings.max_steps is not None else math.ceil(settings.epochs * per_epoch)
    if steps < 1:
        raise UsageError("nothing to do: --train.max-steps and --train.epochs must be above 0")
    if settings.min_learning_rate and settings.schedule != "cosine":
        raise UsageError("--train.min-learning-rate needs --train.schedule cosine")
    if not settings.learning_rate > 0 or not 0 <= settings.min_learning_rate <= settings.learning_rate:
        raise UsageError("--train.learning-rate must be above 0 and --train.min-learning-rate between 0 and it")
    if settings.precision == "fp16" and not torch.cuda.is_available():
        raise UsageError("--train.precision fp16 needs a GPU; leave it out, or say bf16 or fp32")
    if settings.precision == "fp16" and settings.sharding != "none":
        raise UsageError(f"--train.sharding {settings.sharding} goes with --train.precision bf16 or fp32, not fp16")
    for name, low, high in (
        ("warmup", 0, math.inf),
        ("weight_decay", 0, math.inf),
        ("max_grad_norm", 0, math.inf),
        ("workers", 0, math.inf),
        ("worker_timeout", 0, math.inf),
        ("dropout", 0, 1),
        ("layer_decay", 0, 1),
        ("spikes", 1, math.inf),
    ):
        value = getattr(settings, name)
        if value is not None and not low <= value < high:
            raise UsageError(f"--train.{name.replace('_', '-')} {value}: must be at least {low} and below {high}")
    if settings.optimizer == "muon" and settings.sharding != "none":
        raise UsageError("--train.optimizer muon needs whole matrices; leave out --train.sharding, or use adamw")
    if settings.optimizer == "muon" and not hasattr(torch.optim, "Muon"):
        raise UsageError(f"--train.optimizer muon needs torch 2.9 or newer, and this is {torch.__version__}; use adamw")
    if any(not 0 <= beta < 1 for beta in settings.adam_betas):
        raise UsageError("--train.adam-betas must both be at least 0 and below 1")
    for tracker in settings.report_to:
        if importlib.util.find_spec(tracker) is None:
            raise UsageError(f'--train.report-to {tracker}: not installed; pip install "pixlm[{tracker}]"')
    for name in ("eval_steps", "save_steps", "log_steps", "keep_checkpoints", "eval_batch_size", "patience"):
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise UsageError(f"--train.{name.replace('_', '-')} {value}: must be 1 or more")
    warmup = settings.warmup if settings.warmup >= 1 else settings.warmup * steps
    eval_steps = min(settings.eval_steps or per_epoch, steps)
    save_steps = min(settings.save_steps or min(eval_steps, _SAVE_STEPS), steps)
    return Plan(world, batch, micro, steps, eval_steps, save_steps, round(warmup))


def dtype_of(precision: str) -> torch.dtype:
    """The type of a run's matrix products; "auto" is bfloat16 on GPUs that have it."""
    if precision == "auto":
        precision = "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "fp32"
    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[precision]
