"""Reading documents from folders and files, whatever layout they have: records with images and facts.

A folder of one split may hold ``metadata.jsonl`` (Donut), ``img`` + ``key`` + ``box`` (SROIE), ``images`` +
``annotations`` (FUNSD), ``image`` + ``json`` (CORD), a DocVQA file beside its images, images with text or JSON files of
the same name, PDFs, or folders named by classes. A file may be a table of rows with images (``datasets`` folders and
Parquet too), a DocVQA file, a list of paths and classes (RVL-CDIP), a PDF or an image.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pixlm.data.pages import pdf
from pixlm.data.pages.example import BytesImage, FileImage, ImageSource, PageBox
from pixlm.data.pages.facts import AnnotationError, Facts, PageRecord, Question, facts_of
from pixlm.data.pages.images import SUFFIXES, PageError, check_page, open_page
from pixlm.data.readers.problems import Problems, finish, read_lines, read_text
from pixlm.data.readers.records import load_json, load_table, read_records, table_rows
from pixlm.data.splits import is_saved
from pixlm.errors import UsageError

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_IMAGE_FOLDERS = ("img", "image", "images")
_ANNOTATION_FOLDERS = ("key", "entities", "annotations", "json")
_BOX_FOLDERS = ("box",)
_IMAGE_COLUMNS = ("file_name", "image", "image_path", "path", "file")
_SIDECARS = (".gt_parse.json", ".json", ".txt")

RVL_CDIP = (
    "letter", "form", "email", "handwritten", "advertisement", "scientific_report", "scientific_publication",
    "specification", "file_folder", "news_article", "budget", "invoice", "presentation", "questionnaire", "resume",
    "memo",
)  # fmt: skip
"""The classes of RVL-CDIP in the order of their numbers."""


def read_pages(path: Path, *, labelled: bool = True, problems: Problems, questions: bool = False) -> list[PageRecord]:
    """The pages of one split.

    Args:
        path: a folder or file of any of the layouts above.
        questions: prefer what asks questions, where a folder has several kinds of annotation.

    Raises:
        UsageError: nothing is there that can be read; or bad input, unless ``problems`` leaves it out.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    read = _folder(path, questions) if path.is_dir() and not is_saved(path) else _reader_of_file(path)
    records = _checked(read(path, problems), problems)
    return finish(records, path, problems, holds="pages")


Read = Callable[[Path, Problems], Iterable[PageRecord]]


def _folder(path: Path, questions: bool) -> Read:
    if questions and any(_question_files(path)):
        return lambda folder, problems: (
            record for file in _question_files(folder) for record in _question_file(file, problems)
        )
    if any((path / name).is_file() for name in METADATA):
        return _metadata
    if _first_folder(path, _IMAGE_FOLDERS) and _first_folder(path, (*_ANNOTATION_FOLDERS, *_BOX_FOLDERS)):
        return _beside
    if any(_question_files(path)):
        return _folder(path, True)
    return _loose


def _reader_of_file(path: Path) -> Read:
    if path.is_dir() or path.suffix in (".parquet", ".csv", ".tsv", ".jsonl"):
        return _table
    if path.suffix == ".json":
        return _question_file
    if path.suffix == ".txt":
        return _class_list
    if path.suffix.lower() in SUFFIXES:
        return lambda file, problems: _pages_of(file, None, problems)
    raise UsageError(f"{path}: pages are read from folders, tables, JSON, lists of paths, images and PDFs")


def _checked(records: Iterable[PageRecord], problems: Problems) -> list[PageRecord]:
    """Those whose image can be opened, as far as its header says, and has the page.

    Where bad input is left out, every page is decoded: later there is nothing to put in its place.
    """
    counts: dict[str, int | PageError] = {}
    decoded: set[tuple[str, int]] = set()
    kept = []
    for record in records:
        name = record.image.name
        if name not in counts:
            try:
                counts[name] = check_page(record.image)
            except PageError as error:
                counts[name] = error
        count = counts[name]
        if isinstance(count, PageError):
            problems.skip(record.where, str(count).removeprefix(f"{record.where}: "))
        elif record.page >= count:
            problems.skip(record.where, f"speaks of page {record.page + 1}, but {name} has {count}")
        else:
            try:
                if problems.on_error == "skip" and (name, record.page) not in decoded:
                    open_page(record.image, record.page)
                    decoded.add((name, record.page))
                kept.append(record)
            except PageError as error:
                problems.skip(record.where, str(error).removeprefix(f"{record.where}: "))
    return kept


# Annotations in one file for all images


def _metadata(path: Path, problems: Problems) -> Iterator[PageRecord]:
    file = next(path / name for name in METADATA if (path / name).is_file())
    for record in _table(file, problems):
        yield _with_box_file(record, path, problems)


def _table(path: Path, problems: Problems) -> Iterator[PageRecord]:
    """Rows with an image (bytes, or a path below the folder) and columns that :func:`facts_of` knows."""
    images: Any = None
    rows = read_records(path, problems=problems) if not _is_binary(path) else None
    if rows is None:
        table = load_table(path)
        column = next((name for name in ("image", "img", "png", "jpg") if name in table.column_names), None)
        if column is not None:
            images, table = table.column(column), table.drop_columns([column])
        rows = table_rows(path, table)
    visits: Counter[str] = Counter()
    for row in rows:
        values = dict(row.values)
        try:
            image: ImageSource
            if images is not None:
                image = _image_of_cell(images, row.number - 1, path, row.where)
                for name in ("file_name", "image_path"):
                    values.pop(name, None)
            else:
                given = next((one for one in _IMAGE_COLUMNS if isinstance(values.get(one), str)), None)
                if given is None:
                    raise AnnotationError(f"no image; looked for the columns {', '.join(_IMAGE_COLUMNS)}")
                file = values.pop(given)
                image = FileImage(_inside(path.parent, file))
            facts = facts_of(values)
        except AnnotationError as error:
            problems.skip(row.where, str(error))
            continue
        id = str(values.get("id") or (file if images is None else row.number))
        if "question" in values and "id" not in values:  # a row a question, several about one page
            visits[id] += 1
            id = id if visits[id] == 1 else f"{id}?{visits[id]}"
        yield from _records(id, image, facts, row.where)


def _is_binary(path: Path) -> bool:
    return path.is_dir() or path.suffix == ".parquet"


@dataclass(frozen=True)
class CellImage:
    """An image in a table's column of ``{"bytes", "path"}``, as ``datasets`` stores them, or of plain bytes."""

    column: Any
    row: int
    name: str

    def open(self) -> BinaryIO:
        value = self.column[self.row].as_py()
        return BytesImage(value["bytes"] if isinstance(value, dict) else value).open()


def _image_of_cell(column: Any, row: int, path: Path, where: str) -> ImageSource:
    import pyarrow

    cell = column[row]
    if not cell.is_valid:
        raise AnnotationError("no image")
    if pyarrow.types.is_struct(cell.type):
        if not cell["bytes"].is_valid:
            name = cell["path"].as_py() if "path" in dict(cell) else None
            if not name:
                raise AnnotationError("no image")
            return FileImage(_inside(path if path.is_dir() else path.parent, name))
    elif not (pyarrow.types.is_binary(cell.type) or pyarrow.types.is_large_binary(cell.type)):
        raise AnnotationError("its image is neither bytes nor a struct with bytes")
    return CellImage(column, row, where)


def _question_files(path: Path) -> Iterator[Path]:
    """JSON files that hold DocVQA's ``data``, or pixparse's questions by image."""
    for file in sorted(path.glob("*.json")):
        head = _head(file)
        if '"data"' in head or "<s_question>" in head:
            yield file


def _head(file: Path, size: int = 4096) -> str:
    with file.open("rb") as opened:
        return opened.read(size).decode("utf-8", errors="replace")


_ASKED = re.compile("<s_question>(.*?)</s_question><s_answer>(.*?)</s_answer>", re.DOTALL)


def _question_file(path: Path, problems: Problems) -> Iterator[PageRecord]:
    """DocVQA's file (``data`` with image, question, answers), or a mapping of images to tagged questions."""
    whole = load_json(path, read_text(path))
    if isinstance(whole, dict) and isinstance(whole.get("data"), list):
        rows: Iterable[tuple[int, Any, Any]] = (
            (number, row.get("image") if isinstance(row, dict) else None, row)
            for number, row in enumerate(whole["data"], start=1)
        )
    elif isinstance(whole, dict) and all(isinstance(one, list) for one in whole.values()):
        rows = (
            (number, image, {"question": found[1], "answers": [found[2]]})
            for number, (image, texts) in enumerate(whole.items(), start=1)
            for text in texts
            if (found := _ASKED.search(str(text)))
        )
    else:
        raise UsageError(f'{path}: no questions about images (an object with a list "data", as in DocVQA)')
    for place, (number, image, row) in enumerate(rows, start=1):
        where = f"{path}, entry {number}"
        try:
            if not isinstance(image, str) or not isinstance(row.get("question"), str):
                raise AnnotationError("no image and question")
            (facts,) = facts_of({key: value for key, value in row.items() if key != "data_split"})
            facts = Facts(questions=facts.questions)
            file = _found_image(path.parent, image)
        except AnnotationError as error:
            problems.skip(where, str(error))
            continue
        yield PageRecord(id=facts.questions[0].id or str(place), image=FileImage(file), facts=facts, where=where)


def _found_image(folder: Path, name: str) -> Path:
    places = (folder, folder / "documents", folder / "images", folder.parent)
    candidates = [_inside(place, name) for place in places]
    return next((path for path in candidates if path.is_file()), candidates[0])


def _class_list(path: Path, problems: Problems) -> Iterator[PageRecord]:
    """RVL-CDIP's ``labels/train.txt``: lines of a path and the number of a class; images in ``images`` beside it."""
    for number, line in read_lines(path):
        where = f"{path}, line {number}"
        name, _, label = line.strip().rpartition(" ")
        if not name or not label.isdecimal() or int(label) >= len(RVL_CDIP):
            problems.skip(where, f"no path and number of a class (0 to {len(RVL_CDIP) - 1})")
            continue
        try:
            places = (path.parent / "images", path.parent.parent / "images", path.parent, path.parent.parent)
            candidates = [_inside(place, name) for place in places]
        except AnnotationError as error:
            problems.skip(where, str(error))
            continue
        file = next((one for one in candidates if one.is_file()), candidates[0])
        yield PageRecord(id=name, image=FileImage(file), facts=Facts(label=RVL_CDIP[int(label)]), where=where)


# One annotation for each image


def _first_folder(path: Path, names: Sequence[str]) -> Path | None:
    return next((path / name for name in names if (path / name).is_dir()), None)


def _beside(path: Path, problems: Problems) -> Iterator[PageRecord]:
    """Images in one folder, annotations of the same names in others (SROIE, FUNSD, CORD)."""
    images, annotations = _first_folder(path, _IMAGE_FOLDERS), _first_folder(path, _ANNOTATION_FOLDERS)
    assert images is not None
    for file in _image_files(images):
        facts: list[Facts] | None = None
        sidecar = None if annotations is None else _existing(annotations / file.stem, (".json", ".txt"))
        if sidecar is not None:
            facts = _annotation(sidecar, problems, is_key=annotations is not None and annotations.name in _KEYS)
            if facts is None:
                continue
        for record in _pages_of(file, facts, problems, where=str(sidecar or file)):
            yield _with_box_file(record, path, problems)


_KEYS = ("key", "entities")


def _loose(path: Path, problems: Problems) -> Iterator[PageRecord]:
    """Images with files of the same name beside them, PDFs, and folders named by classes."""
    for file in _image_files(path):
        sidecar = _existing(file.with_suffix(""), _SIDECARS)
        facts = None if sidecar is None else _annotation(sidecar, problems, is_key=False)
        if sidecar is None or facts is not None:
            yield from _pages_of(file, facts, problems, where=str(sidecar or file))
    for folder in sorted(one for one in path.iterdir() if one.is_dir() and not one.name.startswith(".")):
        for file in _image_files(folder):
            yield PageRecord(
                id=f"{folder.name}/{file.name}",
                image=FileImage(file),
                facts=Facts(label=folder.name),
                where=str(file),
            )


def _image_files(folder: Path) -> list[Path]:
    return sorted(
        file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    )


def _existing(stem: Path, suffixes: Sequence[str]) -> Path | None:
    return next((file for suffix in suffixes if (file := stem.with_name(stem.name + suffix)).is_file()), None)


def _annotation(file: Path, problems: Problems, *, is_key: bool) -> list[Facts] | None:
    """The facts in a text or JSON file; None where they make no sense and are left out."""
    try:
        text = read_text(file)
        if file.suffix == ".txt" and not is_key:
            return [Facts(lines=tuple(text.strip("\n").split("\n")), texts=(text.strip(),))]
        value = json.loads(text)
        if is_key:
            if not isinstance(value, dict):
                raise AnnotationError("no JSON object")
            return [Facts(parses=(value,))]
        return facts_of(value)
    except AnnotationError as error:
        problems.skip(str(file), str(error))
    except (ValueError, RecursionError) as error:
        problems.skip(str(file), f"no JSON: {error}")
    return None


def _pages_of(file: Path, facts: list[Facts] | None, problems: Problems, *, where: str = "") -> Iterator[PageRecord]:
    """The pages of an image file; those of a PDF without annotation come with the lines of its text layer."""
    if facts is None and file.suffix.lower() == ".pdf":
        try:
            layers = pdf.text_layers(file.read_bytes())
        except UsageError as error:
            problems.skip(str(file), str(error))
            return
        facts = [Facts(lines=tuple(lines) or None, texts=("\n".join(lines),) if lines else None) for lines in layers]
    yield from _records(file.name, FileImage(file), facts or [Facts()], where or str(file))


def _records(id: str, image: ImageSource, facts: Sequence[Facts], where: str) -> Iterator[PageRecord]:
    for page, one in enumerate(facts):
        name = id if len(facts) == 1 else f"{id}#{page + 1}"
        yield PageRecord(id=name, image=image, page=page, facts=one, where=where)


# Boxes as SROIE has them


def _with_box_file(record: PageRecord, path: Path, problems: Problems) -> PageRecord:
    """The record with the boxes in ``box/NAME.csv`` or ``.txt``: four corners and a text a line, in reading order."""
    folder = _first_folder(path, _BOX_FOLDERS)
    file = None if folder is None else _existing(folder / Path(record.image.name).stem, (".csv", ".txt"))
    if file is None or record.facts.boxes:
        return record
    boxes = []
    for number, line in read_lines(file):
        cells = next(csv.reader([line], quoting=csv.QUOTE_NONE))
        try:
            values = [float(cell) for cell in cells[:8]]
            text = ",".join(cells[8:]).strip()
            boxes.append(PageBox(text, min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])))
            if len(values) < 8:
                raise ValueError
        except ValueError:
            problems.warn(f"{file}, line {number}", "no eight numbers and a text")
    lines = record.facts.lines or tuple(box.text for box in boxes if box.text)
    return replace(record, facts=replace(record.facts, boxes=tuple(boxes), lines=lines or None))


def _inside(folder: Path, name: str) -> Path:
    """A file that data name, which must lie in their own folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name) or "\0" in name:
        raise AnnotationError(f"names a file outside its folder: {name!r}")
    return folder / path


def questions_of(record: PageRecord) -> Mapping[str, Question]:
    """The questions about a page by an id of their own."""
    several = len(record.facts.questions) > 1
    return {
        one.id or (f"{record.id}?{number}" if several else record.id): one
        for number, one in enumerate(record.facts.questions, start=1)
    }
