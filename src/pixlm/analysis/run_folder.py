"""What the folder of a run holds, read up to a bound; what is missing or damaged is told, and no error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pixlm.errors import UsageError
from pixlm.training.output import INPUTS, LOG, METRICS, RUN

_MOST_LINES = 200_000
_MOST_BYTES = 64 * 2**20


@dataclass
class Found:
    """What a run's folder holds; ``missing``: a line about each thing that it lacks, or that is damaged."""

    folder: Path
    run: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    predictions: list[dict[str, Any]] = field(default_factory=list)
    predicted: str = ""
    missing: list[str] = field(default_factory=list)


def read_run(folder: Path) -> Found:
    """Read what there is.

    Raises UsageError for a folder that is no run at all.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name the output folder of a run")
    if not any((folder / name).is_file() for name in (RUN, LOG, METRICS)):
        raise UsageError(f"{folder}: is no run of pixlm (none of {RUN}, {LOG} and {METRICS} is there)")
    found = Found(folder)
    found.run = _mapping(found, RUN, yaml.safe_load)
    found.inputs = _mapping(found, INPUTS, json.loads)
    found.metrics = {
        str(name): row for name, row in _mapping(found, METRICS, json.loads).items() if isinstance(row, dict)
    }
    found.log = list(_rows(found, LOG))
    listed = sorted(folder.glob("predictions*.jsonl"), key=lambda path: (path.name != "predictions.jsonl", path.name))
    if listed:
        found.predicted = listed[0].name
        found.predictions = list(_rows(found, found.predicted))
    return found


def _text(found: Found, name: str) -> str | None:
    path = found.folder / name
    try:
        if path.stat().st_size > _MOST_BYTES:
            found.missing.append(f"{name} is larger than {_MOST_BYTES >> 20} MiB and was left out")
            return None
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        unfinished = "; the run is not finished" if name == METRICS else ""
        found.missing.append(f"{name} is missing{unfinished}")
    except (OSError, UnicodeDecodeError) as error:
        found.missing.append(f"{name} cannot be read ({error})")
    return None


def _mapping(found: Found, name: str, parse: Any) -> dict[str, Any]:
    text = _text(found, name)
    if text is None:
        return {}
    try:
        value = parse(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        found.missing.append(f"{name} is damaged ({str(error).splitlines()[0]})")
        return {}
    if not isinstance(value, dict):
        found.missing.append(f"{name} is damaged (it holds no settings)")
        return {}
    return value


def _rows(found: Found, name: str) -> Iterator[dict[str, Any]]:
    text = _text(found, name)
    damaged = 0
    lines = (text or "").splitlines()
    if len(lines) > _MOST_LINES:
        found.missing.append(f"{name}: only the first {_MOST_LINES:,} of {len(lines):,} lines were read")
    for line in lines[:_MOST_LINES]:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            yield row
        else:
            damaged += 1
    if damaged:
        found.missing.append(f"{name}: damaged lines left out: {damaged}")
