"""Encoded examples kept on disk: rendered once, read by every epoch, worker and run after that.

A cache entry is a folder named by a hash of everything its content depends on: the encoder's fingerprint and length,
and every text with how it is to be encoded. So nothing ever has to be declared stale; entries that were not used for
longest go when all together pass a limit. Entries lie in ``$PIXLM_CACHE`` (default ``~/.cache/pixlm``), never beside
the data.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import shutil
import uuid
from collections.abc import Iterable, Sequence, Set
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import pixlm
from pixlm import files
from pixlm.data.digests import cache_folder
from pixlm.data.encoders import DrawnText, Encoded, InputEncoder, Text, said
from pixlm.data.workers import in_worker, workers_must_live
from pixlm.errors import UsageError

FILE = "encoded.arrow"

# To be raised when the meaning of what is kept changes. 2: the first of several windows says what none shows.
_FORMAT = 2
# Bytes of all entries together, unless $PIXLM_CACHE_LIMIT says otherwise: some 100,000 texts of full length.
_LIMIT = 20 * 10**9
_LOCK = ".lock"
# Requests that a process encodes at a time, and rows of a batch in the file.
_CHUNK = 64


@dataclass(frozen=True)
class Request:
    """One call of an encoder: ``encode``, or ``windows`` where ``stride`` is given."""

    text: Text
    stride: int | None = None
    first_max_length: int | None = None

    def run(self, encoder: InputEncoder) -> list[Encoded]:
        """The sequences asked for; one but for windows."""
        if self.stride is None:
            return [encoder.encode(self.text)]
        assert isinstance(self.text, tuple), "windows are of pairs"
        return encoder.windows(self.text, stride=self.stride, first_max_length=self.first_max_length)

    @property
    def key(self) -> bytes:
        """16 bytes that stand for this request."""
        drawn = (
            [self.text.num_patches, sha256(self.text.image).hexdigest()] if isinstance(self.text, DrawnText) else None
        )
        text = said(self.text)
        given = [text, isinstance(text, tuple), self.stride, self.first_max_length]
        parts = json.dumps(given if drawn is None else [*given, *drawn])
        return hashlib.blake2b(parts.encode(), digest_size=16).digest()


class CachedEncoder(InputEncoder):
    """An encoder that looks requests up in cache entries first, and encodes what is in none."""

    def __init__(self, encoder: InputEncoder, entries: Sequence[Entry]):
        self.encoder = encoder
        self.entries = list(entries)
        self.max_length = encoder.max_length

    @property
    def uncovered(self) -> Set[str]:
        return self.encoder.uncovered

    def encode(self, text: Text, *, offsets: bool = False) -> Encoded:
        if not offsets:
            found = self._find(Request(text))
            if found is not None:
                return found[0]
        return self.encoder.encode(text, offsets=offsets)

    def windows(self, pair: tuple[str, str], *, stride: int, first_max_length: int | None) -> list[Encoded]:
        request = Request(pair, stride, first_max_length)
        found = self._find(request)
        return request.run(self.encoder) if found is None else found

    def _find(self, request: Request) -> list[Encoded] | None:
        key = request.key
        return next((found for entry in self.entries if (found := entry.get(key)) is not None), None)

    def null_position(self, width: int) -> int:
        return self.encoder.null_position(width)

    def check_model(self, config: Any, name: str) -> None:
        self.encoder.check_model(config, name)

    @property
    def fingerprint(self) -> dict[str, Any]:
        return self.encoder.fingerprint

    def pad(self, encoded: Sequence[Encoded], width: int) -> dict[str, np.ndarray]:
        return self.encoder.pad(encoded, width)

    def batch(self, encoded: Sequence[Encoded]) -> dict[str, np.ndarray]:
        return self.encoder.batch(encoded)

    def measure(self, text: Text) -> float:
        return self.encoder.measure(text)

    def count(self, text: str) -> int:
        return self.encoder.count(text)

    def covers(self, character: str) -> bool:
        return self.encoder.covers(character)

    def save_pretrained(self, folder: Path) -> None:
        self.encoder.save_pretrained(folder)


def cached(encoder: InputEncoder, splits: Iterable[Sequence[Request]], *, workers: int = 0) -> InputEncoder:
    """``encoder`` with an entry for each of ``splits``, made now where there is none yet.

    A disk that is full or cannot be written makes no difference to results: the encoder then works without.
    """
    entries = []
    limit()  # a wrong one is said before anything is encoded
    for requests in splits:
        try:
            entries.append(_entry(encoder, requests, workers) if requests else None)
        except OSError as error:
            print(f"cache: {error.filename or root()}: {error.strerror or error}; encoding as the run goes instead")
    return CachedEncoder(encoder, [entry for entry in entries if entry is not None])


def root() -> Path:
    """The folder of all entries."""
    return cache_folder("encoded")


class Entry:
    """The sequences of some requests, memory-mapped from an Arrow file: workers share its pages."""

    def __init__(self, path: Path):
        self.path = path
        self._open()

    def _open(self) -> None:
        self._reader = pa.ipc.open_file(pa.memory_map(str(self.path)))
        self._places: dict[bytes, list[tuple[int, int]]] = {}
        for batch in range(self._reader.num_record_batches):
            for row, key in enumerate(self._reader.get_batch(batch)["key"].to_pylist()):
                self._places.setdefault(key, []).append((batch, row))

    def __getstate__(self) -> Path:  # workers open the file again
        return self.path

    def __setstate__(self, path: Path) -> None:
        self.path = path
        self._open()

    def get(self, key: bytes) -> list[Encoded] | None:
        """What the request with this key gives; None if it is not here."""
        places = self._places.get(key)
        return None if places is None else [self._row(*place) for place in places]

    def _row(self, batch: int, row: int) -> Encoded:
        columns = self._reader.get_batch(batch)

        def numbers(name: str, *shape: int) -> list[Any] | None:
            cell = columns[name][row]
            return cell.values.to_numpy().reshape(shape or -1).tolist() if cell.is_valid else None

        units = {}
        for field in self._reader.schema:
            if field.metadata is not None:
                values = np.frombuffer(columns[field.name][row].as_buffer(), field.metadata[b"dtype"].decode())
                units[field.name] = values.reshape(numbers(f"{field.name}.shape") or ())
        return Encoded(
            units=units,
            length=columns["length"][row].as_py(),
            word_starts=numbers("word_starts"),
            offsets=[(start, end) for start, end in numbers("offsets", -1, 2) or ()] or None,
            lost=columns["lost"][row].as_py(),
            parts=tuple((start, end) for start, end in numbers("parts", -1, 2) or ()),
        )


def _entry(encoder: InputEncoder, requests: Sequence[Request], workers: int) -> Entry | None:
    """The entry of these requests, made if it is not there; None if it would pass the limit."""
    unique = {request.key: request for request in requests}
    digest = hashlib.blake2b(digest_size=20)
    digest.update(
        json.dumps([_FORMAT, pixlm.__version__, encoder.fingerprint, encoder.max_length], sort_keys=True).encode()
    )
    digest.update(b"".join(unique))
    folder = root() / digest.hexdigest()
    if folder.is_dir():
        problem = files.verify(folder)
        if problem is None:
            os.utime(folder)
            try:
                return Entry(folder / FILE)
            except (pa.ArrowInvalid, KeyError):
                problem = f"{FILE} holds no encoded examples"
        print(f"cache: {folder}: {problem}; making it again")
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear_partial(folder.parent)
    aside = folder.with_name(f".partial-{uuid.uuid4().hex}")
    with files.lock(aside.with_suffix(_LOCK)):
        try:
            aside.mkdir()
            if not _write(aside / FILE, encoder, list(unique.values()), workers):
                return None
            files.publish(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    _evict(keep=folder)
    return Entry(folder / FILE)


def _clear_partial(place: Path) -> None:
    """Remove what killed processes were writing; one that still writes holds the lock."""
    for path in place.glob(f".partial-*{_LOCK}"):
        with contextlib.suppress(PermissionError), files.lock(path) as ours:  # another user's is theirs to clear
            if ours:
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)


def _write(path: Path, encoder: InputEncoder, requests: Sequence[Request], workers: int) -> bool:
    """Encode to ``path``; False where that would pass the limit."""
    chunks = [requests[start : start + _CHUNK] for start in range(0, len(requests), _CHUNK)]
    writer = None
    with contextlib.ExitStack() as stack:
        if workers and len(chunks) > 1:
            context = multiprocessing.get_context("spawn")  # a fork of a process with torch's threads may hang
            stack.enter_context(workers_must_live("nothing is lost"))
            setup = (os.getpid(), _set_encoder, encoder)
            pool = stack.enter_context(ProcessPoolExecutor(workers, context, initializer=in_worker, initargs=setup))
            tables = pool.map(_encode_in_worker, chunks)
        else:
            tables = (_encode(encoder, chunk) for chunk in chunks)
        for table in tables:
            if writer is None:
                writer = stack.enter_context(pa.ipc.new_file(str(path), table.schema))
            writer.write_batch(table)
            if path.stat().st_size > limit():
                return False
    return writer is not None


def _encode(encoder: InputEncoder, requests: Sequence[Request]) -> pa.RecordBatch:
    rows = [(request.key, code) for request in requests for code in request.run(encoder)]
    codes = [code for _, code in rows]
    integers = pa.list_(pa.int32())
    columns: dict[str, tuple[Any, list[Any], dict[str, str] | None]] = {
        "key": (pa.binary(16), [key for key, _ in rows], None),
        "length": (pa.int32(), [code.length for code in codes], None),
        "lost": (pa.int32(), [code.lost for code in codes], None),
        "word_starts": (integers, [_numbers(code.word_starts) for code in codes], None),
        "offsets": (integers, [_numbers(code.offsets) for code in codes], None),
        "parts": (integers, [_numbers(code.parts) for code in codes], None),
    }
    for name in codes[0].units:
        arrays = [np.ascontiguousarray(code.units[name]) for code in codes]
        dtype = arrays[0].dtype.str
        assert all(array.dtype.str == dtype for array in arrays), "units of one name have one type"
        columns[name] = (pa.large_binary(), [array.tobytes() for array in arrays], {"dtype": dtype})
        columns[f"{name}.shape"] = (integers, [list(array.shape) for array in arrays], None)
    schema = pa.schema([pa.field(name, kind, metadata=more) for name, (kind, _, more) in columns.items()])
    return pa.RecordBatch.from_arrays([pa.array(values, kind) for kind, values, _ in columns.values()], schema=schema)


def _numbers(values: Sequence[Any] | None) -> list[int] | None:
    return None if values is None else np.asarray(values, np.int32).reshape(-1).tolist()


_worker_encoder: InputEncoder | None = None


def _set_encoder(encoder: InputEncoder) -> None:
    global _worker_encoder
    _worker_encoder = encoder


def _encode_in_worker(requests: Sequence[Request]) -> pa.RecordBatch:
    assert _worker_encoder is not None
    return _encode(_worker_encoder, requests)


def limit() -> int:
    """How many bytes all entries together may take; UsageError where $PIXLM_CACHE_LIMIT is no number."""
    given = os.environ.get("PIXLM_CACHE_LIMIT", str(_LIMIT))
    if not given.isdecimal():
        raise UsageError(f"PIXLM_CACHE_LIMIT is {given!r}, but it must be a number of bytes")
    return int(given)


def _evict(keep: Path) -> None:
    """Remove the entries that were not used for longest, until the rest is within the limit."""
    entries = []
    for folder in root().iterdir():
        with contextlib.suppress(OSError):  # another process may be removing it
            if not folder.name.startswith(".") and folder != keep:
                entries.append((folder.stat().st_mtime, (folder / FILE).stat().st_size, folder))
    size = (keep / FILE).stat().st_size + sum(entry[1] for entry in entries)
    for _, own, folder in sorted(entries):
        if size <= limit():
            break
        shutil.rmtree(folder, ignore_errors=True)
        size -= own
