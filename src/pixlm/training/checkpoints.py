"""What a run needs to go on, in a folder that is whole or does not count.

A ``checkpoint-N`` holds the model and its encoder (so it loads like any model), ``optimizer.safetensors`` and
``progress.json``; nothing in it is a pickle. It is written aside; ``manifest.json`` with the checksums of all files
comes last, then the folder gets its name. The random numbers, the learning rate and the order of the data are functions
of the seed and the step, so they need not be saved; nor does it matter how many processes wrote a checkpoint.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from pixlm import files
from pixlm.data.encoders import InputEncoder
from pixlm.errors import PixlmError, RunError
from pixlm.models.weights import saving, write_model

MODEL, OPTIMIZER, PROGRESS = "model.safetensors", "optimizer.safetensors", "progress.json"


@dataclass
class Progress:
    """What a run has done so far.

    step: optimizer steps; best_step, best_score: of the best evaluation; skipped: steps left out because a gradient was
    not a number; skipped_in_a_row: how many of them were the last ones; seen: examples by source; loss, losses: sum and
    number of the step losses since the last log entry; scale: of gradients in fp16.
    """

    step: int = 0
    best_step: int | None = None
    best_score: float | None = None
    skipped: int = 0
    skipped_in_a_row: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    loss: float = 0.0
    losses: int = 0
    scale: dict[str, Any] | None = None


def name_of(step: int) -> str:
    """The name of a checkpoint's folder."""
    return f"checkpoint-{step}"


def write(
    run: Path,
    progress: Progress,
    *,
    model: PreTrainedModel,
    encoder: InputEncoder,
    model_state: dict[str, Tensor],
    optimizer_state: dict[str, Tensor],
) -> Path:
    """Write the checkpoint of ``progress.step`` into ``run``; returns its folder.

    Raises RunError for a full disk, a folder that may not be written to and the like; what was there before stays.
    """
    folder = run / name_of(progress.step)
    try:
        with saving(run), _aside(folder) as aside:
            write_model(model, aside, model_state)
            encoder.save_pretrained(aside)
            save_file({name: value.contiguous() for name, value in optimizer_state.items()}, aside / OPTIMIZER)
            # safetensors makes files that only their owner may read; the umask is to decide.
            (aside / OPTIMIZER).chmod((aside / "config.json").stat().st_mode)
            files.write_json(aside / PROGRESS, dataclasses.asdict(progress))
            files.publish(aside, folder)
    except PixlmError as error:
        kept, _ = files.newest_checkpoint(run)
        left = f"{kept.name} is complete" if kept else "there is no checkpoint yet"
        raise RunError(f"{error}; {left}: make room, and the same command goes on from there") from None
    return folder


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """An empty folder beside ``folder`` that is gone after an error."""
    aside = files.aside_of(folder)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def progress_of(checkpoint: Path | None) -> Progress:
    """What had been done when a checkpoint was written; nothing without one."""
    if checkpoint is None:
        return Progress()
    try:
        return Progress(**json.loads((checkpoint / PROGRESS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        raise _damaged(checkpoint, f"{PROGRESS} cannot be read") from None


def _damaged(checkpoint: Path, problem: str) -> RunError:
    return RunError(f"{checkpoint} is damaged: {problem}; remove it and start the same command again")


def read_model(checkpoint: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint, after verifying it; raises RunError for a damaged one."""
    problem = files.verify(checkpoint)
    if problem is not None:
        raise _damaged(checkpoint, problem)
    return _tensors(checkpoint, MODEL)


def read_optimizer(checkpoint: Path) -> dict[str, Tensor]:
    """The tensors of the optimizer."""
    return _tensors(checkpoint, OPTIMIZER)


def _tensors(checkpoint: Path, name: str) -> dict[str, Tensor]:
    try:
        return load_file(checkpoint / name)
    except (OSError, SafetensorError) as error:
        raise _damaged(checkpoint, f"{name} cannot be read ({' '.join(str(error).split())[:100]})") from None


def retain(run: Path, progress: Progress, keep: int) -> str | None:
    """Delete all checkpoints but the newest ``keep`` and the best one, if the newest one verifies.

    Returns why nothing was deleted where it does not.
    """
    newest = run / name_of(progress.step)
    problem = files.verify(newest)
    if problem is not None:
        return f"{newest}: does not verify after writing ({problem}); older checkpoints are kept"
    steps = {path: files.checkpoint_step(path) or 0 for path in files.checkpoints(run)}
    # A later step than this one is left from before a resume from an earlier checkpoint, and was found damaged.
    stale = [path for path, step in steps.items() if step > progress.step]
    old = [path for path in steps if path not in stale][:-keep]
    for path in (*stale, *old):
        if steps[path] != progress.best_step:
            remove(path)
    return None


def remove(checkpoint: Path) -> None:
    """Delete a checkpoint; a crash on the way leaves none that looks complete."""
    (checkpoint / files.MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(checkpoint, ignore_errors=True)


def clear_partial(run: Path) -> None:
    """Delete what a killed run was writing."""
    for path in run.glob(".checkpoint-*"):
        shutil.rmtree(path, ignore_errors=True)
