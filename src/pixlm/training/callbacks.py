"""What a person sees of a run: a progress bar, log.jsonl, and Ctrl-C that loses nothing."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from transformers import TrainerCallback, TrainingArguments

from pixlm import files

_HIDDEN = {"epoch", "total_flos", "train_runtime", "train_samples_per_second", "train_steps_per_second", "train_loss"}


class JsonlLog(TrainerCallback):
    """Appends every log entry to log.jsonl; on resuming, drops entries of steps that will be done again."""

    def __init__(self, path: Path):
        self.path = path

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        if not state.is_world_process_zero or not self.path.exists():
            return
        kept = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                if json.loads(line)["step"] <= state.global_step:
                    kept.append(line + "\n")
            except (ValueError, KeyError, TypeError):
                continue  # a crash can leave half a line at the end
        files.write_text(self.path, "".join(kept))

    def on_log(self, args: TrainingArguments, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if state.is_world_process_zero and logs:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": state.global_step, **logs}) + "\n")


class ProgressBar(TrainerCallback):
    """A bar with step, loss and remaining time on a terminal; a line now and then elsewhere."""

    def __init__(self, title: str):
        self.title = title
        self.console = Console(stderr=True)
        self.progress: Progress | None = None
        self.values: dict[str, float] = {}

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        if not state.is_world_process_zero or not self.console.is_terminal:
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
        self.task = self.progress.add_task(self.title, total=state.max_steps, completed=state.global_step, values="")
        self.progress.start()

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        if self.progress is not None:
            self.progress.update(self.task, completed=state.global_step)

    def on_log(self, args: TrainingArguments, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        shown = {name: value for name, value in (logs or {}).items() if name not in _HIDDEN}
        if not state.is_world_process_zero or not shown:
            return
        self.values.update(shown)
        if self.progress is not None:
            parts = [f"{name.removeprefix('eval_')} {self.values[name]:.4g}" for name in _shown(self.values)]
            self.progress.update(self.task, values="  ".join(parts))
        else:
            parts = [f"{name} {shown[name]:.4g}" for name in _shown(shown)]
            if parts:
                print(f"{self.title}: step {state.global_step}/{state.max_steps}  {'  '.join(parts)}", file=sys.stderr)

    def on_train_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None


def _shown(values: dict[str, float]) -> list[str]:
    """The names worth room on one line."""
    wanted = ("loss", "learning_rate", "eval_loss")
    scores = ("accuracy", "f1", "macro_f1", "las", "matthews", "spearman")
    return [name for name in (*wanted, *(f"eval_{each}" for each in scores)) if name in values]


class StopOnSignal(TrainerCallback):
    """On Ctrl-C or SIGTERM (which clusters send before the time is up): finish the step, save, stop.

    A second signal stops at once; the newest complete checkpoint stays. Use as a context manager around training.
    """

    def __init__(self) -> None:
        self.asked = False
        """Whether the run is to stop; the same in all processes after a step."""
        self._signals = 0
        self._old: dict[int, Any] = {}

    def __enter__(self) -> StopOnSignal:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._old[number] = signal.signal(number, self._ask)
            except ValueError:  # not in the main thread: the caller's signals are the caller's
                break
        return self

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:
            raise KeyboardInterrupt
        self.asked = True
        print("\nstopping after this step and saving a checkpoint (once more: stop at once)", file=sys.stderr)

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        if args.world_size > 1:
            # The signal reaches the processes at different steps, but they have to stop at the same one.
            asked = torch.tensor(int(self.asked), device=args.device)
            torch.distributed.all_reduce(asked, op=torch.distributed.ReduceOp.MAX)
            self.asked = bool(asked.item())
        if self.asked:
            control.should_save = True
            control.should_training_stop = True


class Patience(TrainerCallback):
    """Stops when ``evaluations`` evaluations in a row were no better than the best before them.

    It keeps no state of its own: the step of the best evaluation is in the checkpoint.
    """

    def __init__(self, evaluations: int, eval_steps: int):
        self.evaluations = evaluations
        self.eval_steps = eval_steps

    def spent(self, step: int, best_step: int | None) -> bool:
        """Whether the patience had run out at the last evaluation up to ``step``."""
        return best_step is not None and step // self.eval_steps - best_step // self.eval_steps >= self.evaluations

    def on_evaluate(
        self, args: TrainingArguments, state: Any, control: Any, metrics: Any = None, **kwargs: Any
    ) -> None:
        if not is_better(args, state, metrics) and self.spent(state.global_step, state.best_global_step):
            control.should_training_stop = True
            control.should_save = True


class SaveWhatIsBest(TrainerCallback):
    """Saves right after an evaluation that beats all before it, whatever the saving interval."""

    def on_evaluate(
        self, args: TrainingArguments, state: Any, control: Any, metrics: Any = None, **kwargs: Any
    ) -> None:
        if is_better(args, state, metrics):
            control.should_save = True


def is_better(args: TrainingArguments, state: Any, metrics: Any) -> bool:
    """Whether an evaluation beats the best one before it."""
    score = (metrics or {}).get(f"eval_{args.metric_for_best_model}")
    if score is None:
        return False
    if state.best_metric is None:
        return True
    return bool(score > state.best_metric if args.greater_is_better else score < state.best_metric)
