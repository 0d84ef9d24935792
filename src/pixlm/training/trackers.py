"""TensorBoard, trackio and Weights & Biases, asked for with --train.report-to.

A run that goes on goes on there, too: steps that will be done again are dropped (TensorBoard), or the run is reopened
under the same name (the others).
"""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any

from pixlm.training.config import RunConfig, to_dict
from pixlm.training.watch import Observer, Quiet, Row


def trackers(config: RunConfig, folder: Path) -> list[Observer]:
    """Those that the settings ask for."""
    kinds: dict[str, Any] = {"tensorboard": TensorBoard, "trackio": Experiment, "wandb": Experiment}
    return [kinds[name](name, config, folder) for name in config.train.report_to]


def flat(row: Row) -> dict[str, float]:
    """Groups as NAME/MEMBER, and nothing that is no number."""
    found: dict[str, float] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= {f"{name}/{member}": each for member, each in value.items()}
        elif value is not None:
            found[name] = value
    return found


class TensorBoard(Quiet):
    """Event files in the run's folder: `tensorboard --logdir RUN`."""

    def __init__(self, name: str, config: RunConfig, folder: Path):
        self.folder = folder / "tensorboard"
        self.writer: Any = None

    def on_begin(self, step: int, steps: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(self.folder), purge_step=step + 1)

    def on_log(self, step: int, row: Row) -> None:
        for name, value in flat(row).items():
            self.writer.add_scalar(name, value, step)

    def on_picture(self, step: int, name: str, picture: Any) -> None:
        self.writer.add_image(name, picture, step, dataformats="HWC")

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class Experiment(Quiet):
    """A run of wandb, or of trackio, which has the same functions."""

    def __init__(self, name: str, config: RunConfig, folder: Path):
        self.module = importlib.import_module(name)
        self.settings = to_dict(config)
        self.folder = folder
        self.running = False

    def on_begin(self, step: int, steps: int) -> None:
        options: dict[str, Any] = {}
        if self.module.__name__ == "wandb":
            place = hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()
            options = {"id": place[:16], "dir": str(self.folder)}
        self.module.init(project="pixlm", name=self.folder.name, config=self.settings, resume="allow", **options)
        self.running = True

    def on_log(self, step: int, row: Row) -> None:
        self.module.log(flat(row), step=step)

    def on_picture(self, step: int, name: str, picture: Any) -> None:
        self.module.log({name: self.module.Image(picture)}, step=step)

    def close(self) -> None:
        if self.running:
            self.module.finish()
            self.running = False
