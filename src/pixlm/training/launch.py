"""What all training verbs share: the sizes of a run, arguments for the Trainer, stopping and resuming."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from accelerate import PartialState
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from transformers import PreTrainedModel, TrainingArguments, set_seed
from transformers.trainer import TRAINER_STATE_NAME
from transformers.utils import logging as transformers_logging

from pixlm import files
from pixlm.data.encoders import InputEncoder
from pixlm.data.splits import Sources
from pixlm.errors import RunError, UsageError
from pixlm.tasks.objective import Objective
from pixlm.training.callbacks import JsonlLog, Patience, ProgressBar, StopOnSignal
from pixlm.training.config import RunConfig, TrainConfig
from pixlm.training.output import LOG, Output, prepare
from pixlm.training.runner import Metrics, Runner


class Split(NamedTuple):
    """Map-style examples and their expected lengths in units."""

    examples: Sequence[Any]
    lengths: np.ndarray


def begin(config: RunConfig, command: str, sources: Sources) -> Output:
    """Make the output folder ready and seed what the model's initial weights are drawn from.

    With several processes the first one makes the folder, and the others then find it.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    state = PartialState(cpu=_several_on_cpu())
    with state.main_process_first():
        output = prepare(config, command, sources)
    if state.is_main_process:
        for note in output.notes:
            print(note)
    set_seed(config.seed)
    # Characters without a font have been reported once, for the whole corpus; not again for every text.
    warnings.filterwarnings("ignore", message="no font has")
    return output


def report_data(sources: Sources, sizes: Mapping[str, int], encoder: InputEncoder, problems: str = "") -> None:
    """Say which files make up which split, what was wrong with them, and which characters no font has."""
    if os.environ.get("RANK", "0") != "0":
        return
    for split, size in sizes.items():
        paths = sources.get(split)
        more = f" and {len(paths) - 1} more files" if len(paths) > 1 else ""
        print(f"{split}: {size} examples from {paths[0]}{more}")
    if problems:
        print(f"data: {problems}")
    uncovered = sorted(encoder.uncovered)
    if uncovered:
        shown = " ".join(f"U+{ord(character):04X}" for character in uncovered[:8]) + " ..." * (len(uncovered) > 8)
        print(f"{len(uncovered)} different characters have no font and are drawn as boxes: {shown} (see pixlm doctor)")


def _several_on_cpu() -> bool:
    """Several processes without a GPU: unless told, accelerate takes them for independent ones."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.cuda.is_available()


def is_main_process() -> bool:
    """Whether this process writes the results."""
    return bool(PartialState().is_main_process)


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Leave the group of processes that a run opened: all together after success, so that none ends while another
    writes; each for itself after an error.

    A process that ends with the group open may be aborted by its threads. A group that the caller opened is left be.
    """
    ours = not (torch.distributed.is_available() and torch.distributed.is_initialized())
    try:
        yield
        if ours:
            PartialState().wait_for_everyone()
    finally:
        if ours and torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
            # accelerate keeps what it knew of the group; a second run in this process must look again.
            AcceleratorState._reset_state(reset_partial_state=True)


def set_dropout(model_config: Any, dropout: float | None) -> None:
    """Set hidden and attention dropout, as published recipes do, unless None."""
    names = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout")
    for name in names:  # the last two are those of DistilBERT and others
        if dropout is not None and hasattr(model_config, name):
            setattr(model_config, name, dropout)


def train(
    config: RunConfig,
    plan: Plan,
    output: Output,
    model: PreTrainedModel,
    *,
    title: str,
    objective: Objective,
    encoder: InputEncoder,
    train_split: Split,
    dev_split: Split | None,
    metrics: Metrics,
    metric: str,
    higher_is_better: bool,
) -> PreTrainedModel:
    """Train, or go on training; returns the model with the best weights (the last ones without a dev split).

    Raises RunError when the run was interrupted (a checkpoint has been saved) or its loss stopped being a number.
    """
    settings = config.train
    arguments = _arguments(settings, plan, config.seed, output, dev_split is not None)
    arguments.metric_for_best_model = metric
    arguments.greater_is_better = higher_is_better
    if settings.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    progress, stop = ProgressBar(title), StopOnSignal()
    callbacks: list[Any] = [JsonlLog(output.folder / LOG), progress, stop]
    step, best = _progress_of(output.checkpoint)
    if settings.patience is not None and dev_split is not None:
        patience = Patience(settings.patience, plan.eval_steps)
        callbacks.append(patience)
        done = patience.spent(step, best)
    else:
        done = False
    runner = Runner(
        model,
        arguments,
        objective=objective,
        encoder=encoder,
        train=train_split,
        dev=dev_split,
        metrics=metrics,
        keep_checkpoints=settings.keep_checkpoints,
        callbacks=callbacks,
    )
    # A run can have stopped for good, and then been killed before its results were written.
    if output.checkpoint is None or not (done or step >= plan.steps):
        try:
            with stop:
                runner.train(resume_from_checkpoint=str(output.checkpoint) if output.checkpoint else None)
        except KeyboardInterrupt:
            raise RunError(_interrupted(output)) from None
        finally:
            progress.close()
        if stop.asked and runner.state.global_step < plan.steps:
            raise RunError(_interrupted(output))
        step, best = runner.state.global_step, runner.state.best_global_step
    else:
        best = best or step
    if best is not None and (best != step or runner.state.global_step != step):
        _load_weights(model, output.folder / f"checkpoint-{best}")
    cast(torch.nn.Module, model).to(arguments.device)
    return model


def _progress_of(checkpoint: Path | None) -> tuple[int, int | None]:
    """(step, step of the best evaluation so far) of a checkpoint; (0, None) without one."""
    if checkpoint is None:
        return 0, None
    state = json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    return int(state["global_step"]), state.get("best_global_step")


def _load_weights(model: PreTrainedModel, checkpoint: Path) -> None:
    problem = files.verify(checkpoint)
    if problem is not None:
        raise RunError(f"{checkpoint}, the best one of the run, is damaged: {problem}")
    model.load_state_dict(load_file(checkpoint / "model.safetensors"), strict=True)


def _interrupted(output: Output) -> str:
    checkpoint, _ = files.newest_checkpoint(output.folder)
    kept = f"{checkpoint} is complete" if checkpoint else "no checkpoint had been written"
    return f"interrupted; {kept}; the same command goes on from there"


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
    warmup_steps: int

    @property
    def accumulation(self) -> int:
        return self.batch // (self.micro * self.world)


def make_plan(settings: TrainConfig, examples: int) -> Plan:
    """Work out a run's sizes; raises UsageError for settings that do not fit together."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    batch = settings.batch_size
    if batch < 1 or batch % world:
        raise UsageError(f"--train.batch-size {batch} cannot be shared by {world} processes; use a multiple of {world}")
    # A smaller batch than the recipe's may be smaller than its micro-batch, too.
    micro = min(settings.micro_batch_size, batch // world) if settings.micro_batch_size is not None else batch // world
    if micro < 1 or (batch // world) % micro:
        raise UsageError(
            f"--train.micro-batch-size {micro} does not divide the {batch // world} examples of a step and process"
        )
    per_epoch = math.ceil(examples / batch)
    steps = settings.max_steps if settings.max_steps is not None else math.ceil(settings.epochs * per_epoch)
    if steps < 1:
        raise UsageError("nothing to do: --train.max-steps and --train.epochs must be above 0")
    if settings.min_learning_rate and settings.schedule != "cosine":
        raise UsageError("--train.min-learning-rate needs --train.schedule cosine")
    if not settings.learning_rate > 0 or not 0 <= settings.min_learning_rate <= settings.learning_rate:
        raise UsageError("--train.learning-rate must be above 0 and --train.min-learning-rate between 0 and it")
    if settings.precision in ("bf16", "fp16") and not torch.cuda.is_available():
        raise UsageError(f"--train.precision {settings.precision} needs a GPU; leave it out, or say fp32")
    for name, low, high in (
        ("warmup", 0, math.inf),
        ("weight_decay", 0, math.inf),
        ("max_grad_norm", 0, math.inf),
        ("workers", 0, math.inf),
        ("dropout", 0, 1),
    ):
        value = getattr(settings, name)
        if value is not None and not low <= value < high:
            raise UsageError(f"--train.{name.replace('_', '-')} {value}: must be at least {low} and below {high}")
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
    return Plan(world, batch, micro, steps, min(settings.eval_steps or per_epoch, steps), round(warmup))


def _arguments(settings: TrainConfig, plan: Plan, seed: int, output: Output, evaluates: bool) -> TrainingArguments:
    schedule: dict[str, Any] = {"lr_scheduler_type": settings.schedule}
    if settings.schedule == "constant":
        schedule["lr_scheduler_type"] = "constant_with_warmup"
    elif settings.schedule == "cosine":
        schedule["lr_scheduler_type"] = "cosine_with_min_lr"
        schedule["lr_scheduler_kwargs"] = {"min_lr": settings.min_learning_rate}
    bf16, fp16 = _precision(settings.precision)
    return TrainingArguments(
        output_dir=str(output.folder),
        seed=seed,
        max_steps=plan.steps,
        per_device_train_batch_size=plan.micro,
        per_device_eval_batch_size=settings.eval_batch_size or plan.micro,
        gradient_accumulation_steps=plan.accumulation,
        learning_rate=settings.learning_rate,
        warmup_steps=plan.warmup_steps,
        weight_decay=settings.weight_decay,
        adam_beta1=settings.adam_betas[0],
        adam_beta2=settings.adam_betas[1],
        max_grad_norm=settings.max_grad_norm,
        logging_strategy="steps",
        logging_steps=settings.log_steps,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=plan.eval_steps,
        save_strategy="steps",
        save_steps=min(settings.save_steps or min(plan.eval_steps, _SAVE_STEPS), plan.steps),
        bf16=bf16,
        fp16=fp16,
        torch_compile=settings.compile,
        dataloader_num_workers=settings.workers,
        remove_unused_columns=False,
        disable_tqdm=True,
        use_cpu=_several_on_cpu(),
        ddp_find_unused_parameters=False,
        report_to=list(settings.report_to),
        **schedule,
    )


def _precision(name: str) -> tuple[bool, bool]:
    """(bf16, fp16)."""
    if name == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(), False
    return name == "bf16", name == "fp16"
