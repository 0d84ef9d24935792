"""Shards that can only be read from beginning to end: ``pipe:`` commands, compressed archives, slow object stores.

A stream is exact at the ends of intervals: an interval is a function of (seed, interval, rank, worker), and training
that stops inside one begins it again.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, cast

from pixlm.data.digests import cache_folder
from pixlm.data.pages.example import BytesImage
from pixlm.data.pages.facts import AnnotationError, PageRecord
from pixlm.data.pages.images import LIMITS, check_page
from pixlm.data.pages.shards.archive import Bad, Member, Sample, ShardError, samples, streamed
from pixlm.data.pages.shards.examples import IMAGES, as_example, records_of
from pixlm.data.pages.shards.index import Shard
from pixlm.data.pages.shards.intervals import resampled_shards, shard_order, split_by_node_and_worker
from pixlm.data.pages.shards.names import PIPE, is_command
from pixlm.errors import RunError, UsageError

_REST = 256  # times 64 KiB: more than any archive's padding


@dataclass
class Tolerance:
    """What to do about bad samples: stop at the first, or leave out as many as ``limit``."""

    on_error: Literal["raise", "skip"] = "skip"
    limit: int = 1000
    skipped: int = 0
    last: str = ""

    def skip(self, line: str) -> None:
        """One more bad sample or shard."""
        if self.on_error == "raise":
            raise UsageError(line)
        self.skipped, self.last = self.skipped + 1, line
        if self.skipped > self.limit:
            raise RunError(f"more than {self.limit} bad samples; the last: {line}")


@contextmanager
def open_stream(name: str, *, commands: bool = False) -> Iterator[BinaryIO]:
    """A shard as bytes to be read on.

    Args:
        name: a file, a URL that fsspec knows, or ``pipe:`` and a shell command that writes an archive.
        commands: whether commands may be run.

    Raises:
        UsageError: a command that may not be run. ShardError: no such file; a command that failed.
    """
    if not is_command(name):
        with Shard(name).open() as file:
            yield file
        return
    if not commands:
        raise UsageError(f"{name[:80]}: is a command, which data may not run; allow it with --data.allow-commands")
    process = subprocess.Popen(name.removeprefix(PIPE), shell=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    output = cast(BinaryIO, process.stdout)
    damage: ShardError | None = None
    whole = False
    try:
        try:
            yield output
        except ShardError as error:  # perhaps because the command has broken off
            damage = error
        # A command fails when nobody reads what stands behind the archive's end; one that never ends is ended.
        whole = any(not output.read(1 << 16) for _ in range(_REST))
    finally:
        if not whole:
            process.terminate()
        output.close()
        code = process.wait()
    if code and whole:
        raise ShardError(f"{name[:80]}: the command failed with exit code {code}")
    if damage is not None:
        raise damage


def fetched(name: str, *, commands: bool = False) -> str:
    """A shard that can be searched in place of one that may be a command: what the command writes is kept in
    ``$PIXLM_CACHE/fetched``, and the command is not run again.

    Raises:
        UsageError, ShardError: as :func:`open_stream`.
    """
    if not is_command(name):
        return name
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape")).hexdigest()[:40]
    path = cache_folder("fetched") / f"{digest}.tar"
    if not path.is_file() or not commands:
        with open_stream(name, commands=commands) as file:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
            with aside.open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
        aside.replace(path)
    return str(path)


def stream_records(
    name: str, tolerance: Tolerance, *, commands: bool = False, most_bytes: int = LIMITS.bytes
) -> Iterator[list[PageRecord]]:
    """The samples of a shard in order, each as the records of its pages. Bad samples, and the rest of a shard that
    breaks off, are left out as ``tolerance`` has it."""
    contents: dict[Member, bytes] = {}

    def kept(found: Iterator[tuple[Member | Bad, bytes]]) -> Iterator[Member | Bad]:
        for one, data in found:
            if isinstance(one, Member):
                contents[one] = data
            yield one

    try:
        with open_stream(name, commands=commands) as file:
            for sample in samples(kept(streamed(file, name, most_bytes=most_bytes))):
                own = {suffix: contents.pop(member) for suffix, member in sample.members.items()}
                try:
                    yield _records(sample, name, own)
                except (AnnotationError, UsageError) as error:
                    line = str(error)
                    tolerance.skip(line if line.startswith(name) else f"{name}:{sample.key}: {line}")
    except ShardError as error:
        tolerance.skip(str(error))


def _records(sample: Sample, shard: str, contents: dict[str, bytes]) -> list[PageRecord]:
    if sample.bad:
        raise AnnotationError(sample.bad)
    suffix = next((one for one in IMAGES if one in contents), None)
    if suffix is None:
        raise AnnotationError(f"no image ({', '.join(IMAGES)})")
    image = BytesImage(contents[suffix], f"{shard}:{sample.key}.{suffix}")
    check_page(image)
    return records_of(sample.key, shard, image, contents)


@dataclass
class PageStream:
    """Examples of intervals from shards that are read on.

    examples: what the task makes of a record; count: examples of an interval for this worker of this process, None for
    all of its shards once; replacement, weights: draw shards anew for every interval; buffer: examples that are
    shuffled together; the buffer's order, as that of shards, is drawn from (seed, interval).
    """

    shards: Sequence[str]
    examples: Callable[[PageRecord], list[Any]]
    seed: int = 0
    count: int | None = None
    labelled: bool = True
    replacement: bool = False
    weights: Sequence[float] | None = None
    buffer: int = 2000
    commands: bool = False
    tolerance: Tolerance = field(default_factory=Tolerance)

    def interval(
        self, interval: int, *, rank: int = 0, world: int = 1, worker: int = 0, workers: int = 1
    ) -> Iterator[Any]:
        """The examples of one interval for one worker; its shards again and again where ``count`` needs more."""
        given = 0
        own = random.Random(f"{self.seed}/{interval}/{rank}/{worker}")
        while True:
            before = given
            for example in self._shuffled(self._visited(interval, rank, world, worker, workers), own):
                if self.count is not None and given >= self.count:
                    return
                given += 1
                yield example
            if self.count is None or given >= self.count:
                return
            if given == before:
                raise RunError(f"{self.shards[0]}: the shards of worker {worker} hold no good sample")

    def _visited(self, interval: int, rank: int, world: int, worker: int, workers: int) -> Iterator[Any]:
        if self.replacement:
            seed = self.seed + (rank * max(workers, 1) + worker) * 1_000_003
            names = resampled_shards(
                self.shards, seed=seed, interval=interval, count=len(self.shards), weights=self.weights
            )
        else:
            order = shard_order(self.shards, seed=self.seed, interval=interval)
            names = split_by_node_and_worker(order, rank=rank, world=world, worker=worker, workers=workers)
        for name in names:
            for records in stream_records(name, self.tolerance, commands=self.commands):
                try:
                    yield as_example(records, self.examples, self.labelled)
                except AnnotationError as error:
                    self.tolerance.skip(f"{records[0].where}: {error}")

    def _shuffled(self, found: Iterator[Any], rng: random.Random) -> Iterator[Any]:
        held: list[Any] = []
        for example in found:
            held.append(example)
            if len(held) > self.buffer:
                yield held.pop(rng.randrange(len(held)))
        rng.shuffle(held)
        yield from held
