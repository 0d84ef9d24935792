"""Treebanks in CoNLL-U: sentences of words, without multiword ranges and empty nodes.

The ``conllu`` library parses; what it does not check (the number of columns, where in the file) is checked here, since
"line 4711 has 9 columns" is what a person needs to mend a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import conllu
from conllu.exceptions import ParseException

from pixlm.errors import UsageError

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")

UPOS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ",
    "SYM", "VERB", "X",
)  # fmt: skip
"""The 17 universal part-of-speech tags, https://universaldependencies.org/u/pos/"""


@dataclass
class Sentence:
    """One sentence of a treebank; ``words`` and ``upos`` have the same length.

    raw: its lines as they stand in the file, so that it can be written again with nothing changed but the tags.
    """

    id: str
    words: list[str]
    upos: list[str]
    lines: list[int] = field(repr=False)
    raw: list[str] = field(repr=False)


def read(path: Path) -> list[Sentence]:
    """All sentences of a CoNLL-U file.

    Raises UsageError with the file's name and line for: a missing or empty file, text that is not UTF-8, a line
    without ten tab-separated columns, an id or head that is no number.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder, not a CoNLL-U file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    sentences = [_parse(path, start, block) for start, block in _blocks(text)]
    sentences = [sentence for sentence in sentences if sentence.words]
    if not sentences:
        raise UsageError(f"{path}: holds no sentence; a CoNLL-U file has one word a line in ten columns")
    return sentences


def _blocks(text: str) -> list[tuple[int, list[str]]]:
    """(number of the first line, lines) of each stretch between blank lines."""
    blocks: list[tuple[int, list[str]]] = []
    lines: list[str] = []
    # Not splitlines(): U+2028, form feeds and the like may stand inside a word.
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if line.strip(" \t"):
            if not lines:
                blocks.append((number, lines))
            lines.append(line)
        else:
            lines = []
    return blocks


def _parse(path: Path, start: int, lines: Sequence[str]) -> Sentence:
    numbers = []
    for number, line in enumerate(lines, start=start):
        if line.startswith("#"):
            continue
        columns = line.split("\t")
        if len(columns) != len(COLUMNS):
            raise UsageError(
                f"{path}, line {number}: {len(columns)} column{'s' * (len(columns) != 1)} where CoNLL-U has "
                f"{len(COLUMNS)}, separated by tabs: {line[:60]!r}"
            )
        if columns[0].isdigit():
            numbers.append(number)
            if not columns[1]:
                raise UsageError(f"{path}, line {number}: the word form (column 2) is empty")
    try:
        tokens = conllu.parse("\n".join(lines), fields=COLUMNS)[0] if numbers else conllu.TokenList([])
    except (ParseException, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UsageError(f"{path}, sentence at line {start}: not CoNLL-U: {reason}") from None
    words = [token for token in tokens if isinstance(token["id"], int)]
    return Sentence(
        id=str(tokens.metadata.get("sent_id", f"line-{start}")),
        words=[token["form"] for token in words],
        upos=[token["upos"] or "_" for token in words],
        lines=numbers,
        raw=list(lines),
    )


def with_upos(sentence: Sentence, tags: Sequence[str | None]) -> str:
    """The sentence as CoNLL-U text with ``tags`` in its UPOS column; None becomes "_" (not predicted)."""
    given = iter(tags)
    lines = []
    for line in sentence.raw:
        columns = line.split("\t")
        if columns[0].isdigit():
            tag = next(given)
            columns[3] = tag if tag is not None else "_"
        lines.append("\t".join(columns) + "\n")
    return "".join(lines) + "\n"
