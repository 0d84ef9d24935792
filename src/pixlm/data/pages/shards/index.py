"""The index of an archive: made in one pass over its headers, kept in ``$PIXLM_CACHE/shards``, read ever after."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pixlm.data.digests import cache_folder
from pixlm.data.pages.shards.archive import Member, Sample, ShardError, members, samples
from pixlm.data.pages.shards.names import is_remote

_FORMAT = 1  # to be raised when the meaning of what is kept changes


@dataclass(frozen=True)
class Shard:
    """An archive that can be searched. Names of local files and of URLs that fsspec knows."""

    name: str

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The archive, positioned at its beginning; ShardError where there is none."""
        try:
            with self._file() as file:
                yield file
        except FileNotFoundError:
            raise ShardError(f"{self.name}: no such file") from None
        except PermissionError as error:
            raise ShardError(f"{self.name}: {error.strerror or 'permission denied'}") from None

    def _file(self) -> Any:
        if not is_remote(self.name):
            return Path(self.name).open("rb")
        system, path = self._remote()
        return system.open(path, "rb")

    def _remote(self) -> tuple[Any, str]:
        """(fsspec's file system, the path in it)."""
        try:
            import fsspec
        except ImportError:
            raise ShardError(f'{self.name}: URLs need fsspec: pip install "pixlm[documents]"') from None
        try:
            system, path = fsspec.core.url_to_fs(self.name)
        except (ValueError, ImportError) as error:  # an unknown protocol, or one whose package is missing
            raise ShardError(f"{self.name}: {str(error).strip()[:160]}") from None
        return system, path

    def identity(self) -> str:
        """What changes when the archive does."""
        if is_remote(self.name):
            system, path = self._remote()
            try:
                return f"{self.name}\0{system.ukey(path)}"
            except FileNotFoundError:
                raise ShardError(f"{self.name}: no such file") from None
        try:
            stat = Path(self.name).stat()
        except FileNotFoundError:
            raise ShardError(f"{self.name}: no such file") from None
        except OSError as error:
            raise ShardError(f"{self.name}: {error.strerror or error}") from None
        return f"{Path(self.name).resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ino}"

    def read(self, offset: int, size: int) -> bytes:
        """A stretch of the archive; ShardError where it is shorter than it was."""
        if is_remote(self.name):
            system, path = self._remote()
            try:
                data = system.cat_file(path, start=offset, end=offset + size)
            except OSError as error:
                raise ShardError(f"{self.name}: cannot be read ({str(error)[:100]})") from None
        else:
            with self.open() as file:
                file.seek(offset)
                data = file.read(size)
        if len(data) != size:
            raise ShardError(f"{self.name}: is shorter than when it was indexed")
        return data


@dataclass(frozen=True)
class Index:
    """Samples of an archive, and how many had to be left out with the first reasons."""

    samples: list[Sample]
    bad: list[tuple[str, str]]


def load_index(shard: Shard) -> Index:
    """The index of a shard: the stored one if the archive has not changed since, else a new one, which is stored."""
    name = hashlib.blake2b(f"{_FORMAT}\0{shard.identity()}".encode("utf-8", "surrogateescape")).hexdigest()[:40]
    path = cache_folder("shards") / f"{name}.npz"
    with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):
        return _unpacked(path.read_bytes())
    with shard.open() as file:
        found = list(samples(members(file, shard.name)))
    index = Index([one for one in found if not one.bad], [(one.key, one.bad) for one in found if one.bad])
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.partial")
        aside.write_bytes(_packed(index))
        aside.replace(path)
    return index


def _packed(index: Index) -> bytes:
    """Arrays of places, and one JSON text of names: no pickle."""
    every = [(number, member) for number, sample in enumerate(index.samples) for member in sample.members.values()]
    places = np.array([(number, member.offset, member.size) for number, member in every], np.int64).reshape(-1, 3)
    names = json.dumps(
        {
            "keys": [sample.key for sample in index.samples],
            "suffixes": [member.suffix for _, member in every],
            "bad": index.bad,
        }
    )
    file = io.BytesIO()
    np.savez_compressed(file, places=places, names=np.frombuffer(names.encode("utf-8", "surrogatepass"), np.uint8))
    return file.getvalue()


def _unpacked(data: bytes) -> Index:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        places, text = arrays["places"], arrays["names"].tobytes()
    names = json.loads(text.decode("utf-8", "surrogatepass"))
    found = [Sample(key, {}) for key in names["keys"]]
    for (number, offset, size), suffix in zip(places.tolist(), names["suffixes"], strict=True):
        sample = found[number]
        sample.members[suffix] = Member(sample.key, suffix, offset, size)
    return Index(found, [(str(key), str(reason)) for key, reason in names["bad"]])
