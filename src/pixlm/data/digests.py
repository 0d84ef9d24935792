"""SHA-256 of files, remembered: a large file is read for it once, and again only when it has changed.

What is remembered lies in ``$PIXLM_CACHE/digests``, under the file's path, size, time of change and inode.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from pixlm import files

_SMALL = 2**20
"""Files below this many bytes are simply read."""


def cache_folder(name: str) -> Path:
    """The folder of one kind of cached things, in ``$PIXLM_CACHE`` or ``~/.cache/pixlm``; it need not exist."""
    chosen = os.environ.get("PIXLM_CACHE")
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pixlm"
    return base / name


def size(path: Path) -> int:
    """Bytes of a file, or of the files in a folder and the folders in it."""
    if path.is_dir():
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    return path.stat().st_size


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, or of the names and contents of the files in a folder."""
    if path.is_dir():
        inside = [[each.name, sha256(each)] for each in sorted(path.iterdir()) if each.is_file()]
        return hashlib.sha256(json.dumps(inside).encode()).hexdigest()
    stat = path.stat()
    if stat.st_size < _SMALL:
        return files.sha256(path)
    identity = f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ino}"
    note = cache_folder("digests") / hashlib.blake2b(identity.encode("utf-8", "surrogateescape")).hexdigest()[:40]
    with contextlib.suppress(OSError):
        known = note.read_text(encoding="ascii")
        if len(known) == 64:
            return known
    digest = files.sha256(path)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
        note.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(note, digest)
    return digest
