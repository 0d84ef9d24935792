"""Texts and pairs of texts with a class or a number, from tables with a header: one's own data.

GLUE, NLI and SIB-200 (:mod:`glue`, :mod:`nli`, :mod:`sib`) are declared on top of this by their columns and labels.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixlm.data.examples import TextExample
from pixlm.data.readers.problems import Problems, finish
from pixlm.data.readers.records import Record, peek, read_records
from pixlm.errors import UsageError

_PAIRS = (
    ("text", "text_b"), ("text", "text_pair"), ("text_a", "text_b"), ("text1", "text2"), ("sentence1", "sentence2"),
    ("premise", "hypothesis"), ("question1", "question2"), ("question", "sentence"),
)  # fmt: skip
_SINGLES = ("text", "sentence")
_LABELS = ("label", "labels", "class", "category", "gold_label", "score")
_IDS = ("id", "idx", "index", "index_id")


@dataclass(frozen=True)
class TextColumns:
    """Which columns to read; "" looks for the usual names, and where there is none does without it.

    text: "text", "sentence", or the first of a pair; text_b: the second of a pair (text/text_b, sentence1/sentence2,
    premise/hypothesis, question1/question2, question/sentence); label: "label", "class", "category", "score"; id:
    "id", "idx", "index"; group: part of the split that is also scored by itself, such as a language.
    """

    text: str = ""
    text_b: str = ""
    label: str = ""
    id: str = ""
    group: str = ""


@dataclass(frozen=True)
class Labels:
    """How the labels of a data set are spelt.

    names: all there are, in the order of their numbers; empty takes any. numbers: whether files store a label's
    number in place of its name; spellings: other spellings; none: what marks a row that has no label and is not used.
    """

    names: tuple[str, ...] = ()
    numbers: bool = False
    spellings: Mapping[str, str] | None = None
    none: tuple[str, ...] = ()

    def name(self, value: Any) -> str:
        """The label's name; "" for a mark of no label. Raises ValueError that says what is wrong."""
        text = "" if value is None else str(value).strip()
        if value is None or text in self.none:
            return ""
        text = (self.spellings or {}).get(text, text)
        if not self.names or text in self.names:
            if not text:
                raise ValueError("the label is empty")
            return text
        if self.numbers and text.isdecimal() and int(text) < len(self.names):
            return self.names[int(text)]
        numbers = " or its number" if self.numbers else ""
        raise ValueError(f"unknown label {text!r}; known are {', '.join(self.names)}{numbers}")


def read_texts(
    path: Path,
    *,
    columns: TextColumns | None = None,
    labelled: bool = True,
    regression: bool = False,
    labels: Labels | None = None,
    group: str = "",
    header: Sequence[str] | None = None,
    ragged: bool = False,
    problems: Problems | None = None,
) -> list[TextExample]:
    """Examples of a TSV, CSV, JSON lines or Parquet file or of a ``datasets`` folder.

    Args:
        regression: labels are numbers.
        labels: the labels there are; None takes any.
        group: of all examples, where ``columns`` names no column for it.
        header, ragged: as in :func:`~pixlm.data.readers.records.read_records`.
    """
    problems = problems or Problems()
    records = read_records(path, header=header, ragged=ragged, problems=problems)
    return from_records(
        records,
        path,
        columns=columns or TextColumns(),
        labelled=labelled,
        regression=regression,
        labels=labels or Labels(),
        group=group,
        problems=problems,
    )


def from_records(
    records: Iterable[Record],
    path: Path,
    *,
    columns: TextColumns,
    labelled: bool,
    labels: Labels,
    problems: Problems,
    regression: bool = False,
    group: str = "",
) -> list[TextExample]:
    """The examples in rows that have been read; arguments as of :func:`read_texts`."""
    names, records = peek(records)
    if not names:
        return finish([], path, problems, holds="row")
    found = _resolve(path, columns, names, labelled)
    examples = []
    for record in records:
        try:
            example = _example(record, found, labelled, regression, labels, group)
        except ValueError as error:
            problems.skip(record.where, str(error))
            continue
        if labelled and example.label is None:
            problems.leave_out(record.where, "no label")
        else:
            examples.append(example)
    return finish(examples, path, problems, holds="row")


def _resolve(path: Path, wanted: TextColumns, names: list[str], labelled: bool) -> TextColumns:
    """The columns of this table; UsageError where there is none to read."""
    for name in (wanted.text, wanted.text_b, wanted.label if labelled else "", wanted.group):
        if name and name not in names:
            raise UsageError(f"{path}: no column {name!r}; it has: {', '.join(names)}")
    text, text_b = wanted.text, wanted.text_b
    if not text:
        pairs = [pair for pair in _PAIRS if pair[0] in names and pair[1] in names]
        single = next((name for name in _SINGLES if name in names), "")
        text, text_b = pairs[0] if pairs and not text_b else (single, text_b)
    if not text:
        raise UsageError(
            f"{path}: no column to read text from; it has: {', '.join(names)}; usual names are "
            f"{', '.join(_SINGLES)} and {', '.join('/'.join(pair) for pair in _PAIRS[1:])}{_hint(path, names, 'text')}"
        )
    label = wanted.label or next((name for name in _LABELS if name in names), "")
    if labelled and not label:
        raise UsageError(
            f"{path}: no column of labels; it has: {', '.join(names)}; usual names are {', '.join(_LABELS)}"
            f"{_hint(path, names, 'label')}"
        )
    identity = wanted.id if wanted.id in names else next((name for name in _IDS if name in names), "")
    return TextColumns(text, text_b, label, identity, wanted.group)


def _hint(path: Path, names: Sequence[str], what: str) -> str:
    """How to name a column, or what stands between columns where there seems to be something else."""
    due = {".tsv": "\t", ".csv": ","}.get(path.suffix.lower())
    if due and len(names) == 1 and re.search(r"\S[\t,;|]\S", names[0]):
        return f"; a {path.suffix} file has {'tabs' if due == chr(9) else 'commas'} between its columns"
    return f"; classify takes others as --task.{what} NAME"


def _example(
    record: Record, columns: TextColumns, labelled: bool, regression: bool, labels: Labels, group: str
) -> TextExample:
    values = record.values
    label: str | float | None = None
    if labelled:
        label = _number(values.get(columns.label)) if regression else labels.name(values.get(columns.label)) or None
    identity = values.get(columns.id) if columns.id else None
    return TextExample(
        id=f"line-{record.number}" if identity is None or identity == "" else str(identity),
        group=str(values[columns.group]) if columns.group else group,
        where=record.where,
        text=_text(values, columns.text),
        text_b=_text(values, columns.text_b) if columns.text_b else None,
        label=label,
        **_strip(values),
    )


def _strip(values: Mapping[str, Any]) -> dict[str, Any]:
    """The image of a row that came drawn, as PixelGPT's published files have them: base64, and its patches of text."""
    if "image" not in values or "num_patches" not in values:
        return {}
    image, patches = values["image"], values["num_patches"]
    if not isinstance(image, str) or not isinstance(patches, int) or isinstance(patches, bool) or patches < 0:
        raise ValueError(
            f"image and num_patches must be base64 text and a count, not {image!r:.40} and {patches!r:.40}"
        )
    try:
        return {"image": base64.b64decode(image, validate=True), "num_patches": patches}
    except binascii.Error as error:
        raise ValueError(f"the image is no base64 ({error})") from None


def _text(values: Mapping[str, Any], column: str) -> str:
    value = values.get(column)
    if not isinstance(value, str):
        raise ValueError(f"no text in column {column!r}, but {value!r}")
    return value


def _number(value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"the label {value!r} is no number") from None
    if not math.isfinite(number):
        raise ValueError(f"the label {value!r} is no finite number")
    return number
