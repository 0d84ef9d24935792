"""What all training verbs share: making the output folder ready, training and resuming, groups of processes."""

from __future__ import annotations

import atexit
import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import PartialState
from transformers import PreTrainedModel, set_seed
from transformers.utils import logging as transformers_logging

from pixlm.data.encoders import InputEncoder
from pixlm.data.splits import Sources
from pixlm.files import newest_checkpoint
from pixlm.tasks.objective import Objective
from pixlm.training import checkpoints
from pixlm.training.config import RunConfig
from pixlm.training.output import LOG, Output, prepare
from pixlm.training.parallel import load_model_state
from pixlm.training.plan import Mixed, Origins, Plan, Split
from pixlm.training.runner import Metrics, Runner, is_spent
from pixlm.training.signals import Interrupted
from pixlm.training.trackers import trackers
from pixlm.training.watch import JsonlLog, Observer, PictureFiles, Pictures, ProgressBar


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
        print(f"{split}: {size} examples" + (f" from {paths[0]}{more}" if paths else ""))
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
    """Around a run: after success its processes leave together, so that none ends while another writes; after an error
    each leaves for itself.

    A group that the run opened stays open for further runs in these processes (torch cannot open a second one reliably)
    and is closed when the process ends, which its threads might otherwise abort.
    """
    ours = not _in_group()
    if ours:
        atexit.register(_close_group)
    yield
    if _in_group():
        PartialState().wait_for_everyone()


def _in_group() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _close_group() -> None:
    if _in_group():
        torch.distributed.destroy_process_group()


def set_dropout(model_config: Any, dropout: float | None) -> None:
    """Set hidden and attention dropout, as published recipes do, unless None."""
    # "dropout" and "attention_dropout" are those of DistilBERT, BART and others, "dropout_rate" that of T5.
    names = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout", "dropout_rate")
    parts = [getattr(model_config, part, None) for part in ("encoder", "decoder", "vision_config", "text_config")]
    for config in (model_config, *parts):
        for name in names:
            if dropout is not None and hasattr(config, name):
                setattr(config, name, dropout)


def train(
    config: RunConfig,
    plan: Plan,
    output: Output,
    model: PreTrainedModel,
    *,
    title: str,
    objective: Objective,
    encoder: InputEncoder,
    train_split: Split | Mixed,
    dev_split: Split | None,
    metrics: Metrics,
    metric: str,
    higher_is_better: bool,
    origins: Origins | None = None,
    pictures: Pictures | None = None,
) -> PreTrainedModel:
    """Train, or go on training; ``model`` then has the best weights (the last ones without a dev split).

    origins: of the train examples, to count them in the log; pictures: drawn while training. Raises RunError when
    the run was interrupted (a checkpoint has been saved), when a gradient is not a number, and when a checkpoint cannot
    be written.
    """
    checkpoint, settings = output.checkpoint, config.train
    progress = checkpoints.progress_of(checkpoint)
    best = progress.best_step
    # A run can have stopped for good, and then been killed before its results were written.
    done = progress.step >= plan.steps or (
        dev_split is not None and is_spent(settings.patience, plan.eval_steps, progress.step, best)
    )
    if done:
        if is_main_process():  # or right after its last checkpoint, before the older ones were deleted
            checkpoints.clear_partial(output.folder)
            checkpoints.retain(output.folder, progress, settings.keep_checkpoints)
        cast(torch.nn.Module, model).to(PartialState().device)
        best = best or progress.step
    else:
        runner = Runner(
            model,
            settings,
            plan,
            run=output.folder,
            seed=config.seed,
            objective=objective,
            encoder=encoder,
            train=train_split,
            dev=dev_split,
            metrics=metrics,
            metric=metric,
            higher_is_better=higher_is_better,
            checkpoint=checkpoint,
            origins=origins,
            pictures=pictures,
            observers=_observers(config, title, output.folder),
        )
        try:
            progress = runner.run()
        except KeyboardInterrupt:
            raise Interrupted(_interrupted(output), runner.signals.by) from None
        if runner.interrupted:
            raise Interrupted(_interrupted(output), runner.signals.by)
        best = progress.best_step
        if runner.sharded:
            cast(torch.nn.Module, model).to(runner.device)
            best = best or progress.step
    if best is not None and (done or best != progress.step or runner.sharded):
        load_model_state(model, checkpoints.read_model(output.folder / checkpoints.name_of(best)))
    return model


def _observers(config: RunConfig, title: str, folder: Path) -> list[Observer]:
    if not is_main_process():
        return []
    return [JsonlLog(folder / LOG), ProgressBar(title), PictureFiles(folder), *trackers(config, folder)]


def _interrupted(output: Output) -> str:
    checkpoint, _ = newest_checkpoint(output.folder)
    kept = f"{checkpoint} is complete" if checkpoint else "no checkpoint had been written"
    return f"interrupted; {kept}; the same command goes on from there"
