"""Packed blocks on disk: what one unit of a corpus became, kept in the cache and memory-mapped.

A part is a folder named by a hash of what it depends on: the unit's bytes, how it is read and cleaned, and how wide its
text is drawn. So a corpus is packed once, by whichever process or machine comes first, and a run that starts again
opens it without reading a source. Parts are written aside and renamed; an interrupted packing goes on with the next
part.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import shutil
import tempfile
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixlm import files
from pixlm.data import digests
from pixlm.data.encoders import InputEncoder
from pixlm.data.pretraining.blocks import Cleaner, pack
from pixlm.data.pretraining.documents import Found, Reading, Unit, documents, kind_of, units_of
from pixlm.data.workers import in_worker, workers_must_live
from pixlm.errors import RunError

_VERSION = 2
"""Of the format and of the way of packing: part of every key."""

_TEXT, _ENDS, _UNITS, _DOCUMENT, _HASHES, _SUMMARY = (
    "text.bin",
    "ends.npy",
    "units.npy",
    "document.npy",
    "hashes.npy",
    "summary.json",
)


@dataclass(frozen=True)
class Packing:
    """How units become blocks; see :class:`Reading` and :class:`~pixlm.data.pretraining.blocks.Cleaner`."""

    reading: Reading = field(default_factory=Reading)
    clean: str = "spaces"


@dataclass(frozen=True)
class Summary:
    """What a part holds, and what was met in packing it."""

    blocks: int
    documents: int
    characters: int
    units: int
    invalid: int
    skipped: int
    messages: Sequence[str]
    letters: str
    """Each different character once."""


class Part:
    """Blocks of one unit: ``len(part)`` texts, their ``units`` [n], the ``document`` [n] each is of, and the ``hashes``
    of the documents [documents] (of what they say, white space aside)."""

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            self.summary = Summary(**json.loads((folder / _SUMMARY).read_text(encoding="utf-8")))
            self._open()
        except (OSError, ValueError, TypeError) as error:
            raise RunError(
                f"{folder}: is damaged ({' '.join(str(error).split())[:100]}); remove it, and the same command packs "
                "its text again"
            ) from None

    def _open(self) -> None:
        def load(name: str) -> np.ndarray:
            try:
                return np.load(self.folder / name, mmap_mode="r" if self.summary.blocks else None, allow_pickle=False)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None

        self.ends, self.units, self.document, self.hashes = map(load, (_ENDS, _UNITS, _DOCUMENT, _HASHES))
        empty = not self.summary.blocks
        self._text = np.empty(0, np.uint8) if empty else np.memmap(self.folder / _TEXT, np.uint8, mode="r")

    def __getstate__(self) -> tuple[Path, Summary]:  # workers map the files again
        return self.folder, self.summary

    def __setstate__(self, state: tuple[Path, Summary]) -> None:
        self.folder, self.summary = state
        self._open()

    def __len__(self) -> int:
        return self.summary.blocks

    def text(self, index: int) -> str:
        """One block."""
        start = int(self.ends[index - 1]) if index else 0
        return self._text[start : int(self.ends[index])].tobytes().decode("utf-8")


def packed(
    paths: Sequence[str], encoder: InputEncoder, packing: Packing, *, workers: int = 1
) -> Iterator[tuple[str, list[Part]]]:
    """(path, its parts) of every path, packed now where they are not in the cache yet.

    Several processes may be packing the same corpus: each takes the parts that no other is at. Raises UsageError for
    bad input (what is packed by then is kept) and RunError for a full disk.
    """
    place = _place(encoder, packing)
    jobs = {path: [(unit, place / _key(unit, packing)) for unit in _units(path, packing)] for path in paths}
    todo = [job for each in jobs.values() for job in each if not is_complete(job[1])]
    if todo:
        _pack_all(todo, encoder, packing, workers)
        if os.environ.get("RANK", "0") == "0":
            taken = sum(digests.size(folder) for _, folder in todo)
            print(f"packed text: {taken / 1e6:.1f} MB, kept for further runs in {place}", flush=True)
    for path, each in jobs.items():
        yield path, [Part(folder) for _, folder in each]


def is_complete(folder: Path) -> bool:
    """Whether a part is there; sizes are compared, not contents, so that opening reads nothing."""
    try:
        entries = json.loads((folder / files.MANIFEST).read_text(encoding="utf-8"))["files"]
        return all((folder / name).stat().st_size == entry["bytes"] for name, entry in entries.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _place(encoder: InputEncoder, packing: Packing) -> Path:
    """The folder of all parts that were packed in one way."""
    how = [_VERSION, asdict(replace(packing, reading=replace(packing.reading, limit=None)))]  # of streams: see _key
    how += [encoder.fingerprint, encoder.max_length]
    return digests.cache_folder("corpus") / _hash(how)


def _hash(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=16).hexdigest()


def _units(path: str, packing: Packing) -> list[Unit]:
    if not path.startswith("hub:"):
        return units_of(path, packing.reading)
    # How many shards a stream has is asked once: a run that starts again needs no network.
    note = digests.cache_folder("corpus") / f"{_hash([path, packing.reading.limit])}.units.json"
    with contextlib.suppress(OSError, ValueError):
        return [Unit(**entry) for entry in json.loads(note.read_text(encoding="utf-8"))]
    units = units_of(path, packing.reading)
    note.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(note, [asdict(unit) for unit in units])
    return units


def _key(unit: Unit, packing: Packing) -> str:
    """What a unit's text depends on."""
    kind = kind_of(unit.path)
    content = [unit.path, packing.reading.limit] if kind == "hub" else digests.sha256(Path(unit.path))
    return _hash([kind, Path(unit.path).suffix.lower(), content, unit.start, unit.stop])


# ---- packing


def _pack_all(jobs: Sequence[tuple[Unit, Path]], encoder: InputEncoder, packing: Packing, workers: int) -> None:
    """Make all these parts, or wait for those that another process is making."""
    waiting = list(jobs)
    done = 0
    with contextlib.ExitStack() as stack:
        run: Any = map
        if workers > 1 and len(jobs) > 1:
            context = multiprocessing.get_context("spawn")  # a fork of a process with torch's threads may hang
            setup = (os.getpid(), _set_up, encoder, packing)
            stack.enter_context(workers_must_live("what is packed is kept"))
            pool = ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=in_worker, initargs=setup)
            stack.callback(pool.shutdown, cancel_futures=True)
            run = pool.map
        else:
            _set_up(encoder, packing)
        started = last = time.monotonic()
        while waiting:
            left = []
            for job, made in zip(waiting, run(_try_to_pack, waiting), strict=True):
                done += made
                left += [] if made else [job]
                if time.monotonic() - last > 15:
                    last = time.monotonic()
                    print(f"packing text: {done} of {len(jobs)} parts, {last - started:.0f} s", flush=True)
            waiting = left
            if waiting:
                time.sleep(0.5)


_setup: tuple[InputEncoder, Packing] | None = None


def _set_up(encoder: InputEncoder, packing: Packing) -> None:
    global _setup
    _setup = encoder, packing


def _try_to_pack(job: tuple[Unit, Path]) -> bool:
    """Make a part if nobody else is at it; False if it is not there yet."""
    assert _setup is not None
    unit, folder = job
    folder.parent.mkdir(parents=True, exist_ok=True)
    with files.lock(folder.with_name(f".{folder.name}.lock")) as ours:
        if is_complete(folder):
            return True
        if not ours:
            return False
        for left in folder.parent.glob(f".partial-{folder.name}-*"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(prefix=f".partial-{folder.name}-", dir=folder.parent))
        try:
            _write(aside, unit, *_setup)
            files.publish(aside, folder)
        except OSError as error:
            raise RunError(f"{error.filename or folder}: {error.strerror or error}; what is packed is kept") from None
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return True


def _write(folder: Path, unit: Unit, encoder: InputEncoder, packing: Packing) -> None:
    """Pack one unit into ``folder``."""
    clean = Cleaner(packing.clean, encoder.covers)
    found = Found()
    ends, units, document, hashes = array("q"), array("i"), array("i"), array("Q")
    letters: set[str] = set()
    size = characters = 0
    digest = hashlib.blake2b(digest_size=8)
    before = 0
    lines = documents(unit, packing.reading, found)
    with (folder / _TEXT).open("wb") as file:
        for block in pack(lines, encoder.count, encoder.max_length - 1, clean):
            if block is None:
                if len(ends) > before:  # else a document without text
                    hashes.append(int.from_bytes(digest.digest(), "little"))
                    before = len(ends)
                digest = hashlib.blake2b(digest_size=8)
                continue
            digest.update(block.text.replace(" ", "").encode("utf-8"))
            data = block.text.encode("utf-8")
            file.write(data)
            size += len(data)
            characters += len(block.text)
            letters.update(block.text)
            ends.append(size)
            units.append(block.units)
            document.append(len(hashes))
    arrays: Iterable[tuple[str, array[int], Any]] = (
        (_ENDS, ends, np.int64),
        (_UNITS, units, np.int32),
        (_DOCUMENT, document, np.int32),
        (_HASHES, hashes, np.uint64),
    )
    for name, values, kind in arrays:
        np.save(folder / name, np.array(values, kind))
    summary = Summary(
        blocks=len(ends),
        documents=len(hashes),
        characters=characters,
        units=sum(units),
        invalid=found.invalid,
        skipped=found.skipped,
        messages=found.messages,
        letters="".join(sorted(letters)),
    )
    files.write_json(folder / _SUMMARY, asdict(summary))
