"""Treebanks in CoNLL-U: sentences of words, without multiword ranges and empty nodes.

Ten columns are split at tabs and no more is asked of them here, so that "line 4711 has 9 columns" can be said of a
broken file, and an unusual one is written again as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pixlm.data.readers.problems import Problems, blocks, read_lines, text_problem, words_problem
from pixlm.errors import UsageError

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")

UPOS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ",
    "SYM", "VERB", "X",
)  # fmt: skip
"""The 17 universal part-of-speech tags, https://universaldependencies.org/u/pos/"""

RELATIONS = (
    "acl", "advcl", "advmod", "amod", "appos", "aux", "case", "cc", "ccomp", "clf", "compound", "conj", "cop", "csubj",
    "dep", "det", "discourse", "dislocated", "expl", "fixed", "flat", "goeswith", "iobj", "list", "mark", "nmod",
    "nsubj", "nummod", "obj", "obl", "orphan", "parataxis", "punct", "reparandum", "root", "vocative", "xcomp",
)  # fmt: skip
"""The 37 universal dependency relations, https://universaldependencies.org/u/dep/"""


@dataclass
class Sentence:
    """One sentence of a treebank; ``words``, ``upos``, ``heads``, ``relations`` and ``lines`` have the same length.

    heads: column 7 as it stands, a number as text; relations: column 8, subtypes included; raw: the sentence's lines
    as they stand in the file, so that it can be written again with nothing changed but what was predicted.
    """

    id: str
    words: list[str]
    upos: list[str]
    lines: list[int] = field(repr=False)
    raw: list[str] = field(repr=False)
    heads: list[str] = field(default_factory=list, repr=False)
    relations: list[str] = field(default_factory=list, repr=False)


def read(path: Path, problems: Problems | None = None) -> list[Sentence]:
    """All sentences of a CoNLL-U file.

    Raises UsageError with the file's name and line for: a missing or empty file; and, unless ``problems`` has them
    skipped, text that is not UTF-8, a line without ten tab-separated columns, an empty word, an id out of order.
    """
    problems = problems or Problems()
    sentences = []
    for lines in blocks(read_lines(path)):
        fault = _fault(lines, problems)
        if fault is not None:
            problems.skip(f"{path}, line {fault[0]}", fault[1])
            continue
        sentence = _sentence(lines)
        if sentence.words:
            sentences.append(sentence)
    if not sentences:
        reason = f" ({problems.summary()})" if problems.skipped else ""
        raise UsageError(f"{path}: holds no sentence{reason}; a CoNLL-U file has one word a line in ten columns")
    return sentences


def _fault(lines: Sequence[tuple[int, str]], problems: Problems) -> tuple[int, str] | None:
    """(line, what) of the first thing that keeps a block from being a sentence in CoNLL-U."""
    words: list[str] = []
    for number, line in lines:
        reason = text_problem(line)
        if reason:
            return number, reason
        if line.startswith("#"):
            continue
        columns = line.split("\t")
        if len(columns) != len(COLUMNS):
            return number, (
                f"{len(columns)} column{'s' * (len(columns) != 1)} where CoNLL-U has {len(COLUMNS)}, "
                f"separated by tabs: {line[:60]!r}"
            )
        if not columns[0].isdecimal():
            if not columns[0].replace("-", ".").replace(".", "", 1).isdecimal():
                return number, f"{columns[0]!r} in column 1 is no word's number, range (1-2) or empty node (1.1)"
            continue
        words.append(columns[1])
        if int(columns[0]) != len(words):
            return number, f"word number {columns[0]} where {len(words)} was due; is a line or a blank line missing?"
        if not columns[1]:
            return number, "the word form (column 2) is empty"
    reason = words_problem(words, problems)
    return (lines[0][0], reason) if reason else None


def _sentence(lines: Sequence[tuple[int, str]]) -> Sentence:
    rows = [(number, line.split("\t")) for number, line in lines if not line.startswith("#")]
    rows = [(number, columns) for number, columns in rows if columns[0].isdecimal()]
    ids = [line for _, line in lines if line.startswith("#") and line[1:].split("=")[0].strip() == "sent_id"]
    return Sentence(
        id=ids[0].partition("=")[2].strip() if ids else f"line-{lines[0][0]}",
        words=[columns[1] for _, columns in rows],
        upos=[columns[3] for _, columns in rows],
        lines=[number for number, _ in rows],
        raw=[line for _, line in lines],
        heads=[columns[6] for _, columns in rows],
        relations=[columns[7] for _, columns in rows],
    )


def of_words(id: str, words: Sequence[str]) -> Sentence:
    """A sentence that comes from no file: ``words`` with nothing said about them."""
    raw = ["\t".join((str(number), word, *"________")) for number, word in enumerate(words, start=1)]
    empty = ["_"] * len(words)
    return Sentence(id, list(words), empty, list(range(1, len(words) + 1)), raw, empty, empty)


def with_upos(sentence: Sentence, tags: Sequence[str | None]) -> str:
    """The sentence as CoNLL-U text with ``tags`` in its UPOS column; None becomes "_" (not predicted)."""
    return _with_columns(sentence, {3: [tag if tag is not None else "_" for tag in tags]})


def with_tree(sentence: Sentence, heads: Sequence[int | None], relations: Sequence[str | None]) -> str:
    """The sentence as CoNLL-U text with another tree; None becomes "_" (not predicted)."""
    given = {
        6: ["_" if head is None else str(head) for head in heads],
        7: [relation if relation is not None else "_" for relation in relations],
    }
    return _with_columns(sentence, given)


def _with_columns(sentence: Sentence, given: dict[int, list[str]]) -> str:
    lines = []
    word = 0
    for line in sentence.raw:
        columns = line.split("\t")
        if columns[0].isdecimal():
            for column, values in given.items():
                columns[column] = values[word]
            word += 1
        lines.append("\t".join(columns) + "\n")
    return "".join(lines) + "\n"
