"""Getting a data set of the table, and converting it: from files as they are published to the folder a task reads."""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from pixlm import files
from pixlm.data.download import fetch
from pixlm.data.readers.glue import GLUE, read_glue
from pixlm.data.readers.nli import read_nli, read_xnli
from pixlm.data.readers.problems import Problems
from pixlm.data.readers.questions import read_questions
from pixlm.data.readers.sib import read_sib
from pixlm.data.readers.treebank import read_trees
from pixlm.data.readers.words import read_entities
from pixlm.data.registry import DataSet, RawFile
from pixlm.errors import RunError, UsageError

SOURCE = "source.json"
"""In the output folder: where each file comes from, under which licence, its size and SHA-256."""

_READERS: Mapping[str, Callable[..., Sequence[object]]] = {
    "trees": read_trees,
    "entities": read_entities,
    "nli": read_nli,
    "xnli": read_xnli,
    "questions": read_questions,
    "sib": read_sib,
}


@dataclass(frozen=True)
class Arranged:
    """One file of the output folder; examples: how many it holds, None where it has no reader; said: what was left
    out of it on reading."""

    path: Path
    url: str
    examples: int | None
    said: str


@dataclass(frozen=True)
class Found:
    """A raw file and where it is."""

    raw: RawFile
    path: Path


OnFile = Callable[[RawFile, int, int | None], None]
"""Told (file, bytes there, bytes in all or None) as downloads go on."""


def get(data: DataSet, output: Path, languages: Sequence[str] = (), on_file: OnFile | None = None) -> list[Arranged]:
    """Download a data set and arrange it in ``output``; files that are there, and unchanged, are not fetched again.

    Raises UsageError for a data set that cannot be fetched, RunError for a file that could not.
    """
    if data.manual:
        raise UsageError(f"{data.name} cannot be fetched: {data.manual}")
    wanted = data.files(languages)
    missing = _missing(wanted, output)
    if data.convert and missing:
        missing = wanted  # they make the result together
    downloads = output / ".downloads"
    found = []
    for raw in missing:
        path = downloads / f"{hashlib.sha256(raw.url.encode()).hexdigest()[:8]}-{raw.name}"

        def on_bytes(there: int, total: int | None, raw: RawFile = raw) -> None:
            if on_file is not None:
                on_file(raw, there, total)

        fetch(raw.url, path, sha256=raw.sha256, on_bytes=on_bytes)
        found.append(Found(raw, path))
    results = arrange(data, found, output)
    shutil.rmtree(downloads, ignore_errors=True)
    return results


def convert(
    data: DataSet, source: Path, output: Path, languages: Sequence[str] = ()
) -> tuple[list[Arranged], list[str]]:
    """Arrange what is in the folder ``source`` already; also gives what is not there, as it would be called here."""
    found, missing = find_raw(data, source, languages)
    if data.convert and missing:
        raise UsageError(f"{source}: {data.name} also needs {', '.join(raw.name for raw in missing)}")
    return arrange(data, found, output), [next(iter(raw.targets.values())) or raw.name for raw in missing]


def _missing(wanted: Sequence[RawFile], output: Path) -> list[RawFile]:
    """The raw files whose result is not in the output folder as it was written."""
    recorded = read_record(output / SOURCE)
    there: set[str] = set()
    damaged: set[str] = set()
    for name, entry in recorded.items():
        path = output / name
        good = path.is_file() and files.sha256(path) == entry.get("sha256")
        (there if good else damaged).update(str(entry.get("url")).split(", "))
    return [raw for raw in wanted if raw.url in damaged or raw.url not in there]


def arrange(data: DataSet, found: Sequence[Found], output: Path) -> list[Arranged]:
    """Make the output folder from the raw files; each file of it is whole or not there.

    Reads every file back, leaving out and counting bad examples. Raises RunError where an archive or a file is damaged.
    """
    if not found:
        return []
    output.mkdir(parents=True, exist_ok=True)
    written: dict[Path, str] = {}
    if data.convert:
        places = _CONVERSIONS[data.convert]({one.raw.name: one.path for one in found}, output)
        written = dict.fromkeys(places, ", ".join(one.raw.url for one in found))
    else:
        for one in found:
            for target in _place(one.raw, one.path, output):
                written[target] = one.raw.url
    results = [_read_back(data, path, url) for path, url in written.items()]
    _record(data, results, output)
    return results


def find_raw(data: DataSet, source: Path, languages: Sequence[str]) -> tuple[list[Found], list[RawFile]]:
    """(raw files and where they are in a folder, those that are not there); by name, and by the end of their path."""
    if not source.is_dir():
        raise UsageError(f"{source}: no such folder (--source)")
    there = sorted(path for path in source.rglob("*") if path.is_file() and not path.name.startswith("."))
    found: list[Found] = []
    missing: list[RawFile] = []
    for raw in data.files(languages):
        wanted = [raw.url.partition("://")[2], *raw.targets.values(), raw.name]
        path = next((path for end in wanted if end and (path := _ending(there, source, end))), None)
        if path is None:
            missing.append(raw)
        else:
            found.append(Found(raw, path))
    if not found:
        names = ", ".join(dict.fromkeys(raw.name for raw in missing))
        raise UsageError(f"{source}: holds no file of {data.name}; looked for {names}")
    return found, missing


def _ending(there: Sequence[Path], source: Path, end: str) -> Path | None:
    """The one file whose path ends so."""
    matches = [path for path in there if path.relative_to(source).as_posix().endswith(end)]
    exact = [path for path in matches if path.name == PurePosixPath(end).name]
    return exact[0] if len(exact) == 1 else None


def _place(raw: RawFile, path: Path, output: Path) -> Iterator[Path]:
    """Copy one raw file, or unpack what is wanted of it; gives the files written."""
    if set(raw.targets) == {""}:
        target = output / raw.targets[""]
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.resolve() != target.resolve():
            with path.open("rb") as file:
                _write(file, target)
        yield target
        return
    if not zipfile.is_zipfile(path):
        raise RunError(f"{path}: no ZIP archive; delete it, and fetch it again")
    try:
        with zipfile.ZipFile(path) as archive:
            for member, place in _members(raw, archive.namelist(), path):
                target = output / place
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as file:
                    _write(cast(BinaryIO, file), target)
                yield target
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise RunError(f"{path}: damaged archive ({error}); delete it, and fetch it again") from None


def _members(raw: RawFile, names: Sequence[str], path: Path) -> list[tuple[str, str]]:
    """(member, place in the output) of what is wanted; only names of ours or parts of checked ones become paths."""
    pairs = []
    for wanted, target in raw.targets.items():
        if "*" in wanted:
            matches = [name for name in names if fnmatch.fnmatchcase(name, wanted) and not name.endswith("/")]
            places = [name.partition(raw.strip)[2] for name in matches]
            if any(".." in place.split("/") or place.startswith("/") for place in places):
                raise RunError(f"{path}: the archive has members outside of its folder")
            pairs += [(name, f"{target}{place}") for name, place in zip(matches, places, strict=True)]
        else:
            matches = [name for name in names if name == wanted or name.endswith(f"/{wanted}")]
            matches = [name for name in matches if not name.startswith("__MACOSX")]
            pairs += [(min(matches, key=len), target)] if matches else []
        if not matches:
            raise RunError(f"{path}: the archive has no {wanted}")
    return pairs


def _write(file: BinaryIO, target: Path) -> None:
    aside = target.with_name(f".{target.name}.partial")
    with aside.open("wb") as out:
        shutil.copyfileobj(file, out)
    aside.replace(target)


def _mrpc(found: Mapping[str, Path], output: Path) -> list[Path]:
    """GLUE's split of MRPC: the pairs named in mrpc_dev_ids.tsv are taken out of the training file."""
    with found["mrpc_dev_ids.tsv"].open(encoding="utf-8-sig", newline="") as file:
        dev_ids = {tuple(row[:2]) for row in csv.reader(file, delimiter="\t") if row}
    header, *rows = found["msr_paraphrase_train.txt"].read_text(encoding="utf-8-sig").strip("\n").split("\n")
    parts: dict[str, list[str]] = {"train": [header], "dev": [header]}
    for row in rows:
        parts["dev" if tuple(row.split("\t")[1:3]) in dev_ids else "train"].append(row)
    parts["test"] = found["msr_paraphrase_test.txt"].read_text(encoding="utf-8-sig").strip("\n").split("\n")
    for name, lines in parts.items():
        files.write_text(output / f"{name}.tsv", "".join(line.rstrip("\r") + "\n" for line in lines))
    return [output / f"{name}.tsv" for name in parts]


_CONVERSIONS: Mapping[str, Callable[[Mapping[str, Path], Path], list[Path]]] = {"mrpc": _mrpc}


def _read_back(data: DataSet, path: Path, url: str) -> Arranged:
    """Count the examples of a file; bad ones are left out, and said."""
    if not data.reader:
        return Arranged(path, url, None, "")
    problems = Problems("skip")
    try:
        if data.reader in GLUE:
            examples: Sequence[object] = read_glue(path, data.reader, problems=problems)
        else:
            examples = _READERS[data.reader](path, problems=problems)
    except UsageError as error:
        raise RunError(f"{error}; this is not the file that {data.name} should hold") from None
    return Arranged(path, url, len(examples), problems.summary())


def _record(data: DataSet, results: Sequence[Arranged], output: Path) -> None:
    """Write where everything comes from; files of earlier calls stay listed."""
    place = output / SOURCE
    known = read_record(place)
    for result in results:
        known[result.path.relative_to(output).as_posix()] = {
            "url": result.url,
            "bytes": result.path.stat().st_size,
            "sha256": files.sha256(result.path),
        }
    about = {"name": data.name, "about": data.about, "source": data.source, "licence": data.licence}
    files.write_json(place, {**about, "redistributable": data.redistributable, "files": known})


def read_record(place: Path) -> dict[str, dict[str, object]]:
    """The files of an output folder's record; none where there is no record or a damaged one."""
    try:
        listed = json.loads(place.read_text(encoding="utf-8"))["files"]
        return {str(name): dict(entry) for name, entry in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
