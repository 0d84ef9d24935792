"""Files that are whole or not there: writing aside and renaming, and folders with a manifest of checksums.

A folder counts as complete only when its ``manifest.json`` exists and every file it names has the recorded size and
SHA-256. The manifest is written last, inside a folder of another name, and the folder is renamed last of all; so a
crash at any moment leaves either the old state or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def aside_of(path: Path) -> Path:
    """Where a file or folder is written before it gets its name."""
    return path.with_name(f".{path.name}.partial")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text so that ``path`` never holds half of it.

    Lone surrogates, which UTF-8 has no bytes for, are written as JSON spells them (``\\ud800``).
    """
    aside = aside_of(path)
    try:
        with aside.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        error.filename, error.filename2 = str(path), None  # the name that the user gave
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON (indented, keys in the given order) so that ``path`` never holds half of it."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """A JSON file that :func:`write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders, and writes renames through
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_manifest(folder: Path) -> None:
    """Record size and SHA-256 of every file below ``folder``, after making sure that they are on the disk."""
    entries = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST):
        _sync(path)
        entries[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    write_json(folder / MANIFEST, {"files": entries})
    _sync(folder)


def verify(folder: Path) -> str | None:
    """Why ``folder`` is not a complete folder with a manifest, in a few words; ``None`` if it is one."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        expected = {folder / name: (int(entry["bytes"]), str(entry["sha256"])) for name, entry in files.items()}
    except FileNotFoundError:
        return f"{MANIFEST} is missing"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} cannot be read"
    for path, (size, digest) in expected.items():
        if not path.is_file():
            return f"{path.name} is missing"
        try:
            if path.stat().st_size != size or sha256(path) != digest:
                return f"{path.name} is damaged"
        except OSError as error:
            return f"{path.name} cannot be read: {error.strerror or error}"
    return None


def publish(aside: Path, folder: Path) -> None:
    """Turn the filled folder ``aside`` into the complete ``folder``, which it replaces if it is there."""
    write_manifest(aside)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    _sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Hold a file's lock, if nobody else does: whether we do. It goes with the process, however that ends."""
    try:
        import fcntl
    except ImportError:  # Windows: renaming alone keeps files whole
        yield True
        return
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = os.path.samestat(os.fstat(file.fileno()), path.stat())  # else its last owner took the file away
        except OSError:
            ours = False
        try:
            yield ours
        finally:
            if ours:
                with contextlib.suppress(OSError):
                    path.unlink()


def checkpoint_step(folder: Path) -> int | None:
    """N of a folder called ``checkpoint-N``; None for any other name."""
    head, _, number = folder.name.partition("-")
    return int(number) if head == "checkpoint" and number.isdecimal() else None


def checkpoints(run: Path) -> list[Path]:
    """The ``checkpoint-N`` folders of a run, oldest first, complete or not."""
    found = [path for path in run.glob("checkpoint-*") if path.is_dir() and checkpoint_step(path) is not None]
    return sorted(found, key=lambda path: checkpoint_step(path) or 0)


def newest_checkpoint(run: Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint of a run that is complete, and one line about each newer one that is not."""
    problems: list[str] = []
    for path in reversed(checkpoints(run)):
        reason = verify(path)
        if reason is None:
            return path, problems
        problems.append(f"{path}: incomplete checkpoint left out ({reason})")
    return None, problems
