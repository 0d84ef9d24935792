"""Blocks that are drawn already: files of strips, written once and read by any number of runs.

Two forms. **parquet** has the columns of PIXEL's published sets: ``pixel_values`` (a PNG) and ``num_patches`` (those of
text, without the closing black one); ``datasets`` shows it as pictures. **compact** is an Arrow file with the same
columns, where ``pixel_values`` are the bytes of the patches in use, packed with zstd: quicker to read.

Which blocks are in which shard follows from the corpus alone. A shard is written aside, synchronised and renamed; a
note beside it holds its size and SHA-256. So a killed run loses what it was drawing, and several machines can draw at
once.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixlm import files
from pixlm.data.encoders import Encoded, InputEncoder
from pixlm.data.pretraining import documents
from pixlm.data.pretraining.rows import Corpus
from pixlm.data.readers.prerendered import PrerenderedParquet, PrerenderedText, rows_of
from pixlm.data.readers.problems import Problems
from pixlm.data.splits import Naming
from pixlm.errors import RunError, UsageError

PLAN = "prerender.json"
"""In the folder of a set: how it was made, and which shards it has."""
NAMING = Naming((".arrow", ".parquet"), documents.NAMING.words, others="train")
"""``train-00000.parquet``, ``dev-00003.arrow``, ``data/train-00000-of-00124.parquet``."""

_SUFFIXES = {"parquet": ".parquet", "compact": ".arrow"}
_GROUP = 32
"""Rows that are read together."""
_KEPT_BATCHES = 4
_COMPACT = b"pixlm.strips"


@dataclass(frozen=True)
class Shard:
    """Rows ``[start, stop)`` of a split of a source; ``file``: its name in the folder of the set."""

    file: str
    split: str
    source: str
    start: int
    stop: int


def plan_shards(corpora: Mapping[str, Corpus], form: str, size: int) -> list[Shard]:
    """The shards of a set, of at most ``size`` rows each: the same for the same corpus, whoever asks."""
    shards = []
    for split, corpus in corpora.items():
        for name, rows in zip(corpus.names, corpus.sizes, strict=True):
            folder = f"{name}/" if len(corpus.names) > 1 else ""
            for number, start in enumerate(range(0, rows, size)):
                file = f"{folder}{split}-{number:05}{_SUFFIXES[form]}"
                shards.append(Shard(file, split, name, start, min(start + size, rows)))
    return shards


# ---- writing


def write_shard(shard: Shard, corpus: Corpus, encoder: InputEncoder, output: Path, form: str) -> dict[str, Any]:
    """Draw one shard; returns its note. Raises RunError for a full disk."""
    path = output / shard.file
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = Drawing(shard, corpus, encoder)
        with aside.open("wb") as file:
            (_write_parquet if form == "parquet" else _write_compact)(file, drawn)
            file.flush()
            os.fsync(file.fileno())
        note = {
            "rows": shard.stop - shard.start,
            "patches": drawn.patches,
            "lost": drawn.lost,
            "bytes": aside.stat().st_size,
            "sha256": files.sha256(aside),
        }
        aside.replace(path)
        files.write_json(_note(path), note)
    except OSError as error:
        raise RunError(f"{path}: {error.strerror or error}") from None
    finally:
        aside.unlink(missing_ok=True)
    return note


def note_of(path: Path) -> dict[str, Any] | None:
    """What is noted of a shard when it is whole."""
    try:
        note = json.loads(_note(path).read_text(encoding="utf-8"))
        return note if {"bytes", "sha256", "rows", "patches", "lost"} <= set(note) else None
    except (OSError, ValueError, TypeError):
        return None


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


class Drawing:
    """The strips of a shard, drawn as they are asked for; ``patches`` and ``lost`` count what was drawn so far."""

    def __init__(self, shard: Shard, corpus: Corpus, encoder: InputEncoder):
        self.rows = corpus.part(shard.source)
        self.shard, self.encoder = shard, encoder
        self.patches = self.lost = 0

    def groups(self) -> Iterator[list[tuple[np.ndarray, int]]]:
        """(uint8 [P, P * (n + 1)] or [P, P * (n + 1), 3], n) of some strips at a time; n patches of text."""
        for start in range(self.shard.start, self.shard.stop, _GROUP):
            group = []
            for index in range(start, min(start + _GROUP, self.shard.stop)):
                encoded = self.encoder.encode(self.rows[index])
                image = encoded.units["pixel_values"]
                side = image.shape[0]
                group.append((image[:, : side * encoded.length], encoded.length - 1))
                self.patches += encoded.length - 1
                self.lost += encoded.lost
            yield group


def _write_parquet(file: Any, drawn: Drawing) -> None:
    import pyarrow
    import pyarrow.parquet

    picture = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    features = {"pixel_values": {"_type": "Image"}, "num_patches": {"dtype": "int64", "_type": "Value"}}
    schema = pyarrow.schema(
        [("pixel_values", picture), ("num_patches", pyarrow.int64())],
        {"huggingface": json.dumps({"info": {"features": features}})},
    )
    length = drawn.encoder.max_length
    with pyarrow.parquet.ParquetWriter(file, schema, compression="none") as writer:
        for group in drawn.groups():
            cells = [{"bytes": _png(image, length), "path": None} for image, _ in group]
            counts = [patches for _, patches in group]
            table = pyarrow.table([pyarrow.array(cells, picture), pyarrow.array(counts, "int64")], schema=schema)
            writer.write_table(table)


def _png(image: np.ndarray, length: int) -> bytes:
    """As PIXEL's sets have them: the whole canvas."""
    side = image.shape[0]
    canvas = np.full((side, side * length, *image.shape[2:]), 255, np.uint8)
    canvas[:, : image.shape[1]] = image
    data = io.BytesIO()
    Image.fromarray(canvas).save(data, "PNG")
    return data.getvalue()


def _write_compact(file: Any, drawn: Drawing) -> None:
    import pyarrow

    codec = pyarrow.Codec("zstd", 3)
    channels, side = 0, 0
    writer = None
    for group in drawn.groups():
        image = group[0][0]
        channels, side = (3 if image.ndim == 3 else 1), image.shape[0]
        if writer is None:
            described = {_COMPACT: json.dumps({"pixels_per_patch": side, "channels": channels})}
            schema = pyarrow.schema([("pixel_values", pyarrow.binary()), ("num_patches", pyarrow.int64())], described)
            writer = pyarrow.ipc.new_file(file, schema)
        cells = [codec.compress(np.ascontiguousarray(image).tobytes(), asbytes=True) for image, _ in group]
        counts = [patches for _, patches in group]
        arrays = [pyarrow.array(cells, pyarrow.binary()), pyarrow.array(counts, "int64")]
        writer.write_batch(pyarrow.record_batch(arrays, schema=schema))
    if writer is not None:
        writer.close()


# ---- reading


class CompactStrips(Sequence[PrerenderedText]):
    """A map-style view of compact files, memory-mapped. Arguments and errors as of :class:`PrerenderedParquet`."""

    def __init__(self, paths: Sequence[Path], *, min_patches: int = 0, pixels_per_patch: int = 16, rgb: bool = False):
        self.paths = list(paths)
        self.rgb = rgb
        self._rows = rows_of(self.paths, _compact_index, min_patches, Problems())
        self.lengths = self._rows[:, 3] + 1
        for path in self.paths:
            side = _described(path)["pixels_per_patch"]
            if side != pixels_per_patch:
                raise UsageError(f"{path}: patches of {side} pixels, not {pixels_per_patch}")
        self._open: dict[int, tuple[Any, int, int]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        import pyarrow

        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number, batch, row, patches = (int(value) for value in self._rows[index])
        path = self.paths[number]
        if number not in self._open:
            while len(self._open) >= 64:
                self._open.pop(next(iter(self._open)))
            described = _described(path)
            self._open[number] = (
                pyarrow.ipc.open_file(pyarrow.memory_map(str(path))),
                described["pixels_per_patch"],
                described["channels"],
            )
        reader, side, channels = self._open[number]
        where = f"{path}, row {batch * _GROUP + row + 1}"
        try:
            cell = reader.get_batch(batch).column(0)[row].as_buffer()
            size = side * side * (patches + 1) * channels
            data = pyarrow.Codec("zstd").decompress(cell, decompressed_size=size, asbytes=True)
        except (pyarrow.ArrowException, OSError) as error:
            raise UsageError(f"{where}: damaged: {' '.join(str(error).split())[:120]}") from None
        image = np.frombuffer(data, np.uint8).reshape(side, side * (patches + 1), channels)
        if channels == 3 and not self.rgb:
            image = np.asarray(Image.fromarray(image).convert("L"))[..., None]
        return PrerenderedText(image if image.shape[2] == 3 else image[..., 0], patches, where)


def _compact_index(path: Path) -> np.ndarray:
    """(record batch, row in it, num_patches) of every row of a file, int32 [rows, 3]."""
    import pyarrow

    _described(path)
    found = [np.empty((0, 3), np.int32)]
    try:
        with pyarrow.memory_map(str(path)) as file:
            reader = pyarrow.ipc.open_file(file)
            for batch in range(reader.num_record_batches):
                patches = reader.get_batch(batch).column(1).to_numpy().astype(np.int32)
                rows = np.arange(len(patches), dtype=np.int32)
                found.append(np.stack([np.full_like(patches, batch), rows, patches], 1))
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(f"{path}: cut off or damaged: {' '.join(str(error).split())[:120]}") from None
    return np.concatenate(found)


def _described(path: Path) -> dict[str, int]:
    import pyarrow

    try:
        with pyarrow.memory_map(str(path)) as file:
            metadata = pyarrow.ipc.open_file(file).schema.metadata or {}
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(
            f"{path}: no Arrow file, or one that is cut off: {' '.join(str(error).split())[:120]}"
        ) from None
    if _COMPACT not in metadata:
        raise UsageError(f"{path}: is an Arrow file, but none of strips that pixlm prerender wrote")
    described: dict[str, int] = json.loads(metadata[_COMPACT])
    return described


class Strips(Sequence[Encoded]):
    """Strips as an encoder would give them: what a corpus of texts is exchanged for.

    rows: of files; chosen: [n] which of them, None for all; lengths: [n] units of each.
    """

    def __init__(self, rows: Sequence[PrerenderedText], lengths: np.ndarray, chosen: np.ndarray | None = None):
        self.rows, self.lengths, self.chosen = rows, lengths, chosen

    def __len__(self) -> int:
        return len(self.lengths)

    def pick(self, numbers: np.ndarray) -> Strips:
        """Some of them."""
        return Strips(self.rows, self.lengths[numbers], numbers if self.chosen is None else self.chosen[numbers])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        one = self.rows[index if self.chosen is None else int(self.chosen[index])]
        side = one.pixel_values.shape[0]
        length = min(one.num_patches + 1, one.pixel_values.shape[1] // side)
        image = one.pixel_values[:, : side * length]
        return Encoded({"pixel_values": image}, length, None, None, 0)


def is_prerendered(path: str) -> bool:
    """Whether a file holds strips, and not text; one of a set that pixlm drew does, also if it is damaged."""
    if not path.endswith(tuple(_SUFFIXES.values())):
        return False
    if any((folder / PLAN).exists() for folder in (Path(path).parent, Path(path).parent.parent)):
        return True
    import pyarrow
    import pyarrow.parquet

    try:
        if path.endswith(_SUFFIXES["compact"]):
            return bool(_described(Path(path)))
        return {"pixel_values", "num_patches"} <= set(pyarrow.parquet.read_schema(path).names)
    except (UsageError, pyarrow.ArrowException, OSError):
        return False


def holds_strips(folder: Path) -> bool:
    """Whether a folder is a set of strips: files of other kinds beside them then describe it."""
    if (folder / PLAN).exists():
        return True
    first = next(NAMING.files(folder), None)
    return first is not None and is_prerendered(str(first))


def open_strips(
    files_by_source: Mapping[str, Sequence[str]], encoder: Any, *, min_patches: int = 0
) -> dict[str, Strips]:
    """The strips of each source.

    Raises UsageError for damaged files, and for strips that are wider than the encoder's sequences.
    """
    renderer = encoder.renderer
    found: dict[str, Strips] = {}
    for name, paths in files_by_source.items():
        compact = [path.endswith(_SUFFIXES["compact"]) for path in paths]
        if any(compact) and not all(compact):
            raise UsageError(f"{paths[0]}: source {name} has both Parquet and compact files; keep one kind")
        kind: Callable[..., Any] = CompactStrips if compact[0] else PrerenderedParquet
        rows = kind(
            [Path(path) for path in paths],
            min_patches=min_patches,
            pixels_per_patch=renderer.pixels_per_patch,
            rgb=renderer.rgb,
        )
        widest = int(rows.lengths.max())
        if widest > encoder.max_length:
            raise UsageError(
                f"{paths[0]}: strips of up to {widest} patches, but sequences have {encoder.max_length}; "
                f"use --render.max-seq-length {widest}"
            )
        found[name] = Strips(rows, rows.lengths)
    return found


_TOGETHER = 64
"""Rows that are held out together: those of one document are neighbours."""


def hold_out(strips: Strips, share: float) -> tuple[Strips, Strips]:
    """(those to train on, those held out): stretches of rows, the same ones in every run.

    Raises UsageError where there are too few rows to hold any out.
    """
    numbers = np.arange(len(strips))
    drawn = np.random.default_rng(0).random(len(strips) // _TOGETHER + 1)[numbers // _TOGETHER]
    out = drawn < share
    if not out.any() or out.all():
        raise UsageError(f"--data.heldout {share:g} of {len(strips)} strips: too few; name a file with --data.dev")
    return strips.pick(numbers[~out]), strips.pick(numbers[out])


def thinned(strips: Strips, most: int | None) -> Strips:
    """At most so many, spread evenly."""
    if most is None or len(strips) <= most:
        return strips
    return strips.pick(np.linspace(0, len(strips) - 1, most).astype(np.int64))


def check_set(folder: Path, fingerprint: Mapping[str, Any]) -> None:
    """Raise a UsageError where a set that pixlm drew is not finished, is damaged, or was drawn in another way.

    Folders of other origin say nothing about themselves, and pass.
    """
    try:
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        raise UsageError(f"{folder / PLAN}: cannot be read; run pixlm prerender again") from None
    drawn = plan["renderer"]
    for what in ("fonts", "strategy", "compat", "font_size", "dpi", "pixels_per_patch", "rgb"):
        if drawn.get(what) != fingerprint.get(what):
            said = "other fonts" if what == "fonts" else f"{what} {drawn.get(what)}"
            mend = "name the same font" if what == "fonts" else f"use --render.{what.replace('_', '-')}"
            raise UsageError(f"{folder}: was drawn with {said}, the run's is {fingerprint.get(what)!s:.80}; {mend}")
    shards = [entry["file"] for entry in plan["shards"]]
    notes = {name: note_of(folder / name) for name in shards}
    lacking = [name for name, note in notes.items() if note is None]
    if lacking:
        raise UsageError(
            f"{folder}: prerendering is not finished ({len(shards) - len(lacking)} of {len(shards)} shards); run the "
            "same pixlm prerender command again"
        )
    for name, note in notes.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else 0
        if note is not None and size != note["bytes"]:
            raise UsageError(
                f"{path}: damaged: {size} bytes where {note['bytes']} were written; the same pixlm prerender command "
                "draws it again"
            )


def progress_line(done: int, total: int, strips: int, started: float) -> str:
    """How far it is."""
    seconds = max(time.monotonic() - started, 1e-9)
    left = seconds / done * (total - done) if done else 0.0
    return f"drawing: {done} of {total} shards, {strips / seconds:.0f} strips/s, {left / 60:.0f} min left"
