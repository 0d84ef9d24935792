"""Words with entity tags: CoNLL columns, UNER, KLUE, JSON lines such as Naamapadam's, ``datasets`` folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixlm.data.examples import WordExample
from pixlm.data.readers.problems import Problems, blocks, finish, read_lines, text_problem, words_problem
from pixlm.data.readers.records import Record, read_records
from pixlm.errors import UsageError

MASAKHANER_TAGS = ("O", "B-DATE", "I-DATE", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
"""The default inventory of PIXEL's and PIXEL-M4's scripts, in their order."""

_BIO = re.compile(r"O|[BI]-\S+")
_WORD_COLUMNS = ("tokens", "words")
_TAG_COLUMNS = ("ner_tags", "tags", "ner", "labels")
_RECORDS = (".jsonl", ".json", ".parquet")


@dataclass(frozen=True)
class Columns:
    """Where a file of one word a line has its word and its tag, counted from 0 (-1: the last column).

    numbered: the first column counts the words, and lines that start with "#" are comments (UNER); comment: what
    starts one elsewhere, None for none ("#" is a word like others in CoNLL text); optional_tag: a word without tag
    has the tag O.
    """

    word: int = 0
    tag: int = -1
    numbered: bool = False
    comment: str | None = None
    optional_tag: bool = True

    @property
    def plain(self) -> bool:
        """CoNLL text: spaces or tabs, "-DOCSTART-" lines, no comments."""
        return not self.numbered and self.comment is None


CONLL = Columns()
UNER = Columns(word=1, tag=2, numbered=True, comment="#", optional_tag=False)
KLUE = Columns(word=0, tag=1, comment="##", optional_tag=False)


def read_entities(
    path: Path,
    *,
    labelled: bool = True,
    labels: Sequence[str] | None = None,
    columns: Columns | None = None,
    problems: Problems | None = None,
) -> list[WordExample]:
    """Sentences with tags in BIO.

    The format is told by the name: ``.iob2`` is UNER's, ``.jsonl``, ``.json``, ``.parquet`` and folders have columns
    ``tokens`` and ``ner_tags`` (or ``words`` and ``ner``), a file that begins with "##" is KLUE's, anything else has
    columns between spaces or tabs, the word in the first and the tag in the last.

    Args:
        labels: the tags there may be, in the order of their numbers where a file has numbers; None takes any in BIO.
        columns: where the columns are, instead of what the name tells.
    """
    problems = problems or Problems()
    if path.is_dir() or path.suffix.lower() in _RECORDS:
        return _from_records(path, labelled, labels, problems)
    lines = list(read_lines(path))
    if columns is None:
        klue = bool(lines) and lines[0][1].startswith("## ")
        columns = UNER if path.suffix == ".iob2" else KLUE if klue else CONLL
    return _from_lines(path, lines, columns, labelled, labels, problems)


def _from_lines(
    path: Path,
    numbered: Sequence[tuple[int, str]],
    columns: Columns,
    labelled: bool,
    labels: Sequence[str] | None,
    problems: Problems,
) -> list[WordExample]:
    tabs = not columns.plain or _has_tabs(numbered)
    examples: list[WordExample] = []
    tagged = False
    for block in blocks(numbered):
        for lines in _sentences(block, columns):
            sentence = _Sentence(columns, tabs)
            fault = sentence.fill(lines, labelled, labels)
            reason = words_problem(sentence.words, problems)
            if fault is None and reason:
                fault = (lines[0][0], reason)
            if fault is not None:
                problems.skip(f"{path}, line {fault[0]}", fault[1])
                continue
            if not sentence.words:
                continue
            tagged = tagged or sentence.untagged < len(sentence.words)
            if labelled and sentence.untagged and sentence.untagged < len(sentence.words):
                problems.warn(f"{path}, line {lines[0][0]}", f"{sentence.untagged} words without a tag; O is taken")
            examples.append(
                WordExample(
                    id=sentence.id or f"line-{sentence.first}",
                    where=f"{path}, line {sentence.first}",
                    words=sentence.words,
                    labels=sentence.tags if labelled else None,
                    source=list(sentence.lines),
                )
            )
    if labelled and examples and not tagged:
        raise UsageError(f"{path}: has words, but no tags; a line is a word, a space or tab, and its tag")
    return finish(examples, path, problems, holds="sentence")


def _has_tabs(lines: Sequence[tuple[int, str]]) -> bool:
    """Whether the columns of a CoNLL file stand between tabs; then words may contain spaces."""
    return next(("\t" in line for _, line in lines if not line.startswith("-DOCSTART-")), False)


def _sentences(block: list[tuple[int, str]], columns: Columns) -> list[list[tuple[int, str]]]:
    """A block without CoNLL's document marks, which also end a sentence."""
    parts: list[list[tuple[int, str]]] = [[]]
    for number, line in block:
        if columns.plain and line.startswith("-DOCSTART-"):
            parts.append([])
        else:
            parts[-1].append((number, line))
    return [part for part in parts if part]


class _Sentence:
    """What is gathered from the lines of one sentence."""

    def __init__(self, columns: Columns, tabs: bool):
        self.columns = columns
        self.tabs = tabs
        self.id = ""
        self.words: list[str] = []
        self.tags: list[str] = []
        self.lines: list[int] = []
        self.untagged = 0

    @property
    def first(self) -> int:
        return self.lines[0]

    def fill(
        self, lines: list[tuple[int, str]], labelled: bool, labels: Sequence[str] | None
    ) -> tuple[int, str] | None:
        """Take the lines in; (line, what) of the first that is wrong."""
        for number, line in lines:
            reason = text_problem(line)
            if reason:
                return number, reason
            if self._comment(line):
                continue
            cells = line.rstrip("\r").split("\t") if self.tabs else re.split("[ \t]+", line.strip(" \t\r"))
            if self.columns.numbered and not cells[0].isdecimal():
                continue  # a multiword range or an empty node, as in CoNLL-U
            reason = self._take(cells, labelled, labels)
            if reason:
                return number, reason
            self.lines.append(number)
        return None

    def _comment(self, line: str) -> bool:
        if self.columns.comment is None or not line.startswith(self.columns.comment):
            return False
        body = line[len(self.columns.comment) :]
        if self.columns.numbered:
            name, _, value = body.partition("=")
            self.id = value.strip() if name.strip() == "sent_id" else self.id
        else:  # KLUE: "## id<tab>the sentence with its entities marked"
            self.id = body.partition("\t")[0].strip()
        return True

    def _take(self, cells: list[str], labelled: bool, labels: Sequence[str] | None) -> str | None:
        word, tag = self.columns.word, self.columns.tag
        if len(cells) <= max(word, tag if labelled and not self.columns.optional_tag else 0):
            return f"{len(cells)} column{'s' * (len(cells) != 1)}, too few: {' '.join(cells)[:40]!r}"
        if not cells[word]:
            return "the word is empty"
        found = cells[tag].strip() if len(cells) > max(word + 1, tag) else ""
        if labelled:
            if found and (reason := _tag_problem(found, labels)):
                return reason
            self.untagged += not found
            self.tags.append(found or "O")
        self.words.append(cells[word])
        return None


def _tag_problem(tag: str, labels: Sequence[str] | None) -> str | None:
    if labels is not None and tag not in labels:
        return f"unknown tag {tag!r}; known are {', '.join(labels)}"
    if labels is None and not _BIO.fullmatch(tag):
        number = "; a number needs the tags in their order (--task.labels FILE)" if tag.isdecimal() else ""
        return f"{tag!r} is no tag: O, or B- or I- and a type{number}"
    return None


def _from_records(path: Path, labelled: bool, labels: Sequence[str] | None, problems: Problems) -> list[WordExample]:
    examples = []
    for record in read_records(path, problems=problems):
        words = next((record.values[name] for name in _WORD_COLUMNS if name in record.values), None)
        tags = next((record.values[name] for name in _TAG_COLUMNS if name in record.values), None)
        reason = _record_problem(record, words, tags, labelled, problems)
        names = [] if reason or not labelled else [_tag_name(tag, labels) for tag in tags or ()]
        reason = reason or next((found for tag in names if (found := _tag_problem(tag, labels))), None)
        if reason:
            problems.skip(record.where, reason)
        elif words:  # upstream leaves out empty sentences, too
            identity = record.values.get("id")
            examples.append(
                WordExample(
                    id=f"line-{record.number}" if identity is None else str(identity),
                    where=record.where,
                    words=list(words),
                    labels=names if labelled else None,
                )
            )
    return finish(examples, path, problems, holds="sentence")


def _record_problem(record: Record, words: object, tags: object, labelled: bool, problems: Problems) -> str | None:
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        return f"no list of words as {' or '.join(_WORD_COLUMNS)}; columns: {', '.join(record.values)}"
    if labelled and (not isinstance(tags, list) or len(tags) != len(words)):
        return f"no list of {len(words)} tags as {', '.join(_TAG_COLUMNS)}; columns: {', '.join(record.values)}"
    return words_problem(words, problems)


def _tag_name(tag: object, labels: Sequence[str] | None) -> str:
    """A tag as text; a number counts in ``labels``."""
    if isinstance(tag, int) and labels is not None and 0 <= tag < len(labels):
        return labels[tag]
    return str(tag)
