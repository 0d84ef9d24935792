"""The output folder of a run: starting, resuming, and refusing to overwrite.

A folder is a run of ours when it holds run.yaml. It is finished when it holds metrics.json.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

import pixlm
from pixlm import files
from pixlm.data.splits import SPLITS, Sources
from pixlm.errors import UsageError
from pixlm.training.config import RunConfig, to_yaml

RUN, INPUTS, LOG, METRICS = "run.yaml", "inputs.json", "log.jsonl", "metrics.json"

# Settings that change neither the data nor the arithmetic: a run may go on with other values of these.
_FREE = {
    "output",
    "train.workers",
    "train.log_steps",
    "train.keep_checkpoints",
    "train.report_to",
    "train.save_steps",
    "data.cache",
}


@dataclass(frozen=True)
class Output:
    """An output folder that is ready; checkpoint: the one to resume from; notes: lines to tell the user."""

    folder: Path
    checkpoint: Path | None
    notes: tuple[str, ...]


def prepare(config: RunConfig, command: str, sources: Sources) -> Output:
    """Create the output folder, or find out where an unfinished run of the same configuration stopped.

    Raises UsageError for any other folder that is not empty, and for data that changed since, and says how to go on.
    """
    if not 0 <= config.seed < 2**32:
        raise UsageError(f"--seed {config.seed}: must be at least 0 and below 2**32")
    if not config.output:
        raise UsageError("no output folder given; name one with --output DIR")
    folder = Path(config.output).expanduser()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder with --output DIR")
    mine = yaml.safe_load(to_yaml(config))
    inputs = {
        split: [
            {"file": str(path.resolve()), "bytes": path.stat().st_size, "sha256": files.sha256(path)}
            for path in sources.get(split)
        ]
        for split in SPLITS
    }
    if folder.is_dir() and not _nothing_done(folder):
        _check_same(folder, {"command": command, **mine})
        _check_inputs(folder, inputs)
        checkpoint, problems = files.newest_checkpoint(folder)
        where = f"resuming from {checkpoint.name}" if checkpoint else "no complete checkpoint yet: starting again"
        return Output(folder, checkpoint, (*problems, f"{folder}: unfinished run of the same configuration; {where}"))
    folder.mkdir(parents=True, exist_ok=True)
    header = (
        f"# Written by pixlm {pixlm.__version__}. Again: pixlm {command} --config {shlex.quote(RUN)} --output NEW\n"
    )
    files.write_json(folder / INPUTS, inputs)
    files.write_text(folder / RUN, header + f"command: {command}\n" + to_yaml(config))
    return Output(folder, None, ())


def finished(config: RunConfig, command: str) -> dict[str, dict[str, float]] | None:
    """The scores of a finished run of the same configuration in ``config.output``; None where there is none.

    Raises UsageError for a finished run of another configuration.
    """
    folder = Path(config.output).expanduser()
    if not (folder / METRICS).exists():
        return None
    _check_same(folder, {"command": command, **yaml.safe_load(to_yaml(config))}, unfinished=False)
    return cast(dict[str, dict[str, float]], json.loads((folder / METRICS).read_text(encoding="utf-8")))


def _nothing_done(folder: Path) -> bool:
    """Whether a folder is empty, or holds a run that failed before its first checkpoint."""
    return {path.name for path in folder.iterdir()} <= {RUN, INPUTS, LOG}


def _check_inputs(folder: Path, mine: dict[str, Any]) -> None:
    try:
        theirs = json.loads((folder / INPUTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UsageError(f"{folder / INPUTS}: missing or damaged; name another folder with --output DIR") from None
    for split, rows in mine.items():
        before = [row["sha256"] for row in theirs.get(split, [])]
        if before != [row["sha256"] for row in rows]:
            raise UsageError(
                f"{folder}: the {split} data changed since this run began; resume with the same files, or name another "
                "--output DIR"
            )


def _check_same(folder: Path, mine: dict[str, Any], *, unfinished: bool = True) -> None:
    try:
        theirs = yaml.safe_load((folder / RUN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{folder}: not empty and no run of pixlm; name a new or empty folder with --output DIR"
        ) from None
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{folder / RUN}: cannot be read ({error}); name another folder with --output DIR") from None
    if unfinished and (folder / METRICS).exists():
        raise UsageError(f"{folder}: holds a finished run; name a new folder with --output DIR, or remove this one")
    differences = [key for key in _differences(theirs or {}, mine) if key not in _FREE]
    if differences:
        key = differences[0]
        more = f" and {len(differences) - 1} more" if len(differences) > 1 else ""
        raise UsageError(
            f"{folder}: holds {'an unfinished' if unfinished else 'a'} run with another {key}{more}: "
            f"{_get(theirs, key)!r} there, {_get(mine, key)!r} here; use the same settings, or name another "
            "--output DIR"
        )


def _differences(a: Any, b: Any, prefix: str = "") -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [*a, *(key for key in b if key not in a)]
        return [path for key in keys for path in _differences(a.get(key), b.get(key), f"{prefix}{key}.")]
    return [] if a == b else [prefix.rstrip(".")]


def _get(values: Any, path: str) -> Any:
    for key in path.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values
