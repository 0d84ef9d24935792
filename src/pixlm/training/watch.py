"""What a person sees of a run: how fast it is, one line per interval, a progress bar, log.jsonl, trackers."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from transformers import PreTrainedModel

from pixlm import files
from pixlm.rendering.picture import save_png

Row = Mapping[str, Any]
"""One entry of the log: numbers by name, and groups of numbers such as examples by source."""


class Observer(Protocol):
    """Something that follows a run."""

    def on_begin(self, step: int, steps: int) -> None:
        """Training begins, or goes on, after ``step`` of ``steps`` steps."""

    def on_step(self, step: int) -> None:
        """A step is done."""

    def on_log(self, step: int, row: Row) -> None:
        """There is an entry for the log."""

    def on_picture(self, step: int, name: str, picture: NDArray[np.uint8]) -> None:
        """There is a picture [height, width, 3] of what the model does."""

    def close(self) -> None:
        """Training has ended, for whatever reason."""


class Quiet:
    """An observer that does nothing: the base of those that care for a part."""

    def on_begin(self, step: int, steps: int) -> None: ...

    def on_step(self, step: int) -> None: ...

    def on_log(self, step: int, row: Row) -> None: ...

    def on_picture(self, step: int, name: str, picture: NDArray[np.uint8]) -> None: ...

    def close(self) -> None: ...


Pictures = Callable[[int, PreTrainedModel], Mapping[str, NDArray[np.uint8]]]
"""What to show after a step, by name, mostly nothing; called in every process, since the model may be sharded."""


class PictureFiles(Quiet):
    """Keeps pictures as PNG in the folder ``pictures`` of a run."""

    def __init__(self, folder: Path):
        self.folder = folder / "pictures"

    def on_picture(self, step: int, name: str, picture: NDArray[np.uint8]) -> None:
        self.folder.mkdir(exist_ok=True)
        save_png(picture, self.folder / f"step-{step}-{name}.png")


class Meter:
    """Speed since the last log entry: of the steps themselves, without evaluation and saving.

    unit: what is counted, "patches" or "tokens"; peak: operations per second of all devices together; None where
    arithmetic is not counted.
    """

    def __init__(self, unit: str, peak: float | None):
        self.unit = unit
        self.peak = peak
        self.began: float | None = None
        self.first = 0
        self._clear()

    def _clear(self) -> None:
        self.seconds = self.waited = 0.0
        self.units, self.flops, self.counted = 0, 0, True

    @contextmanager
    def step(self) -> Iterator[None]:
        """Around all of a step."""
        start = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - start

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around asking for the next batch."""
        start = time.perf_counter()
        yield
        self.waited += time.perf_counter() - start

    def add(self, units: int, flops: int | None) -> None:
        """Units (patches, tokens) and arithmetic of a step, over all processes."""
        self.units += units
        self.flops += flops or 0
        self.counted = self.counted and flops is not None

    def begin(self, step: int) -> None:
        """Training begins after ``step``."""
        self.began, self.first = time.perf_counter(), step

    def read(self, step: int, steps: int) -> dict[str, float]:
        """The numbers since the last call: rates, shares, seconds in steps; ``eta`` counts evaluation and saving, too,
        as they were so far."""
        assert self.began is not None
        seconds = max(self.seconds, 1e-9)
        per_step = (time.perf_counter() - self.began) / max(1, step - self.first)
        row = {f"{self.unit}_per_second": self.units / seconds, "data_wait": self.waited / seconds}
        if self.peak is not None and self.counted:
            row["mfu"] = self.flops / seconds / self.peak
        row |= {"seconds": self.seconds, "eta": per_step * (steps - step)}
        self._clear()
        return row


class JsonlLog(Quiet):
    """Appends every entry to log.jsonl; on resuming, drops those of steps that will be done again."""

    def __init__(self, path: Path):
        self.path = path

    def on_begin(self, step: int, steps: int) -> None:
        if not self.path.exists():
            return
        kept = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except (ValueError, KeyError, TypeError):
                continue  # a crash can leave half a line at the end
        files.write_text(self.path, "".join(kept))

    def on_log(self, step: int, row: Row) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **row}) + "\n")


class ProgressBar(Quiet):
    """A bar with step, loss, speed and remaining time on a terminal; a line per entry elsewhere."""

    def __init__(self, title: str):
        self.title = title
        self.console = Console(stderr=True)
        self.progress: Progress | None = None
        self.values: dict[str, Any] = {}
        self.steps = 0

    def on_begin(self, step: int, steps: int) -> None:
        self.steps = steps
        if not self.console.is_terminal:
            return
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[values]}"),
            console=self.console,
        )
        self.task = self.progress.add_task(self.title, total=steps, completed=step, values="")
        self.progress.start()

    def on_step(self, step: int) -> None:
        if self.progress is not None:
            self.progress.update(self.task, completed=step)

    def on_log(self, step: int, row: Row) -> None:
        self.values.update(row)
        if self.progress is not None:
            self.progress.update(self.task, values=line(self.values, skip=("eta",)))
        else:
            text = line(row)
            if text:
                print(f"{self.title}: step {step}/{self.steps}  {text}", file=sys.stderr)

    def close(self) -> None:
        """Give the terminal back."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None


_SCORES = ("accuracy", "f1", "macro_f1", "las", "matthews", "spearman")
_SHOWN = {
    "loss": "loss {:.4g}",
    "grad_norm": "norm {:.3g}",
    "learning_rate": "lr {:.3g}",
    "patches_per_second": "{:,.0f} patches/s",
    "tokens_per_second": "{:,.0f} tokens/s",
    "mfu": "MFU {:.1%}",
    "data_wait": "data wait {:.1%}",
    "skipped": "skipped {}",
    "eval_loss": "dev loss {:.4g}",
    **{f"eval_{name}": f"dev {name} {{:.4g}}" for name in _SCORES},
}


def line(row: Row, skip: tuple[str, ...] = ()) -> str:
    """The numbers worth room on one line."""
    parts = [text.format(row[name]) for name, text in _SHOWN.items() if row.get(name) is not None and name not in skip]
    if "seen" in row:
        parts.append(" ".join(f"{name} {count}" for name, count in row["seen"].items()))
    if "eta" in row and "eta" not in skip:
        parts.append(f"ETA {duration(row['eta'])}")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """``"2 d 3 h"``, ``"2 h 5 min"``, ``"4 min 12 s"`` or ``"12 s"``."""
    whole = round(seconds)
    for long, short, size, part in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if whole >= size:
            return f"{whole // size} {long} {whole % size // part} {short}"
    return f"{whole} s"
