"""Documents from files: text, JSON lines, Parquet, WET, folders and streams of ``datasets``.

A file is read in **units**, stretches that can be read, packed and kept apart from each other: byte ranges of plain
text and JSON lines, row groups of Parquet files, else a whole file. Memory stays bounded whatever the file holds: long
lines come in parts.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, cast
from urllib.parse import parse_qs

from pixlm.data.splits import Naming, is_saved
from pixlm.errors import RunError, UsageError

HUB = "hub:"
"""Prefix of what is no path but a data set to stream, such as ``hub:allenai/c4?name=en&revision=1588ec4``."""

_TEXT = (".txt", ".text")
_JSON = (".jsonl", ".json")
_COMPRESSED = ("", ".gz", ".zst")
SUFFIXES = (
    *(suffix + packed for suffix in (*_TEXT, *_JSON) for packed in _COMPRESSED),
    *(".parquet", ".wet", ".wet.gz", ".wet.zst"),
)
NAMING = Naming(
    SUFFIXES,
    {"train": ("train",), "dev": ("dev", "valid", "validation", "heldout"), "test": ("test",)},
    others="train",
    saved=True,
)
"""``en.heldout.txt.gz`` is the dev split; files that no word marks are the train split."""

_STRETCH = 2**26
"""Bytes of a unit of plain text or JSON lines, and about those of one of Parquet."""
_PIECE = 2**16
"""Longest part of a line that is looked at at once, in bytes."""
_LONGEST_RECORD = 2**26
"""Longest JSON line or web page that is read, in bytes; longer ones are bad input."""
_ROWS = 100_000
"""Rows of a unit of a ``datasets`` folder."""
_ARRAY = "is JSON, but not one object a line, as JSON lines have it; jq -c '.[]' turns an array into them"
_SURROGATES = re.compile("[\ud800-\udfff]")
_DAMAGE = (EOFError, OSError, zlib.error)


class Line(NamedTuple):
    """A line of a document, or a part of one; ``glued``: it goes on from the part before without a space."""

    text: str
    glued: bool = False


@dataclass(frozen=True)
class Unit:
    """``[start, stop)`` of a file (bytes, row groups, rows) or of a stream (shards); stop None: to the end."""

    path: str
    start: int = 0
    stop: int | None = None

    @property
    def is_hub(self) -> bool:
        """Whether it is a part of a stream."""
        return self.path.startswith(HUB)


@dataclass(frozen=True)
class Reading:
    """How files are read.

    column: of JSON, Parquet and ``datasets`` that holds the text; documents: where a document of a text file ends;
    on_error: whether bad input is an error or is left out and counted; limit: documents of a stream.
    """

    column: str = "text"
    documents: Literal["blank-lines", "lines"] = "blank-lines"
    on_error: Literal["raise", "skip"] = "raise"
    limit: int | None = None


@dataclass
class Found:
    """What was met in reading: bytes that are no UTF-8, records left out, and the first messages about them."""

    invalid: int = 0
    skipped: int = 0
    messages: list[str] = field(default_factory=list)

    def bad(self, reading: Reading, where: str, what: str) -> None:
        """Bad input: a UsageError, or one more that is left out."""
        if reading.on_error == "raise":
            raise UsageError(f"{where}: {what}")
        self.skipped += 1
        if len(self.messages) < 20:
            self.messages.append(f"{where}: left out: {what}")


def kind_of(path: str) -> str:
    """text, json, parquet, wet, saved or hub; UsageError for a file whose name says nothing."""
    if path.startswith(HUB):
        return "hub"
    if is_saved(Path(path)):
        return "saved"
    name = Path(path).name.lower()
    for packed in (".gz", ".zst"):
        name = name.removesuffix(packed)
    suffix = Path(name).suffix
    kinds = {**dict.fromkeys(_TEXT, "text"), **dict.fromkeys(_JSON, "json"), ".parquet": "parquet", ".wet": "wet"}
    if suffix in kinds:
        return kinds[suffix]
    if suffix == ".arrow":
        raise UsageError(f"{path}: no text is read from single Arrow files; name the folder that datasets wrote")
    if Path(path).suffix.lower() in (".gz", ".zst"):
        raise UsageError(f"{path}: what is packed in it? Call it .txt.gz, .jsonl.gz or .wet.gz (or .zst)")
    return "text"  # a file that a person named, whatever it is called


def units_of(path: str, reading: Reading) -> list[Unit]:
    """The units of a file, folder or stream. Raises UsageError for one that cannot be opened."""
    kind = kind_of(path)
    if kind == "hub":
        shards = 1 if reading.limit is not None else _hub(path).num_shards
        return [Unit(path, shard, shard + 1) for shard in range(shards)]
    if kind == "parquet":
        groups = _parquet_groups(path)
        return [Unit(path, start, stop) for start, stop in groups]
    if kind == "saved":
        rows = len(_saved(path))
        return [Unit(path, start, min(start + _ROWS, rows)) for start in range(0, rows, _ROWS)]
    size = Path(path).stat().st_size
    if kind == "wet" or Path(path).suffix.lower() in (".gz", ".zst") or size <= _STRETCH:
        return [Unit(path)]
    starts = range(0, size, _STRETCH)
    return [Unit(path, start, start + _STRETCH if start + _STRETCH < size else None) for start in starts]


def documents(unit: Unit, reading: Reading, found: Found) -> Iterator[Line | None]:
    """The lines of a unit's documents, and None after each document."""
    kind = kind_of(unit.path)
    read = {"text": _text, "json": _json, "parquet": _parquet, "wet": _wet, "saved": _rows, "hub": _stream}[kind]
    try:
        yield from read(unit, reading, found)
    except _StopReading:
        yield None
    except _DAMAGE as error:
        if unit.is_hub:
            raise RunError(f"{unit.path}: {_short(error)}; what was read is kept: the same command goes on") from None
        if isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError):
            raise UsageError(f"{unit.path}: {(error.strerror or 'cannot be read').lower()}") from None
        found.bad(reading, unit.path, f"is damaged or cut off ({_short(error)}); fetch or pack it again")
        yield None


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _lines_of(text: str, found: Found) -> Iterator[Line | None]:
    """A document that is in memory."""
    if not text.isascii():
        text = _without_surrogates(text, found)
    for line in text.split("\n"):
        if line and not line.isspace():
            yield Line(line)
    yield None


def _without_surrogates(text: str, found: Found) -> str:
    """Lone surrogates, among them those that stand for bytes that are no UTF-8, become U+FFFD."""
    text, count = _SURROGATES.subn("�", text)
    found.invalid += count
    return text


# ---- bytes


def _open(path: str) -> BinaryIO:
    suffix = Path(path).suffix.lower()
    if suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if suffix == ".zst":
        import pyarrow

        return io.BufferedReader(cast(Any, pyarrow.input_stream(path, compression="zstd")), _PIECE)
    return Path(path).open("rb")


def _skip_line(file: BinaryIO) -> int:
    """Read on behind the next line feed; returns the bytes read."""
    count = 0
    while piece := file.readline(_PIECE):
        count += len(piece)
        if piece.endswith(b"\n"):
            break
    return count


def _text(unit: Unit, reading: Reading, found: Found) -> Iterator[Line | None]:
    """A document is of the unit in which the blank line before it begins, or, if it is a line, in which it begins."""
    each_line = reading.documents == "lines"
    with _open(unit.path) as file:
        at = unit.start
        if at:
            file.seek(at - 1)
            at += _skip_line(file) - 1
        ours = each_line or unit.start == 0
        while True:
            begin, blank = at, True
            if each_line and unit.stop is not None and begin >= unit.stop:
                return
            is_over = True
            for size, line in _pieces(file, unit, begin, reading, found):
                is_over = False
                at += size
                if line is not None:
                    blank = False
                    if ours:
                        yield line
            if is_over:
                break
            if blank or each_line:
                if ours:
                    yield None
                if not each_line and unit.stop is not None and begin >= unit.stop:
                    return
                ours = True
        if ours:
            yield None


def _pieces(
    file: BinaryIO, unit: Unit, begin: int, reading: Reading, found: Found
) -> Iterator[tuple[int, Line | None]]:
    """Parts of one line: (bytes read, text if there is any); none at the end of the file."""
    left, glued, first = b"", False, True
    while True:
        piece = file.readline(_PIECE)
        if not piece and not left:
            return
        size = len(piece)
        is_last = piece.endswith(b"\n") or size < _PIECE
        if begin < _PIECE and first:
            piece = _check_beginning(piece, unit, begin, reading, found)
        first = False
        piece, left = left + piece, b""
        cut_at_space = False
        if not is_last:
            cut = piece.rfind(b" ") + 1
            cut_at_space = cut > len(piece) // 2
            if not cut_at_space:
                cut = len(piece)
                while cut > len(piece) - 4 and piece[cut - 1] & 0xC0 == 0x80:
                    cut -= 1
                cut -= piece[cut - 1] >= 0xC0
            piece, left = piece[:cut], piece[cut:]
        text = piece.decode("utf-8", errors="surrogateescape")
        if not text.isascii():
            text = _without_surrogates(text, found)
        yield size, Line(text, glued) if text and not text.isspace() else None
        glued = not cut_at_space
        if is_last:
            return


def _check_beginning(piece: bytes, unit: Unit, begin: int, reading: Reading, found: Found) -> bytes:
    """Refuse what is no UTF-8 text; take a byte order mark away."""
    what = None
    if begin == 0 and piece[:2] in (b"\xff\xfe", b"\xfe\xff"):
        what = "is UTF-16 text; save it as UTF-8"
    elif b"\0" in piece:
        what = "holds NUL bytes, so it is no UTF-8 text file; convert or unpack it first"
    elif len(piece) >= 1024 and piece.decode("utf-8", errors="replace").count("�") > len(piece) // 4:
        what = "is no UTF-8 text; convert it first"
    if what:
        found.bad(reading, unit.path, what)
        raise _StopReading
    return piece.removeprefix(b"\xef\xbb\xbf") if begin == 0 else piece


class _StopReading(EOFError):
    """The rest of a file is left out."""


def _json(unit: Unit, reading: Reading, found: Found) -> Iterator[Line | None]:
    """A line is of the unit in which it begins."""
    with _open(unit.path) as file:
        at = unit.start
        if at:
            file.seek(at - 1)
            at += _skip_line(file) - 1
        number = 0
        while unit.stop is None or at < unit.stop:
            line = file.readline(_LONGEST_RECORD)
            if not line:
                return
            number += 1
            where = f"{unit.path}, line {number}" if unit.start == 0 else f"{unit.path}, byte {at}"
            at += len(line)
            if len(line) == _LONGEST_RECORD and not line.endswith(b"\n"):
                at += _skip_line(file)
                found.bad(reading, where, f"a record of more than {_LONGEST_RECORD >> 20} MiB")
                continue
            if not line.strip():
                continue
            try:
                value = json.loads(line)
                text = value.get(reading.column) if isinstance(value, dict) else None
                if isinstance(text, str):
                    yield from _lines_of(text, found)
                    continue
                has = ", ".join(map(str, value))[:80] if isinstance(value, dict) else f"a {type(value).__name__}"
                what = f"no text under {reading.column!r} (it has: {has}); name the key with --data.column"
                what = _ARRAY if isinstance(value, list) else what
            except (ValueError, RecursionError) as error:
                whole = number == 1 and line.strip() in (b"[", b"{")
                what = _ARRAY if whole else f"no JSON: {_short(error)}"
            found.bad(reading, where, what)


def _wet(unit: Unit, reading: Reading, found: Found) -> Iterator[Line | None]:
    """The pages of a WET file: WARC records of the type "conversion"."""
    with _open(unit.path) as file:
        number = 0
        while True:
            line = file.readline(_PIECE)
            if not line:
                return
            if not line.strip():
                continue
            number += 1
            where = f"{unit.path}, record {number}"
            if not line.startswith(b"WARC/"):
                found.bad(reading, where, f"no WARC record, but {line[:20]!r}")
                return
            headers = {}
            while (line := file.readline(_PIECE)).strip():
                name, _, value = line.partition(b":")
                headers[name.strip().lower()] = value.strip()
            try:
                size = int(headers[b"content-length"])
            except (KeyError, ValueError):
                found.bad(reading, where, "a WARC record without a length")
                return
            if size > _LONGEST_RECORD:
                found.bad(reading, where, f"a record of more than {_LONGEST_RECORD >> 20} MiB")
                while size > 0 and (data := file.read(min(size, _PIECE))):
                    size -= len(data)
                continue
            data = file.read(size)
            if len(data) < size:
                raise EOFError("the last record is cut off")
            if headers.get(b"warc-type") == b"conversion":
                yield from _lines_of(data.decode("utf-8", errors="surrogateescape"), found)


# ---- tables


def _parquet_groups(path: str) -> list[tuple[int, int]]:
    """[start, stop) of row groups that together have about the size of a unit."""
    import pyarrow
    import pyarrow.parquet

    try:
        metadata = pyarrow.parquet.read_metadata(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(f"{path}: no Parquet file, or one that is cut off: {_short(error)}") from None
    units, start, size = [], 0, 0
    for group in range(metadata.num_row_groups):
        size += metadata.row_group(group).total_byte_size
        if size >= _STRETCH or group + 1 == metadata.num_row_groups:
            units.append((start, group + 1))
            start, size = group + 1, 0
    return units


def _parquet(unit: Unit, reading: Reading, found: Found) -> Iterator[Line | None]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(unit.path) as file:
            _check_column(unit.path, file.schema_arrow, reading)
            groups = list(range(unit.start, file.metadata.num_row_groups if unit.stop is None else unit.stop))
            for batch in file.iter_batches(batch_size=256, row_groups=groups, columns=[reading.column]):
                yield from _cells(batch.column(0), found)
    except pyarrow.ArrowException as error:
        raise EOFError(_short(error)) from None


def _check_column(path: str, schema: Any, reading: Reading) -> None:
    import pyarrow

    has = schema.names
    if reading.column not in has:
        raise UsageError(f"{path}: no column {reading.column!r} (it has: {', '.join(has)}); name it with --data.column")
    kind = schema.field(reading.column).type
    if not (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)):
        raise UsageError(f"{path}: column {reading.column!r} holds {kind}, not text; name another with --data.column")


def _cells(column: Any, found: Found) -> Iterator[Line | None]:
    for text in column.to_pylist():
        if text is not None:
            yield from _lines_of(text, found)


def _saved(path: str) -> Any:
    import datasets

    try:
        return datasets.load_from_disk(path)
    except Exception as error:  # the library raises many kinds for a damaged folder
        raise UsageError(f"{path}: no readable datasets folder: {_short(error)}") from None


def _rows(unit: Unit, reading: Reading, found: Found) -> Iterator[Line | None]:
    rows = _saved(unit.path)
    _check_column(unit.path, rows.features.arrow_schema, reading)
    stop = len(rows) if unit.stop is None else unit.stop
    for start in range(unit.start, stop, 256):
        yield from _cells(rows.with_format("arrow")[start : min(start + 256, stop)].column(reading.column), found)


# ---- streams


def _hub(path: str) -> Any:
    """A data set of the hub, or a folder in a form that ``datasets`` knows, in streaming mode."""
    import datasets

    name, _, query = path.removeprefix(HUB).partition("?")
    options = {key: values[-1] for key, values in parse_qs(query).items()}
    split = options.pop("split", "train")
    if not name:
        raise UsageError(f"{path}: names no data set; write hub:OWNER/NAME")
    unknown = set(options) - {"name", "revision", "data_dir", "data_files"}
    if unknown:
        raise UsageError(f"{path}: {', '.join(sorted(unknown))}? Known are name, split, revision, data_dir, data_files")
    try:
        return datasets.load_dataset(name, split=split, streaming=True, **cast(Any, options))
    except Exception as error:  # many kinds: no network, no such set, no such split
        raise UsageError(f"{path}: cannot be opened: {_short(error)}") from None


def _stream(unit: Unit, reading: Reading, found: Found) -> Iterator[Line | None]:
    rows = _hub(unit.path)
    rows = rows.shard(rows.num_shards, unit.start) if reading.limit is None else rows.take(reading.limit)
    names = rows.column_names
    if names is not None and reading.column not in names:
        raise UsageError(
            f"{unit.path}: no column {reading.column!r} (it has: {', '.join(names)}); name it with --data.column"
        )
    try:
        for row in rows:
            text = row[reading.column]
            if isinstance(text, str):
                yield from _lines_of(text, found)
    except UsageError:
        raise
    except Exception as error:  # whatever the network does
        raise OSError(_short(error)) from None
