"""Premises and hypotheses: SNLI, MultiNLI and XNLI in their own files, and tables with premise, hypothesis, label."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pixlm.data.examples import TextExample
from pixlm.data.readers.problems import Problems
from pixlm.data.readers.records import Record, peek, read_records
from pixlm.data.readers.texts import Labels, TextColumns, from_records
from pixlm.data.splits import told_by
from pixlm.errors import UsageError

NLI_LABELS = ("entailment", "neutral", "contradiction")
"""In the order of their numbers in the ``datasets`` forms of SNLI, MultiNLI and XNLI."""

XNLI_LANGUAGES = ("en", "fr", "es", "el", "de", "bg", "ru", "tr", "ar", "vi", "th", "zh", "hi", "sw", "ur")
"""In the order of PIXEL's translate-train script."""

# XNLI's translated training files spell one label otherwise; "-" and -1 mark pairs without a majority.
_LABELS = Labels(NLI_LABELS, numbers=True, spellings={"contradictory": "contradiction"}, none=("-", "-1"))


def read_nli(path: Path, *, labelled: bool = True, problems: Problems | None = None) -> list[TextExample]:
    """Pairs with one of :data:`NLI_LABELS`; those that the annotators did not agree on ("-") are left out, counted.

    Columns: ``sentence1``, ``sentence2``, ``gold_label`` (SNLI's and MultiNLI's JSON lines and TSV) or ``premise``,
    ``hypothesis`` (also ``hypo``), ``label``. ``group``: "matched" or "mismatched" where the file's name says so.
    """
    problems = problems or Problems()
    records = read_records(path, problems=problems)
    group = next((part for part in ("mismatched", "matched") if part in told_by(path)), "")
    return _examples(records, path, labelled, group, problems)


def read_xnli(path: Path, *, labelled: bool = True, problems: Problems | None = None) -> list[TextExample]:
    """Pairs of XNLI, ``group`` being the language: of the official files (all languages in one, column
    ``language``), of one file a language (``xnli.dev.ur.tsv``, ``multinli.train.ur.tsv``), or of a file or folder in a
    folder that is named like the language."""
    problems = problems or Problems()
    records = read_records(path, problems=problems)
    names, records = peek(records)
    language = "" if "language" in names else _language(path)
    return _examples(records, path, labelled, language, problems)


def _language(path: Path) -> str:
    in_name = (part for part in re.split(r"[._\-]", told_by(path)) if part in XNLI_LANGUAGES)
    in_folders = (part.name for part in path.parents if part.name in XNLI_LANGUAGES)
    for language in (*in_name, *in_folders):
        return language
    raise UsageError(
        f"{path}: which language? There is no column 'language', and neither the file's name nor a folder's says "
        f"one of {', '.join(XNLI_LANGUAGES)}"
    )


def _examples(
    records: Iterable[Record], path: Path, labelled: bool, group: str, problems: Problems
) -> list[TextExample]:
    names, records = peek(records)
    columns = TextColumns(
        text="sentence1" if "sentence1" in names else "premise",
        text_b="sentence2" if "sentence1" in names else "hypo" if "hypo" in names else "hypothesis",
        label="gold_label" if "gold_label" in names else "label",
        id="pairID",
        group="language" if "language" in names and not group else "",
    )
    return from_records(
        records, path, columns=columns, labelled=labelled, labels=_LABELS, group=group, problems=problems
    )
