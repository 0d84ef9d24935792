"""Models beside each other on the same data with the same budget: `pixlm bench SUITE --model X --baseline Y`.

Every model gets the same examples, steps, batch size, learning rate and schedule, and the checkpoint that is best on
dev. That is equal data and equal updates, not equal arithmetic: what each took in time and memory is measured, each run
in a process of its own.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

import pixlm
from pixlm import files
from pixlm.errors import RunError, UsageError
from pixlm.models.weights import read_json
from pixlm.settings import from_dict
from pixlm.tasks import find_task
from pixlm.tasks.base import Task
from pixlm.training.config import DataConfig, FinetuneConfig, RenderConfig, TrainConfig
from pixlm.training.cost import COST, Cost, mean_cost, measured
from pixlm.training.finetune import settle
from pixlm.training.finetuned import Results
from pixlm.training.output import finished
from pixlm.training.seeds import parse_seeds

SUITES: Mapping[str, tuple[str, ...]] = {
    "ud": ("pos", "parsing"),
    "ner": ("ner",),
    "glue": ("glue",),
    "topic": ("topic",),
}
"""The tasks of each suite."""

REPORT = "bench.json"
_EVALUATIONS = 5  # on dev, in the course of a run


@dataclass(frozen=True)
class Budget:
    """What every model may spend."""

    steps: int
    batch_size: int
    learning_rate: float


BUDGETS: Mapping[str, Budget] = {
    "tiny": Budget(20, 8, 1e-3),
    "small": Budget(1000, 16, 5e-4),
    "medium": Budget(5000, 32, 1e-4),
}


@dataclass
class BenchConfig:
    """Train models on the same data with the same budget, and print one table."""

    model: str = ""
    """Folder, hub id, or the name of an architecture to start from scratch."""
    baseline: tuple[str, ...] = ("bert-nano",)
    """Models to compare it with, named alike."""
    data: tuple[str, ...] = ()
    """Folders of data, in the suite's format."""
    budget: Literal["tiny", "small", "medium"] = "small"
    """Steps, examples a step, learning rate: tiny 20, 8, 1e-3; small 1000, 16, 5e-4; medium 5000, 32, 1e-4."""
    steps: int | None = None
    """Optimizer steps, instead of the budget's."""
    batch_size: int | None = None
    """Examples a step, instead of the budget's."""
    learning_rate: float | None = None
    """Highest learning rate, instead of the budget's."""
    dropout: float = 0.1
    """Dropout of hidden states and attention, of every model; 0 for those pretrained without, as pixlm-tiny was."""
    seeds: str = "42"
    """Seeds, such as 0,1,2: each model is trained once with each."""
    output: str = ""
    """Folder for the runs, bench.json and the table."""
    render: RenderConfig = field(default_factory=RenderConfig)
    """How text is drawn for pixel models; max-seq-length is for all."""

    @property
    def spent(self) -> Budget:
        """The budget with what was given instead of its parts."""
        budget = BUDGETS[self.budget]
        return Budget(
            budget.steps if self.steps is None else self.steps,
            budget.batch_size if self.batch_size is None else self.batch_size,
            budget.learning_rate if self.learning_rate is None else self.learning_rate,
        )


@dataclass(frozen=True)
class Row:
    """One model, or a trivial guess, on one data set; ``scores`` of each seed.

    cost: the mean over seeds, None of guesses and of runs that had been interrupted; lost: words or characters of the
    split that did not fit.
    """

    data: str
    task: str
    model: str
    split: str
    metric: str
    scores: tuple[float, ...]
    lost: float | None = None
    cost: Cost | None = None

    @property
    def mean(self) -> float:
        return statistics.fmean(self.scores)

    @property
    def deviation(self) -> float | None:
        """The sample's (n - 1); None of a single run."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else None


def bench(suite: str, config: BenchConfig) -> list[Row]:
    """Train every model on every data set with every seed; writes ``bench.json`` and returns the table.

    Finished runs in the output folder are taken over if they are of the same configuration.

    Raises UsageError for an unknown suite, where data, models or output are missing, and for two of the same name.
    """
    if suite not in SUITES:
        raise UsageError(f"no suite {suite!r}; suites: {', '.join(SUITES)}")
    if not config.data:
        raise UsageError("no data given; name one or more folders with --data")
    if not config.output:
        raise UsageError("no output folder given; name one with --output DIR")
    models, data = by_name((config.model, *config.baseline), "--baseline"), by_name(config.data, "--data")
    seeds = parse_seeds(config.seeds)
    folder = Path(config.output).expanduser()
    rows: list[Row] = []
    for data_name, path in data.items():
        for task_name in SUITES[suite]:
            guesses: list[Row] = []
            for model_name, model in models.items():
                place = folder / data_name / task_name / model_name
                plans = [_plan(find_task(task_name), config, model, path, place, seed) for seed in seeds]
                task = settle(task_name, plans[0])[0]
                runs = [_run(task, plan) for plan in plans]
                row = _row(task, data_name, model_name, runs)
                rows.append(row)
                guesses = _guesses(row, runs[0][0])
            rows += guesses
    report = {
        "suite": suite,
        "budget": dataclasses.asdict(config.spent),
        "seeds": seeds,
        "machine": _machine(),
        "rows": [{**dataclasses.asdict(row), "mean": row.mean, "deviation": row.deviation} for row in rows],
    }
    files.write_json(folder / REPORT, report)
    return rows


def by_name(paths: Sequence[str], flag: str) -> dict[str, str]:
    """Models or data by the last part of their path; raises UsageError for two of one name."""
    names = [Path(path).expanduser().resolve().name for path in paths]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"{flag}: two are called {twice[0]}; the table could not tell them apart")
    return dict(zip(names, paths, strict=True))


def _plan(task: Task[Any], config: BenchConfig, model: str, data: str, place: Path, seed: int) -> FinetuneConfig:
    """The configuration of one run: the task's recipe, with the budget in place of its training."""
    budget = config.spent
    recipe = {name: value for name, value in task.recipe.items() if name != "train"}
    base = from_dict(recipe, FinetuneConfig(task=task.options), f"recipe of {task.name}")
    given = {name: value for name, value in dataclasses.asdict(config.render).items() if value is not None}
    return dataclasses.replace(
        base,
        model=model,
        # A cache would take the drawing out of the cost of all runs but the first.
        data=DataConfig(path=data, cache=False),
        output=str(place / f"seed-{seed}"),
        seed=seed,
        render=dataclasses.replace(base.render, **given),
        train=TrainConfig(
            max_steps=budget.steps,
            batch_size=budget.batch_size,
            learning_rate=budget.learning_rate,
            eval_steps=max(1, budget.steps // _EVALUATIONS),
            keep_checkpoints=1,
            dropout=config.dropout,
            log_steps=max(1, budget.steps // 20),
        ),
    )


def _run(task: Task[Any], config: FinetuneConfig) -> tuple[Results, Cost | None]:
    """(scores, cost) of one run; taken from its folder where it is done."""
    done = finished(dataclasses.replace(config, task=task.options), f"finetune {task.name}")
    path = Path(config.output) / COST
    if done is None:
        # A process of its own, so that memory that another run has left behind does not count.
        try:
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                done = pool.submit(measured, task.name, config).result()
        except BrokenProcessPool:
            raise RunError(f"{config.output}: the run's process was killed; was there too little memory?") from None
    cost = Cost(**read_json(path)) if path.is_file() else None
    return done, cost


def _row(task: Task[Any], data: str, model: str, runs: Sequence[tuple[Results, Cost | None]]) -> Row:
    split = "test" if "test" in runs[0][0] else "dev"
    if split not in runs[0][0]:
        raise UsageError(f"{data}: no dev or test split, so there is nothing to compare the models by")
    results = [scores[split] for scores, _ in runs]
    costs = [cost for _, cost in runs if cost is not None]
    return Row(
        data=data,
        task=task.name,
        model=model,
        split=split,
        metric=task.metric,
        scores=tuple(scores.get(task.metric, 0.0) for scores in results),
        lost=statistics.fmean(scores["lost"] for scores in results),
        cost=mean_cost(costs) if costs else None,
    )


def _guesses(row: Row, results: Results) -> list[Row]:
    """Rows of the trivial guesses that a run scores beside its model (``majority_accuracy`` ...)."""
    scores = results[row.split]
    ending = f"_{row.metric}"
    names = [name.removesuffix(ending) for name in scores if name.endswith(ending)]
    return [Row(row.data, row.task, f"({name})", row.split, row.metric, (scores[name + ending],)) for name in names]


def _machine() -> dict[str, Any]:
    gpu = torch.cuda.is_available()
    return {
        "device": torch.cuda.get_device_name() if gpu else platform.processor() or platform.machine(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "pixlm": pixlm.__version__,
    }
