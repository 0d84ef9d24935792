"""What a run took: time, memory, parameters, units."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pixlm import files
from pixlm.data.encoders import Text, said
from pixlm.training.config import FinetuneConfig
from pixlm.training.finetune import finetune
from pixlm.training.finetuned import FinetunedModel, Results, load_finetuned, sources

COST = "cost.json"
_ENCODED = 500  # examples whose units are counted


@dataclass(frozen=True)
class Cost:
    """What a run took.

    seconds: of the whole run, reading and scoring included; cpu_seconds: the same, summed over threads; memory: the
    highest use in MiB beyond what the process held before (of a GPU: the highest allocation), None where the system
    does not tell; units_per_word: of the scored split, separators included, words being what spaces separate.
    """

    seconds: float
    cpu_seconds: float
    memory: float | None
    parameters: int
    units_per_word: float


def mean_cost(costs: Sequence[Cost]) -> Cost:
    """The mean over runs of the same model."""
    first = costs[0]
    known = [cost.memory for cost in costs if cost.memory is not None]
    return dataclasses.replace(
        first,
        seconds=statistics.fmean(cost.seconds for cost in costs),
        cpu_seconds=statistics.fmean(cost.cpu_seconds for cost in costs),
        memory=statistics.fmean(known) if known else None,
    )


def measured(task_name: str, config: FinetuneConfig) -> Results:
    """Fine-tune, and write what it took; of a resumed run it is not known."""
    folder = Path(config.output)
    resumed = bool(files.checkpoints(folder)) if folder.is_dir() else False
    on_gpu = torch.cuda.is_available()
    before, seconds, cpu_seconds = _memory()[0], time.perf_counter(), time.process_time()
    results = finetune(task_name, config)
    seconds, cpu_seconds = time.perf_counter() - seconds, time.process_time() - cpu_seconds
    peak = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else _memory()[1]
    if not resumed:
        model = load_finetuned(task_name, config.output)
        cost = Cost(
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            memory=None if peak is None or before is None else peak - (0.0 if on_gpu else before),
            parameters=sum(parameter.numel() for parameter in model.model.parameters()),
            units_per_word=_units_per_word(model, config),
        )
        files.write_json(folder / COST, dataclasses.asdict(cost))
    return results


def _memory() -> tuple[float | None, float | None]:
    """(memory in use, the most so far) of this process, in MiB."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None, None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) / 1024, int(lines["VmHWM"].split()[0]) / 1024


def _units_per_word(found: FinetunedModel, config: FinetuneConfig) -> float:
    task = found.task
    data = sources(task, config.data)
    split = next(name for name in ("test", "dev", "train") if data.get(name))
    texts = [task.text(example) for example in task.read(data.get(split))[:_ENCODED]]
    return sum(found.encoder.encode(text).length for text in texts) / max(1, sum(map(_words, texts)))


def _words(text: Text) -> int:
    given = said(text)
    if isinstance(given, tuple):
        return sum(map(_words, given))
    return len(given.split() if isinstance(given, str) else given)
