"""Caches in files: plain arrays, mapped into memory, so that processes which load the same file share it.

A file is a line of JSON, padded with spaces, then the arrays. It is never executed or unpickled, and its content is
checked before it is used.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_FORMAT = "pixlm renderer caches 1"
_ALIGNMENT = 64  # bytes


class Unusable(Exception):
    """A file that holds no caches, or not those that are asked for; the message says why."""


def write(path: Path, fingerprint: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays beside ``path`` and put them there once they are complete."""
    entries, offset = [], 0
    for name, array in arrays.items():
        entries.append({"name": name, "dtype": array.dtype.str, "shape": array.shape, "offset": offset})
        offset += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
    header = {"format": _FORMAT, "fingerprint": dict(fingerprint), "arrays": entries, "sha256": digest.hexdigest()}
    line = json.dumps(header).encode()
    line += b" " * (-(len(line) + 1) % _ALIGNMENT) + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            file.write(line)
            for array in arrays.values():
                file.write(array.tobytes())
                file.write(b"\0" * (-array.nbytes % _ALIGNMENT))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def read(path: Path, fingerprint: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a file, read-only and mapped into memory.

    Raises:
        OSError: it cannot be read.
        Unusable: it is damaged, or of a renderer with another fingerprint.
    """
    with path.open("rb") as file:
        line = file.readline(1 << 20)
        try:
            header = json.loads(line)
            known = header["format"] == _FORMAT
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise Unusable("it holds no caches of this version of pixlm")
        if header["fingerprint"] != json.loads(json.dumps(fingerprint)):
            raise Unusable("it is of a renderer with other fonts, settings or libraries")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    arrays: dict[str, np.ndarray] = {}
    digest = hashlib.sha256()
    try:
        for entry in header["arrays"]:
            dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
            count = int(np.prod(shape, dtype=np.int64))
            if dtype.hasobject or count < 0:
                raise ValueError
            array = np.frombuffer(mapped, dtype, count, len(line) + entry["offset"])
            digest.update(array.data.cast("B") if count else b"")
            arrays[entry["name"]] = array.reshape(shape)
    except (ValueError, KeyError, TypeError):
        raise Unusable("it is damaged") from None
    if digest.hexdigest() != header["sha256"]:
        raise Unusable("it is damaged")
    return arrays


def strings(texts: list[str]) -> np.ndarray:
    """Texts as one array of bytes; they hold no line feed, as no word does."""
    return np.frombuffer("\n".join(texts).encode("utf-8"), np.uint8)


def texts_of(array: np.ndarray) -> list[str]:
    """What `strings` was given, a list of at least one text."""
    return array.tobytes().decode("utf-8").split("\n")
