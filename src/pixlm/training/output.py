"""The output folder of a run: starting, resuming, and refusing to overwrite.

A folder is a run of ours when it holds run.yaml. It is finished when it holds metrics.json. One process at a time
writes to it, which holds a lock on the file .lock in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

import pixlm
from pixlm import files
from pixlm.data import digests
from pixlm.data.pretraining.documents import HUB
from pixlm.data.splits import SPLITS, Sources
from pixlm.errors import UsageError
from pixlm.models import PRESETS
from pixlm.training.config import RunConfig, to_dict, to_yaml

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

RUN, INPUTS, LOG, METRICS, LOCK = "run.yaml", "inputs.json", "log.jsonl", "metrics.json", ".lock"

# Settings that change neither the data nor what is computed, at most how it is rounded: a run may go on with other
# values of these.
_FREE = {
    "output",
    "train.workers",
    "train.worker_timeout",
    "train.log_steps",
    "train.keep_checkpoints",
    "train.report_to",
    "train.micro_batch_size",
    "train.eval_batch_size",
    "train.gradient_checkpointing",
    "train.compile",
    "train.sharding",
    "train.non_finite",
    "train.spikes",
    "train.save_steps",
    "data.cache",
    "data.workers",
}


# Groups of settings that are about watching a run and where it runs.
_ASIDE = ("pictures", "slurm")

# Settings that name files or folders.
_PATHS = (
    *("data.path", "data.sources", "data.train", "data.dev", "data.test"),
    *("render.font", "render.fallback_fonts", "page.tokenizer"),
)


class Lock:
    """The right to write to a folder: other processes are refused it while this object lives.

    Data loaders' processes do not inherit it, so that none of them holds it after its parent was killed. In a run of
    several processes the first one has it for all. On file systems and platforms without locks there is none.

    Raises UsageError where another process has it.
    """

    def __init__(self, folder: Path):
        if fcntl is None or os.environ.get("RANK", "0") != "0":
            return
        path = folder / LOCK
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = _is_at(handle, path)  # else the one who had it took the file away after we opened it
        except (BlockingIOError, PermissionError):
            taken = False
        except OSError:  # a file system without locks
            os.close(handle)
            return
        if not taken:
            os.close(handle)
            raise UsageError(f"{folder}: another process is writing a run there; wait for it, or name another --output")
        # Gone with the object, and with the process at the latest.
        weakref.finalize(self, _unlock, path, handle, os.getpid())


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _unlock(path: Path, handle: int, owner: int) -> None:
    if os.getpid() == owner:  # a forked child has the object, but not the lock
        with contextlib.suppress(OSError):
            path.unlink()
    os.close(handle)


@dataclass(frozen=True)
class Output:
    """An output folder that is ready; checkpoint: the one to resume from; notes: lines to tell the user; lock: keeps
    other processes out."""

    folder: Path
    checkpoint: Path | None
    notes: tuple[str, ...]
    lock: Lock = field(repr=False, compare=False)


def prepare(config: RunConfig, command: str, sources: Sources) -> Output:
    """Create the output folder, or find out where an unfinished run of the same configuration stopped.

    Raises UsageError for any other folder that is not empty, and for data that changed since, and says how to go on.
    """
    if not 0 <= config.seed < 2**32:
        raise UsageError(f"--seed {config.seed}: must be at least 0 and below 2**32")
    if not config.output:
        raise UsageError("no output folder given; name one with --output DIR")
    try:
        named = b"\0" not in os.fsencode(config.output)
    except UnicodeEncodeError:
        named = False
    if not named:
        raise UsageError(f"--output {config.output!r}: holds characters that no name of a folder can have")
    folder = Path(config.output).expanduser()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder with --output DIR")
    if folder.is_dir() and not (folder / RUN).exists() and not _nothing_done(folder):
        raise _no_run(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder)
    mine = recorded(config)
    inputs = {
        split: [
            {"file": str(path.resolve()), "bytes": digests.size(path), "sha256": digests.sha256(path)}
            for path in sources.get(split)
        ]
        for split in SPLITS
    }
    if not _nothing_done(folder):
        _check_same(folder, {"command": command, **mine}, to_dict(type(config)()))
        _check_inputs(folder, inputs)
        checkpoint, problems = files.newest_checkpoint(folder)
        where = f"resuming from {checkpoint.name}" if checkpoint else "no complete checkpoint yet: starting again"
        notes = (*problems, f"{folder}: unfinished run of the same configuration; {where}")
        return Output(folder, checkpoint, notes, lock)
    if os.environ.get("RANK", "0") != "0":  # the first one has written it, and may be adding to it by now
        return Output(folder, None, (), lock)
    header = (
        f"# Written by pixlm {pixlm.__version__}. Again: pixlm {command} --config {shlex.quote(RUN)} --output NEW\n"
    )
    files.write_json(folder / INPUTS, inputs)
    files.write_text(folder / RUN, header + f"command: {command}\n" + to_yaml(mine))
    return Output(folder, None, (), lock)


def recorded(config: RunConfig) -> dict[str, Any]:
    """What run.yaml says of a configuration: names of files are whole paths, so that they mean the same anywhere."""
    values = cast(dict[str, Any], yaml.safe_load(to_yaml(config)))
    if values["model"] not in PRESETS and Path(values["model"]).expanduser().is_dir():
        values["model"] = _whole(values["model"])
    values["output"] = _whole(values["output"])
    for name in _PATHS:
        group, key = name.split(".")
        value = _get(values, name)
        if value is not None:
            if isinstance(value, dict):
                values[group][key] = {each: _whole(one) for each, one in value.items()}
            else:
                values[group][key] = [_whole(one) for one in value] if isinstance(value, list) else _whole(value)
    return values


def _whole(path: str) -> str:
    return path if path.startswith(HUB) else str(Path(path).expanduser().absolute())


def finished(config: RunConfig, command: str) -> dict[str, dict[str, float]] | None:
    """The scores of a finished run of the same configuration in ``config.output``; None where there is none.

    Raises UsageError for a finished run of another configuration.
    """
    folder = Path(config.output).expanduser()
    if not (folder / METRICS).exists():
        return None
    _check_same(folder, {"command": command, **recorded(config)}, to_dict(type(config)()), unfinished=False)
    return cast(dict[str, dict[str, float]], json.loads((folder / METRICS).read_text(encoding="utf-8")))


def _nothing_done(folder: Path) -> bool:
    """Whether a folder is empty, or holds a run that failed before its first checkpoint."""
    first = {RUN, INPUTS, LOG, LOCK}
    return {path.name for path in folder.iterdir()} <= first | {files.aside_of(Path(name)).name for name in first}


def _no_run(folder: Path) -> UsageError:
    return UsageError(f"{folder}: not empty and no run of pixlm; name a new or empty folder with --output DIR")


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


def _check_same(folder: Path, mine: dict[str, Any], defaults: dict[str, Any], *, unfinished: bool = True) -> None:
    """Raise a UsageError unless the folder's run has the settings ``mine``, as far as they decide its result.

    A setting that a run of an older pixlm does not name had its default: new ones leave by default all as it was.
    """
    try:
        theirs = yaml.safe_load((folder / RUN).read_text(encoding="utf-8")) or {}
        if not isinstance(theirs, dict):
            raise ValueError("it holds no settings")
    except FileNotFoundError:
        raise _no_run(folder) from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UsageError(f"{folder / RUN}: cannot be read ({reason}); name another folder with --output DIR") from None
    if unfinished and (folder / METRICS).exists():
        raise UsageError(f"{folder}: holds a finished run; name a new folder with --output DIR, or remove this one")
    before = _completed(theirs, defaults)
    differences = [key for key in _differences(before, mine) if key not in _FREE and not key.startswith(_ASIDE)]
    if differences:
        key = differences[0]
        more = f" and {len(differences) - 1} more" if len(differences) > 1 else ""
        raise UsageError(
            f"{folder}: holds {'an unfinished' if unfinished else 'a'} run with another {key}{more}: "
            f"{_get(before, key)!r} there, {_get(mine, key)!r} here; use the same settings, or name another "
            "--output DIR"
        )


def _completed(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """``values`` with what they lack from ``defaults``."""
    found = defaults | values
    for key, default in defaults.items():
        if isinstance(found[key], dict) and isinstance(default, dict):
            found[key] = _completed(found[key], default)
    return found


def _differences(a: Any, b: Any, prefix: str = "") -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [*a, *(key for key in b if key not in a)]
        return [path for key in keys for path in _differences(a.get(key), b.get(key), f"{prefix}{key}.")]
    return [] if a == b else [prefix.rstrip(".")]


def _get(values: Any, path: str) -> Any:
    for key in path.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values
