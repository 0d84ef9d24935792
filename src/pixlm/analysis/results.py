"""Results of runs as one table, beside what was published: `pixlm table RUN ...`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import yaml

from pixlm.errors import UsageError
from pixlm.tasks import find_task
from pixlm.training.output import INPUTS, METRICS, RUN


@dataclass(frozen=True)
class Published:
    """One published score; files: regular expression for the names of data files; name: the run's ``task.name``."""

    source: str
    task: str
    data: str
    split: str
    metric: str
    value: float
    files: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Result:
    """One score of a run, or of several seeds; deviation: None for a single run."""

    folder: Path
    task: str
    model: str
    data: str
    split: str
    metric: str
    value: float
    deviation: float | None
    runs: int
    published: tuple[Published, ...]


@cache
def published() -> tuple[Published, ...]:
    """All published scores that are known here (``published.yaml``)."""
    text = package_files("pixlm.analysis").joinpath("published.yaml").read_text(encoding="utf-8")
    return tuple(Published(source=source, **row) for source, rows in yaml.safe_load(text).items() for row in rows)


def results_of(folder: Path) -> list[Result]:
    """The main score of every split of a finished run, or of a folder of runs with several seeds.

    Raises UsageError for a folder that holds no finished fine-tuning run.
    """
    if not (folder / METRICS).is_file():
        raise UsageError(f"{folder}: holds no finished run ({METRICS} is missing)")
    seeds = sorted(folder.glob(f"seed-*/{RUN}"))
    home = folder if (folder / RUN).is_file() else seeds[0].parent if seeds else folder
    try:
        run = yaml.safe_load((home / RUN).read_text(encoding="utf-8"))
        inputs = json.loads((home / INPUTS).read_text(encoding="utf-8"))
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{home}: not a run of pixlm ({error})") from None
    verb, _, task_name = str(run.get("command", "")).partition(" ")
    if verb != "finetune":
        raise UsageError(f"{home}: is a run of pixlm {verb or '?'}; a table shows fine-tuning runs")
    comparable = _comparable(task_name, run, inputs)
    main = find_task(task_name).with_options(run.get("task") or {}).metric
    found = []
    for split, row in metrics.items():
        known = [each for each in comparable if each.split == split]
        for metric in dict.fromkeys([main, *(each.metric for each in known)]):
            if metric in row:
                found.append(
                    Result(
                        folder=folder,
                        task=task_name,
                        model=str(run.get("model", "")),
                        data=_data_name(comparable, inputs),
                        split=split,
                        metric=metric,
                        value=row[metric],
                        deviation=row.get(f"{metric}_std"),
                        runs=row.get("runs", 1),
                        published=tuple(each for each in known if each.metric == metric),
                    )
                )
    return found


def as_markdown(results: Sequence[Result]) -> str:
    """A table in Markdown; scores in per cent, as papers print them."""
    sources = list(dict.fromkeys(each.source for result in results for each in result.published))
    head = ["run", "task", "data", "model", "split", "metric", "score", "seeds", *sources]
    lines = [head, ["---"] * len(head), *([*cells(result, sources)] for result in results)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def cells(result: Result, sources: Sequence[str]) -> list[str]:
    """A result as the cells of a table: run to seeds, then one cell a source of published scores."""
    score = f"{100 * result.value:.1f}"
    if result.deviation is not None:
        score += f" ± {100 * result.deviation:.1f}"
    theirs = {each.source: f"{100 * each.value:.1f}" for each in result.published}
    run = [result.folder.name, result.task, result.data, result.model, result.split, result.metric]
    return [*run, score, str(result.runs), *(theirs.get(source, "") for source in sources)]


def _comparable(task: str, run: dict[str, Any], inputs: dict[str, Any]) -> list[Published]:
    """What was published on the data of a run."""
    names = "\n".join(row["file"] for rows in inputs.values() for row in rows)
    chosen = (run.get("task") or {}).get("name")
    return [
        each
        for each in published()
        if each.task == task
        and (each.name is None or each.name == chosen)
        and (each.files is None or re.search(each.files, names, re.IGNORECASE))
    ]


def _data_name(comparable: Sequence[Published], inputs: dict[str, Any]) -> str:
    names = {each.data for each in comparable}
    if len(names) == 1:
        return names.pop()
    files = [Path(row["file"]) for rows in inputs.values() for row in rows]
    return files[0].parent.name if files else ""
