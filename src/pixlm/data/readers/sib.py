"""SIB-200, topics of sentences in 200 languages (Adelani et al. 2024)."""

from __future__ import annotations

import re
from pathlib import Path

from pixlm.data.examples import TextExample
from pixlm.data.readers.problems import Problems
from pixlm.data.readers.texts import Labels, TextColumns, read_texts

SIB_LABELS = (
    "entertainment", "geography", "health", "politics", "science/technology", "sports", "travel",
)  # fmt: skip
"""The seven topics, in alphabetical order, which numbers them."""

_LANGUAGE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")


def read_sib(path: Path, *, labelled: bool = True, problems: Problems | None = None) -> list[TextExample]:
    """Sentences with their topic; ``group`` is the language, as in ``eng_Latn``, from the name of the file's folder.

    Reads the published TSV files (``index_id``, ``category``, ``text``), Parquet files and ``datasets`` folders.
    """
    found = [match[0] for part in reversed(path.parts) if (match := _LANGUAGE.search(part))]
    return read_texts(
        path,
        columns=TextColumns(text="text", label="category"),
        labelled=labelled,
        labels=Labels(SIB_LABELS, numbers=True),
        group=found[0] if found else "",
        problems=problems,
    )
