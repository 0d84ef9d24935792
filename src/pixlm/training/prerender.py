"""Drawing a corpus beforehand: `pixlm prerender --data TEXT --output DIR`.

Training draws text when it needs it, which is quick enough for one GPU and a few worker processes. A set that is drawn
once serves many runs, and clusters whose nodes have few cores per GPU.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pixlm
from pixlm import files, hub
from pixlm.data import digests, splits
from pixlm.data.encoders import InputEncoder, RenderedText
from pixlm.data.pretraining.documents import HUB
from pixlm.data.pretraining.rows import Corpus
from pixlm.data.pretraining.shards import PLAN, Shard, is_prerendered, note_of, plan_shards, progress_line, write_shard
from pixlm.data.workers import in_worker, workers_must_live
from pixlm.errors import RunError, UsageError
from pixlm.rendering import TextRenderer
from pixlm.settings import from_dict
from pixlm.training import corpora
from pixlm.training.config import RenderConfig, TextConfig, read_settings

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
_CHOICE = (
    *("on_error", "column", "documents", "limit", "clean"),
    *("min_patches", "heldout", "max_heldout", "deduplicate"),
)
"""Settings of the data that decide what is drawn; which files there are, their checksums say."""


@dataclass
class PrerenderConfig:
    """Draw a corpus to files of strips that pixlm pretrain reads."""

    output: str = ""
    """Folder for the shards."""
    model: str = ""
    """Draw as this model reads: folder, hub id or architecture; not given: the default renderer."""
    data: TextConfig = field(default_factory=TextConfig)
    """Where the text is."""
    render: RenderConfig = field(default_factory=RenderConfig)
    """How text is drawn."""
    format: Literal["parquet", "compact"] = "parquet"
    """parquet: PNG pictures, as PIXEL's published sets; compact: the bytes of the patches in use, quicker to read."""
    shard_size: int = 10_000
    """Strips in a shard at most."""
    workers: int = 1
    """Processes that draw."""


def read_config(path: Path) -> PrerenderConfig:
    """Settings from a YAML file: its own, or what a recipe of pixlm pretrain says of data, renderer and model.

    Raises UsageError for a file that is neither.
    """
    values = read_settings(path)
    command = values.pop("command", "prerender")
    if command == "pretrain":
        values = {key: value for key, value in values.items() if key in ("model", "data", "render")}
    elif command != "prerender":
        raise UsageError(f"{path}: is the configuration of pixlm {command}, not of pixlm prerender or pixlm pretrain")
    return from_dict(values, PrerenderConfig(), str(path))


@dataclass(frozen=True)
class Prerendered:
    """What is in the folder by now; ``left``: shards that other tasks are still at."""

    folder: Path
    shards: int
    rows: int
    patches: int
    bytes: int
    lost: int
    made: int
    left: int


def prerender(config: PrerenderConfig, *, rank: int = 0, world: int = 1) -> Prerendered:
    """Draw the shards that are not there yet, or with ``world`` tasks every world-th of them from ``rank`` on.

    Raises UsageError for bad input and for a folder that holds anything else or that another process is drawing to, and
    RunError when drawing stops (a full disk); finished shards are kept, and the same call goes on with the others.
    """
    if not config.output:
        raise UsageError("no output folder given; name one with --output DIR")
    if config.shard_size < 1 or config.workers < 1:
        raise UsageError("--shard-size and --workers must be 1 or more")
    output = Path(config.output).expanduser()
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: is a file; name a folder with --output DIR")
    encoder = _encoder(config)
    sources, data = corpora.find(config.data)
    if any(is_prerendered(str(path)) for path in data.get("train")[:1]):
        raise UsageError(f"{data.get('train')[0]}: holds strips, not text: it is drawn already")
    output.mkdir(parents=True, exist_ok=True)
    with _locked(output, shared=world > 1):
        corpus = corpora.load(config.data, sources, encoder, workers=config.data.workers or config.workers)
        shards = plan_shards(corpus, config.format, config.shard_size)
        paths = [path for source in sources for each in source.files.values() for path in each]
        streams = [path for path in paths if path.startswith(HUB)]
        with _one_after_the_other(output):
            _begin(output, config, encoder, corpus, shards, data, streams)
        if world == 1:
            for partial in output.rglob(".*.partial"):
                partial.unlink(missing_ok=True)
        todo = [shard for shard in shards[rank::world] if not _is_there(output, shard)]
        made = _draw(todo, corpus, encoder, output, config)
        return _finish(output, shards, made)


def _encoder(config: PrerenderConfig) -> InputEncoder:
    if config.model:
        encoder = hub.load_encoder(config.model, **config.render.overrides())
        if not isinstance(encoder, RenderedText):
            raise UsageError(f"{config.model} reads tokens, not pixels; there is nothing to draw")
        return encoder
    return RenderedText(TextRenderer(**config.render.overrides(), missing_glyph="box"))


@contextmanager
def _locked(folder: Path, *, shared: bool) -> Iterator[None]:
    """Keep other runs out of the folder; tasks of one run share it."""
    if fcntl is None:
        yield
        return
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{folder}: another process is drawing there; wait for it, or name another --output"
            ) from None
        yield


@contextmanager
def _one_after_the_other(folder: Path) -> Iterator[None]:
    """Tasks that start together write the plan once: the others find it whole. The folder itself is what is locked."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system that cannot lock folders
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _begin(
    output: Path,
    config: PrerenderConfig,
    encoder: InputEncoder,
    corpus: Mapping[str, Corpus],
    shards: Sequence[Shard],
    data: splits.Sources,
    streams: Sequence[str],
) -> None:
    """Write down how the set is made; or check that the one that is there is made in the same way."""
    inputs = {
        split: [
            {"file": path.name, "bytes": digests.size(path), "sha256": digests.sha256(path)} for path in data.get(split)
        ]
        for split in splits.SPLITS
    }
    settings = asdict(config.data)
    choice = {key: settings[key] for key in _CHOICE} | {"streams": list(streams)}
    about = {
        "pixlm": pixlm.__version__,
        "format": config.format,
        "max_seq_length": encoder.max_length,
        "renderer": encoder.fingerprint,
        "data": choice,
        "inputs": inputs,
        "shards": [asdict(shard) for shard in shards],
    }
    path = output / PLAN
    if not path.exists():
        others = [each.name for each in output.iterdir() if each.name != LOCK]
        if others:
            raise UsageError(f"{output}: not empty and no set of pixlm prerender; name a new or empty folder")
        assert isinstance(encoder, RenderedText)
        encoder.save_pretrained(output)
        files.write_json(path, about)
        return
    known = files.read_json(path)
    for key, value in about.items():
        if key == "data" and known.get(key) != value:
            changed = next(name for name, each in choice.items() if known.get(key, {}).get(name) != each)
            there, here = known.get(key, {}).get(changed), choice[changed]
            raise UsageError(
                f"{output}: holds strips made with another data.{changed}: {there!r} there, {here!r} here; name "
                "another --output"
            )
        if known.get(key) != value and key != "pixlm":
            what = {"shards": "another --shard-size or other data", "inputs": "other data"}.get(key, f"another {key}")
            raise UsageError(f"{output}: holds strips made with {what}; name another --output")


def _is_there(output: Path, shard: Shard) -> bool:
    """Whether a shard is whole, its checksum included."""
    path = output / shard.file
    note = note_of(path)
    if note is None or not path.is_file() or path.stat().st_size != note["bytes"]:
        return False
    return bool(files.sha256(path) == note["sha256"])


_task: tuple[Mapping[str, Corpus], InputEncoder, Path, str] | None = None


def _set_up(*task: Any) -> None:
    global _task
    _task = task


def _write(shard: Shard) -> dict[str, Any]:
    assert _task is not None
    corpus, encoder, output, form = _task
    return write_shard(shard, corpus[shard.split], encoder, output, form)


def _draw(
    todo: Sequence[Shard], corpus: Mapping[str, Corpus], encoder: InputEncoder, output: Path, config: PrerenderConfig
) -> int:
    """Draw these shards; returns how many were drawn."""
    setup = (corpus, encoder, output, config.format)
    strips = 0
    started = last = time.monotonic()
    done = 0
    with ExitStack() as stack:
        run: Any = map
        if config.workers > 1 and len(todo) > 1:
            context = multiprocessing.get_context("spawn")  # a fork of a process with torch's threads may hang
            stack.enter_context(workers_must_live("finished shards are kept"))
            pool = ProcessPoolExecutor(
                min(config.workers, len(todo)), context, initializer=in_worker, initargs=(os.getpid(), _set_up, *setup)
            )
            stack.callback(pool.shutdown, cancel_futures=True)
            run = pool.map
        else:
            _set_up(*setup)
        try:
            for note in run(_write, todo):
                done += 1
                strips += note["rows"]
                if time.monotonic() - last > 15:
                    last = time.monotonic()
                    print(progress_line(done, len(todo), strips, started), flush=True)
        except RunError as error:
            raise RunError(f"{error}; finished shards are kept, and the same command draws the others") from None
    return done


def _finish(output: Path, shards: Sequence[Shard], made: int) -> Prerendered:
    """Write the manifest when all shards are there."""
    notes = {shard.file: note_of(output / shard.file) for shard in shards}
    whole = {file: note for file, note in notes.items() if note is not None}
    if len(whole) == len(shards):
        entries = {file: {"bytes": note["bytes"], "sha256": note["sha256"]} for file, note in whole.items()}
        files.write_json(output / files.MANIFEST, {"files": entries})
    total = {key: sum(note[key] for note in whole.values()) for key in ("rows", "patches", "bytes", "lost")}
    return Prerendered(output, len(whole), **total, made=made, left=len(shards) - len(whole))
