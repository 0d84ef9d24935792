"""What is in a tar archive: its members by sample, each with the place of its bytes.

An archive is hostile until shown otherwise: links, devices, sparse files, names that lead out of a folder, members said
to be longer than the archive, two files of one name, and serialised Python objects make one clear line each.
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from pixlm.errors import UsageError

_OBJECTS = ("pkl", "pickle", "pyd", "pth", "pt", "npy", "npz", "joblib", "dill")
"""Suffixes of what only Python can read, some of it by running it."""
_MOST_MEMBERS = 10_000_000


class ShardError(UsageError):
    """An archive, or a sample of one, that cannot be used: says which, and why."""


@dataclass(frozen=True)
class Member:
    """A file in an archive. key: its path up to the first dot of its name; suffix: what follows, in small letters."""

    key: str
    suffix: str
    offset: int
    size: int


@dataclass(frozen=True)
class Bad:
    """A member that must not be used."""

    key: str
    reason: str


def members(file: BinaryIO, name: str) -> Iterator[Member | Bad]:
    """The files of an archive that can be searched, in order; folders and hidden files are passed over.

    Raises:
        ShardError: no archive, or one that breaks off.
    """
    end = file.seek(0, 2)
    file.seek(0)
    for info, _ in _walk(file, name, "r:"):
        if info.offset_data + info.size > end:
            raise ShardError(f"{name}: breaks off inside {info.name!r}")
        yield _member(info)


def streamed(file: BinaryIO, name: str, *, most_bytes: int) -> Iterator[tuple[Member | Bad, bytes]]:
    """The files of an archive that can only be read on, which may be compressed, with their contents.

    Raises:
        ShardError: no archive; one that breaks off; a file of more than ``most_bytes``, behind which nothing is looked
            for, since passing over it could take for ever.
    """
    for info, archive in _walk(file, name, "r|*"):
        found = _member(info)
        data = b""
        if info.size > most_bytes:
            raise ShardError(f"{name}: {info.name!r} has {info.size:,} bytes, more than {most_bytes:,}")
        if isinstance(found, Member):
            try:
                opened = archive.extractfile(info)
                data = opened.read() if opened is not None else b""
            except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
                raise ShardError(f"{name}: a damaged archive ({_first_line(error)})") from None
            if len(data) != found.size:
                raise ShardError(f"{name}: breaks off inside {info.name!r}")
        yield found, data


def _walk(file: BinaryIO, name: str, mode: Any) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    # TypeError: Python's own for a gzip header that breaks off
    damage = (tarfile.TarError, EOFError, OSError, ValueError, TypeError, zlib.error, lzma.LZMAError)
    try:
        archive = tarfile.open(fileobj=file, mode=mode)  # noqa: SIM115
    except damage as error:
        raise ShardError(f"{name}: no tar archive ({_first_line(error)})") from None
    with archive:
        for _ in range(_MOST_MEMBERS):
            try:
                info = archive.next()
            except damage as error:
                raise ShardError(f"{name}: a damaged archive ({_first_line(error)})") from None
            if info is None:
                return
            archive.members = []  # type: ignore[attr-defined]  # the library keeps all; a shard has many
            if not info.isdir() and not PurePosixPath(info.name).name.startswith("."):
                yield info, archive
        raise ShardError(f"{name}: more than {_MOST_MEMBERS:,} members")


def _member(info: tarfile.TarInfo) -> Member | Bad:
    path = PurePosixPath(info.name)
    base, _, suffix = path.name.partition(".")
    key = str(path.parent / base)
    if path.is_absolute() or ".." in path.parts or "\\" in info.name or "\0" in info.name:
        return Bad(key, f"{info.name!r} leads out of its folder")
    if info.issym() or info.islnk():
        return Bad(key, f"{info.name!r} is a link")
    if not info.isreg() or info.issparse():
        return Bad(key, f"{info.name!r} is no plain file")
    if suffix.lower().split(".")[-1] in _OBJECTS:
        return Bad(key, f"{info.name!r} may be a serialised Python object, which is never read")
    return Member(key, suffix.lower(), info.offset_data, info.size)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:100] or type(error).__name__


@dataclass
class Sample:
    """The members of one key, in the order of the archive; bad: why the sample must not be used."""

    key: str
    members: dict[str, Member]
    bad: str = ""

    def add(self, found: Member | Bad) -> None:
        """One more member of this key."""
        if isinstance(found, Bad):
            self.bad = self.bad or found.reason
        elif found.suffix in self.members:
            self.bad = self.bad or f"two files {found.key}.{found.suffix}"
        else:
            self.members[found.suffix] = found


def samples(found: Iterator[Member | Bad]) -> Iterator[Sample]:
    """Members with one key as samples. A key that comes again later makes the second one bad."""
    current: Sample | None = None
    keys: set[str] = set()
    for one in found:
        if current is None or one.key != current.key:
            if current is not None:
                yield current
            current = Sample(one.key, {}, f"the key {one.key!r} again" if one.key in keys else "")
            keys.add(one.key)
        current.add(one)
    if current is not None:
        yield current
