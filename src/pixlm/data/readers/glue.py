"""The nine tasks of GLUE (Wang et al. 2019) in their own TSV files, and as CSV, JSON lines and Parquet.

Columns and labels are those of the published files; the order of the labels is that of the ``datasets`` form, on
which published checkpoints were trained. https://gluebenchmark.com
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pixlm.data.examples import TextExample
from pixlm.data.readers.problems import Problems, read_lines
from pixlm.data.readers.records import Record, read_records
from pixlm.data.readers.texts import Labels, TextColumns, from_records
from pixlm.data.splits import told_by
from pixlm.errors import UsageError


@dataclass(frozen=True)
class GlueTask:
    """One task: its columns, in order of preference, and labels.

    native: in the TSV files; plain: elsewhere; header: of files without one; parts: words of a file's name that name
    the part of the split that it holds; ragged: rows without all columns are known.
    """

    native: TextColumns
    plain: TextColumns
    labels: Labels = field(default_factory=Labels)
    regression: bool = False
    header: tuple[str, ...] | None = None
    parts: tuple[str, ...] = ()
    ragged: bool = False


_ENTAILMENT = Labels(("entailment", "not_entailment"), numbers=True)
_PAIR = TextColumns("sentence1", "sentence2", "label")

GLUE: dict[str, GlueTask] = {
    "cola": GlueTask(
        native=TextColumns("sentence", "", "label"),
        plain=TextColumns("sentence", "", "label"),
        labels=Labels(("unacceptable", "acceptable"), numbers=True),
        header=("source", "label", "mark", "sentence"),
        parts=("in_domain", "out_of_domain"),
    ),
    "sst2": GlueTask(
        native=TextColumns("sentence", "", "label"),
        plain=TextColumns("sentence", "", "label"),
        labels=Labels(("negative", "positive"), numbers=True),
    ),
    "mrpc": GlueTask(
        native=TextColumns("#1 String", "#2 String", "Quality"),
        plain=_PAIR,
        labels=Labels(("not_equivalent", "equivalent"), numbers=True),
    ),
    "qqp": GlueTask(
        native=TextColumns("question1", "question2", "is_duplicate"),
        plain=TextColumns("question1", "question2", "label"),
        labels=Labels(("not_duplicate", "duplicate"), numbers=True),
        ragged=True,
    ),
    "stsb": GlueTask(
        native=TextColumns("sentence1", "sentence2", "score"),
        plain=_PAIR,
        regression=True,
        header=("sentence1", "sentence2", "label"),
    ),
    "mnli": GlueTask(
        native=TextColumns("sentence1", "sentence2", "gold_label"),
        plain=TextColumns("premise", "hypothesis", "label"),
        labels=Labels(("entailment", "neutral", "contradiction"), numbers=True, none=("-",)),
        parts=("mismatched", "matched"),
    ),
    "qnli": GlueTask(
        native=TextColumns("question", "sentence", "label"),
        plain=TextColumns("question", "sentence", "label"),
        labels=_ENTAILMENT,
    ),
    "rte": GlueTask(native=_PAIR, plain=_PAIR, labels=_ENTAILMENT),
    "wnli": GlueTask(native=_PAIR, plain=_PAIR, labels=Labels(("not_entailment", "entailment"), numbers=True)),
}


def read_glue(path: Path, task: str, *, labelled: bool = True, problems: Problems | None = None) -> list[TextExample]:
    """Examples of one file of a GLUE task; ``group`` is the part of the split, where the task's files have parts.

    MNLI's matched and mismatched, CoLA's in_domain and out_of_domain are told by the file's name. GLUE keeps the labels
    of its test files to itself: those come without, whatever ``labelled`` says.
    """
    if task not in GLUE:
        raise UsageError(f"no GLUE task {task!r}; there are {', '.join(GLUE)}")
    spec = GLUE[task]
    problems = problems or Problems()
    header = spec.header if spec.header and _headless(path) else None
    records: Iterable[Record] = read_records(path, header=header, ragged=spec.ragged, problems=problems)
    columns = spec.native if path.suffix.lower() in (".tsv", ".txt") else spec.plain
    hidden = False
    told = told_by(path)
    if labelled and "test" in told:
        records = list(records)
        hidden = _hidden_labels(records, columns.label)
    return from_records(
        records,
        path,
        columns=columns,
        labelled=labelled and not hidden,
        regression=spec.regression,
        labels=spec.labels,
        group=next((part for part in spec.parts if part in told), ""),
        problems=problems,
    )


def _hidden_labels(records: Sequence[Record], column: str) -> bool:
    """Whether these are rows of a test file as GLUE publishes them, without labels, or with -1 for each."""
    values = [record.values.get(column) for record in records]
    return all(value is None or str(value) == "-1" for value in values)


def _headless(path: Path) -> bool:
    """Whether a TSV or CSV file begins with a row of data: CoLA's train and dev files, the CSV form of STS-B."""
    if path.suffix.lower() not in (".tsv", ".txt", ".csv") or path.is_dir():
        return False
    first = next(read_lines(path), (0, ""))[1]
    return not {"sentence", "sentence1"} & set(first.strip().replace("\t", ",").split(","))
