"""The same run with several seeds: `pixlm finetune TASK ... --seeds 0,1,2 --output DIR`.

Each seed is a run of its own in ``DIR/seed-N``, resumed or skipped as its folder says; ``DIR/metrics.json`` then holds
mean and standard deviation of every score.
"""

from __future__ import annotations

import dataclasses
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from pixlm import files
from pixlm.errors import UsageError
from pixlm.training.config import FinetuneConfig
from pixlm.training.finetune import finetune, settle
from pixlm.training.finetuned import Results
from pixlm.training.launch import is_main_process
from pixlm.training.output import METRICS, finished


def finetune_seeds(task_name: str, config: FinetuneConfig) -> Results:
    """Fine-tune once per seed of ``config.seeds``; returns means, with deviations as ``NAME_std``.

    The deviation is the sample's (n - 1). Raises UsageError for seeds that are no list of numbers.
    """
    seeds = parse_seeds(config.seeds or "")
    _, config, _ = settle(task_name, config)
    if not config.output:
        raise UsageError("no output folder given; name one with --output DIR")
    folder = Path(config.output).expanduser()
    if folder.is_dir() and any(not re.fullmatch(rf"seed-\d+|{METRICS}", path.name) for path in folder.iterdir()):
        raise UsageError(f"{folder}: holds something else than runs of several seeds; name another --output DIR")
    runs: list[Mapping[str, Mapping[str, float]]] = []
    for seed in seeds:
        one = dataclasses.replace(config, seed=seed, seeds=None, output=str(folder / f"seed-{seed}"))
        done = finished(one, f"finetune {task_name}")
        runs.append(done if done is not None else finetune(task_name, one))
    results = summary(runs)
    if is_main_process():
        files.write_json(folder / METRICS, results)
    return results


def parse_seeds(text: str) -> list[int]:
    """``"0,1,2"`` -> [0, 1, 2]"""
    parts = [part for part in re.split(r"[,\s]+", text.strip()) if part]
    if not parts or not all(part.isdigit() for part in parts) or len(set(parts)) < len(parts):
        raise UsageError(f"--seeds {text!r}: must be different whole numbers, such as 0,1,2")
    return [int(part) for part in parts]


def summary(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> Results:
    """Mean and standard deviation of every score that all runs have."""
    results: Results = {}
    for split, first in runs[0].items():
        row: dict[str, float] = {}
        for name, value in first.items():
            values = [run[split][name] for run in runs if name in run.get(split, {})]
            if len(values) < len(runs):
                continue
            row[name] = value if len(set(values)) == 1 else statistics.fmean(values)
            if len(set(values)) > 1:
                row[f"{name}_std"] = statistics.stdev(values)
        results[split] = {**row, "runs": len(runs)}
    return results
