"""Rows of TSV, CSV, JSON, JSON lines and Parquet files and of ``datasets`` folders, each with the line it is on."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixlm.data.readers.problems import Problems, read_lines, read_text, text_problem
from pixlm.data.splits import is_saved
from pixlm.errors import UsageError

SUFFIXES = (".tsv", ".csv", ".jsonl", ".json", ".parquet", ".txt", ".gz")
"""Of files; ``.gz`` holds JSON lines; ``.txt`` holds tab-separated columns, as SNLI's and MultiNLI's do."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its values by column name, and where it stands (the file and the line or row)."""

    values: Mapping[str, Any]
    where: str
    number: int


def read_records(
    path: Path, *, header: Sequence[str] | None = None, ragged: bool = False, problems: Problems | None = None
) -> Iterator[Record]:
    """The rows of a file or of a ``datasets`` folder, as they are asked for.

    Tab-separated files have no quoting (GLUE's, SIB's), comma-separated ones have the usual one. Class labels that
    Parquet files and folders store as numbers come as the names that they store too, -1 ("no label") as None.

    Args:
        header: column names of a TSV or CSV file that has no line for them.
        ragged: rows that lack columns are known in this data set: leave them out and go on.
    """
    problems = problems or Problems()
    suffix = path.suffix.lower()
    if path.is_dir() or suffix == ".parquet":
        return table_rows(path, load_table(path))
    if suffix in (".jsonl", ".gz") or (suffix == ".json" and not _one_document(path)):
        return _json_lines(path, problems)
    if suffix == ".json":
        return _json(path, problems)
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: rows are read from {', '.join(SUFFIXES)} files and datasets folders")
    rows = _csv(path) if suffix == ".csv" else ((number, line.split("\t")) for number, line in read_lines(path))
    return _table(path, rows, header, ragged, problems)


def peek(records: Iterable[Record]) -> tuple[list[str], Iterator[Record]]:
    """(column names of the first row, none if there is no row; all rows)."""
    rows = iter(records)
    first = next(rows, None)
    return ([], rows) if first is None else (list(first.values), itertools.chain([first], rows))


def _csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(read_text(path)))
    number = 1
    for row in reader:
        if row:
            yield number, row
        number = reader.line_num + 1


def _table(
    path: Path, rows: Iterator[tuple[int, list[str]]], header: Sequence[str] | None, ragged: bool, problems: Problems
) -> Iterator[Record]:
    names = list(header) if header is not None else None
    try:
        for number, cells in rows:
            where = f"{path}, line {number}"
            reason = next((found for cell in cells if (found := text_problem(cell))), None)
            if reason:
                problems.skip(where, reason)
            elif names is None:
                names = [cell.strip() for cell in cells]
                if len(set(names)) < len(names):
                    raise UsageError(f"{where}: the header has a column name twice: {', '.join(names)}")
            elif len(cells) != len(names):
                what = f"{len(cells)} column{'s' * (len(cells) != 1)} where {len(names)} are due: {', '.join(names)}"
                if ragged and len(cells) < len(names):
                    problems.leave_out(where, what)
                else:
                    problems.skip(where, what)
            else:
                yield Record(dict(zip(names, cells, strict=True)), where, number)
    except csv.Error as error:
        raise UsageError(f"{path}: no CSV file: {error}") from None


def _one_document(path: Path) -> bool:
    """Whether a .json file is one JSON value, and not one a line."""
    first = next(read_lines(path), (0, ""))[1].strip()
    if not first.startswith("{"):
        return True
    try:
        whole = json.loads(first)
    except (ValueError, RecursionError):
        return True  # pretty-printed
    return isinstance(whole, dict) and isinstance(whole.get("data"), list)


def _json_lines(path: Path, problems: Problems) -> Iterator[Record]:
    for number, line in read_lines(path):
        where = f"{path}, line {number}"
        try:
            value = json.loads(line)
            reason = None if isinstance(value, dict) else f"no JSON object, but {line[:40]!r}"
        except (ValueError, RecursionError) as error:
            reason = f"no JSON: {error}"
        reason = reason or value_problem(value)
        if reason:
            problems.skip(where, reason)
        else:
            yield Record(value, where, number)


def load_json(path: Path, text: str) -> Any:
    """A JSON document; UsageError with the line where it breaks off."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, line {error.lineno}: no JSON: {error.msg}") from None
    except RecursionError:
        raise UsageError(f"{path}: JSON nested too deeply") from None


def _json(path: Path, problems: Problems) -> Iterator[Record]:
    whole = load_json(path, read_text(path))
    rows = whole.get("data") if isinstance(whole, dict) else whole
    if not isinstance(rows, list):
        raise UsageError(f'{path}: neither a list of objects nor an object with such a list as "data"')
    for number, row in enumerate(rows, start=1):
        where = f"{path}, row {number}"
        reason = value_problem(row) if isinstance(row, dict) else "no JSON object"
        if reason:
            problems.skip(where, reason)
        else:
            yield Record(row, where, number)


def value_problem(value: Any) -> str | None:
    """What is wrong with the text anywhere inside a JSON value, however deep."""
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str) and (found := text_problem(one)):
            return found
        if isinstance(one, dict | list):
            rest += reversed(one.values() if isinstance(one, dict) else one)
    return None


def load_table(path: Path) -> Any:
    """The ``pyarrow.Table`` of a Parquet file or of a ``datasets`` folder; raises UsageError for anything else."""
    return _saved(path) if path.is_dir() else _parquet(path)


def _parquet(path: Path) -> Any:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(f"{path}: no Parquet file: {' '.join(str(error).split())[:160]}") from None


def _saved(path: Path) -> Any:
    import datasets

    if not is_saved(path):
        raise UsageError(f"{path}: is a folder, and no split of a data set saved with datasets' save_to_disk")
    try:
        return datasets.load_from_disk(str(path)).with_format("arrow")[:]
    except Exception as error:  # the library raises many kinds for a damaged folder
        raise UsageError(f"{path}: no readable datasets folder: {' '.join(str(error).split())[:160]}") from None


def table_rows(path: Path, table: Any) -> Iterator[Record]:
    """The rows of a table that was read from ``path``, with class labels by name."""
    import datasets

    labels = {}
    for name, feature in datasets.Features.from_arrow_schema(table.schema).items():
        inner = getattr(feature, "feature", None)
        labels[name] = next((one for one in (feature, inner) if isinstance(one, datasets.ClassLabel)), None)
    number = 0
    for batch in table.to_batches(max_chunksize=1000):
        for row in batch.to_pylist():
            number += 1
            values = {name: _named(labels[name], value) for name, value in row.items()}
            yield Record(values, f"{path}, row {number}", number)


def _named(feature: Any, value: Any) -> Any:
    """A class label, or a list of them, by name; anything else as it is."""
    if feature is None or value is None:
        return value
    if isinstance(value, list):
        return [_named(feature, one) for one in value]
    return str(feature.int2str(value)) if value >= 0 else None
