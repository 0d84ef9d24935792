"""Writing made-up pages: shards or folders that readers of documents take as they are.

What is made in one go is a part: an archive, or a folder of images. A part is written aside, synchronised and renamed,
so that one that has its name is whole and is never written again; a killed run loses the parts it was at.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pixlm
from pixlm import files
from pixlm.data import digests
from pixlm.data.pages.synthetic.page import Maker, Making
from pixlm.data.splits import SPLITS
from pixlm.data.workers import in_worker, workers_must_live
from pixlm.errors import RunError, UsageError

PLAN = "pages.json"
"""In the folder of a set: how it is made."""
_LOCK = ".lock"
_SUFFIXES = {"jpeg": "jpg", "png": "png"}


@dataclass(frozen=True)
class Part:
    """Pages ``start`` to ``stop`` of a split. name: of the archive or folder, below the set's folder."""

    split: str
    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class Written:
    """What one call made. pages, seconds: drawn now, and the processor time that took; parts: of the set;
    left_out: passages of text that no font has; split by split, the pages of the set."""

    folder: Path
    pages: int
    seconds: float
    parts: int
    made: int
    left_out: int
    counts: dict[str, int]


def plan_parts(counts: dict[str, int], form: str, size: int) -> list[Part]:
    """The parts of a set, of at most ``size`` pages each: ``train-00000.tar`` ..., or ``train/00000`` ..."""
    name = "{split}-{number:05}.tar" if form == "shards" else "{split}/{number:05}"
    return [
        Part(split, name.format(split=split, number=number), start, min(start + size, count))
        for split, count in counts.items()
        for number, start in enumerate(range(0, count, size))
    ]


def write_pages(
    making: Making,
    output: Path,
    counts: dict[str, int],
    *,
    form: str = "shards",
    part_size: int = 500,
    workers: int = 1,
    on_part: Callable[[int], None] = lambda pages: None,
) -> Written:
    """Make the parts of a set that are not there yet.

    Args:
        counts: pages of each split.
        form: "shards" (tar archives) or "folder" (images with ``metadata.jsonl``).
        on_part: told of the pages of each part that is done.

    Raises:
        UsageError: a folder that holds something else, or pages of other settings, or that another process writes to.
        RunError: a full disk and the like; parts that are whole are kept, and the same call goes on with the others.
    """
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: is a file; name a folder with --output DIR")
    output.mkdir(parents=True, exist_ok=True)
    with files.lock(output / _LOCK) as ours:
        if not ours:
            raise UsageError(f"{output}: another process is writing there; wait for it, or name another --output")
        left_out = sum(Maker(making, split).texts.left_out for split in counts)
        _begin(making, output, {"format": form, "part_size": part_size, "pages": counts})
        _sweep(output)
        parts = plan_parts(counts, form, part_size)
        todo = [part for part in parts if not (output / part.name).exists()]
        try:
            seconds = _make(todo, making, output, workers, on_part)
            if form == "folder":
                for split in counts:
                    _join(output, split, [part for part in parts if part.split == split])
        except OSError as error:
            raise RunError(
                f"{error.filename or output}: {error.strerror or error}; finished parts are kept, and the same "
                "command makes the others"
            ) from None
        pages = sum(part.stop - part.start for part in todo)
        return Written(output, pages, seconds, len(parts), len(todo), left_out, counts)


def _begin(making: Making, output: Path, about: dict[str, Any]) -> None:
    """Write down how the set is made; or check that the one that is there is made in the same way."""
    given = [*making.texts, *making.fonts, *making.html, *([making.words] if making.words else [])]
    inputs = [{"file": path.name, "bytes": digests.size(path), "sha256": digests.sha256(path)} for path in given]
    plan = {"pixlm": pixlm.__version__, **about, **making.known(), "inputs": inputs}
    path = output / PLAN
    if not path.exists():
        if others := [one.name for one in output.iterdir() if one.name not in (_LOCK, f".{PLAN}.partial")]:
            raise UsageError(f"{output}: holds {others[0]}, but no set of pixlm data pages; name a new or empty folder")
        files.write_json(path, plan)
        return
    try:
        known = files.read_json(path)
    except ValueError:
        raise UsageError(f"{path}: is damaged; name another --output") from None
    for key, value in json.loads(json.dumps(plan)).items():
        if known.get(key) != value:
            said = "" if key == "inputs" else f": {json.dumps(known.get(key))} there, {json.dumps(value)} here"
            raise UsageError(f"{output}: holds pages made with other {key}{said}; name another --output")


def _sweep(output: Path) -> None:
    """Remove what killed processes were at."""
    for left in (*output.glob(".*.partial"), *output.glob("*/.*.partial")):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


_makers: dict[str, Maker] = {}
_task: tuple[Making, Path] | None = None


def _set_up(making: Making, output: Path) -> None:
    global _task
    _task = making, output
    _makers.clear()


def _write(part: Part) -> tuple[int, float]:
    assert _task is not None
    making, output = _task
    started = time.process_time()
    if part.split not in _makers:
        _makers[part.split] = Maker(making, part.split)
    path = output / part.name
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    pages = _pages(_makers[part.split], part)
    try:
        (_write_tar if path.suffix == ".tar" else _write_folder)(aside, path, pages)
        aside.rename(path)
    finally:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)
    return part.stop - part.start, time.process_time() - started


def _pages(maker: Maker, part: Part) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """(file name, image, annotation) of each page of a part."""
    suffix = _SUFFIXES[maker.making.image]
    for number in range(part.start, part.stop):
        image, annotation = maker.files(number)
        yield f"{number:08}.{suffix}", image, annotation


def _write_tar(aside: Path, path: Path, pages: Iterator[tuple[str, bytes, dict[str, Any]]]) -> None:
    with aside.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, image, annotation in pages:
                text = json.dumps(annotation, ensure_ascii=False, separators=(",", ":")).encode()
                for member, data in ((name, image), (f"{Path(name).stem}.json", text)):
                    info = tarfile.TarInfo(member)
                    info.size, info.mode = len(data), 0o644
                    archive.addfile(info, io.BytesIO(data))
        file.flush()
        os.fsync(file.fileno())


_ROWS = ".rows.jsonl"


def _write_folder(aside: Path, path: Path, pages: Iterator[tuple[str, bytes, dict[str, Any]]]) -> None:
    aside.mkdir()
    with (aside / _ROWS).open("w", encoding="utf-8", newline="\n") as rows:
        for name, image, annotation in pages:
            (aside / name).write_bytes(image)
            row = {"file_name": f"{path.name}/{name}", **annotation}
            rows.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
        rows.flush()
        os.fsync(rows.fileno())


def _join(output: Path, split: str, parts: Sequence[Part]) -> None:
    """The rows of all parts in one ``metadata.jsonl``."""
    path = output / split / "metadata.jsonl"
    if path.exists() or not parts:
        return
    aside = path.with_name(f".{path.name}.partial")
    with aside.open("wb") as file:
        for part in parts:
            with (output / part.name / _ROWS).open("rb") as rows:
                shutil.copyfileobj(rows, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _make(todo: Sequence[Part], making: Making, output: Path, workers: int, on_part: Callable[[int], None]) -> float:
    """The processor time that it took, in seconds."""
    seconds = 0.0
    with ExitStack() as stack:
        run: Any = map
        if workers > 1 and len(todo) > 1:
            context = multiprocessing.get_context("spawn")
            stack.enter_context(workers_must_live("finished parts are kept"))
            setup = (os.getpid(), _set_up, making, output)
            pool = ProcessPoolExecutor(min(workers, len(todo)), context, initializer=in_worker, initargs=setup)
            stack.callback(pool.shutdown, cancel_futures=True)
            run = pool.map
        else:
            _set_up(making, output)
        for pages, taken in run(_write, todo):
            seconds += taken
            on_part(pages)
    return seconds


def checked_counts(train: int, dev: int, test: int) -> dict[str, int]:
    """Pages of each split that has some; raises UsageError for none or negative ones."""
    given = dict(zip(SPLITS, (train, dev, test), strict=True))
    for flag, count in zip(("--pages", "--dev", "--test"), given.values(), strict=True):
        if not 0 <= count <= 99_999_999:
            raise UsageError(f"{flag} {count}: must be 0 to 99,999,999 pages")
    found = {split: count for split, count in given.items() if count}
    if not found:
        raise UsageError("no pages asked for; say how many with --pages N")
    return found
