"""Questions about a context: the JSON of SQuAD and its relatives, and TyDi QA's primary task.

SQuAD 1.1 and 2.0, KorQuAD 1.0, JaQuAD, XQuAD and TyDi QA's GoldP share one JSON format; ``datasets`` folders, Parquet
and JSON lines have the same as rows (``id``, ``question``, ``context``, ``answers``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixlm.data.examples import Answer, QuestionExample
from pixlm.data.readers.problems import Problems, finish, read_lines, read_text
from pixlm.data.readers.records import load_json, read_records, value_problem
from pixlm.errors import UsageError

TYDIQA_LANGUAGES = (
    "arabic", "bengali", "english", "finnish", "indonesian", "japanese", "korean", "russian", "swahili", "telugu",
    "thai",
)  # fmt: skip
"""GoldP has all but Japanese and Thai, which it leaves out since its scorer needs spaces between words."""


@dataclass(frozen=True)
class _Question:
    """A question as it is read, before it is checked."""

    id: str
    question: Any
    context: Any
    answers: list[tuple[Any, Any]]
    answered: bool
    where: str


def read_questions(path: Path, *, labelled: bool = True, problems: Problems | None = None) -> list[QuestionExample]:
    """Questions with their answers, checked to stand in the context where they say.

    ``group`` is the language, where ids begin with one as TyDi QA's do ("telugu-...") or the file's name has one as
    XQuAD's do ("xquad.hi.json"). A question marked ``is_impossible`` has no answer.
    """
    problems = problems or Problems()
    if path.suffix.lower() == ".json" and not path.is_dir():
        text = read_text(path)
        found = _nested(path, text) if '"paragraphs"' in text else _rows(path, problems)
    elif path.suffix.lower() == ".jsonl" and _is_tydiqa(path):
        return read_tydiqa(path, labelled=labelled, problems=problems)
    else:
        found = _rows(path, problems)
    language = re.fullmatch(r"xquad\.([a-z]{2})(\..*)?", path.stem)
    examples = []
    for question in found:
        try:
            examples.append(_check(question, labelled, language[1] if language else ""))
        except ValueError as error:
            problems.skip(question.where, str(error))
    return finish(examples, path, problems, holds="question")


def _check(found: _Question, labelled: bool, language: str) -> QuestionExample:
    """The example; a ValueError says what is wrong with it."""
    for what, value in (("question", found.question), ("context", found.context)):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"question {found.id!r} has no {what}")
    reason = value_problem([found.id, found.question, found.context])
    if reason:
        raise ValueError(f"question {found.id!r}: {reason}")
    answers: tuple[Answer, ...] | None = None
    if labelled:
        if not found.answered:
            raise ValueError(f"question {found.id!r} has no answers")
        answers = tuple(_answer(found, text, start) for text, start in found.answers)
    prefix = found.id.partition("-")[0]
    return QuestionExample(
        id=found.id,
        group=prefix if prefix in TYDIQA_LANGUAGES else language,
        where=found.where,
        question=found.question,
        context=found.context,
        answers=answers,
    )


def _answer(found: _Question, text: Any, start: Any) -> Answer:
    """An answer that is where it says it is."""
    context: str = found.context
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"question {found.id!r}: an answer without text")
    if not isinstance(start, int) or isinstance(start, bool):
        raise ValueError(f"question {found.id!r}: answer_start {start!r} is no whole number")
    if start < 0 or context[start : start + len(text)] != text:
        instead = _hint(context, text, start)
        raise ValueError(f"question {found.id!r}: the answer {text[:40]!r} is not at {start} in the context{instead}")
    return Answer(text, start)


def _hint(context: str, text: str, start: int) -> str:
    """Where the answer is instead."""
    places = [match.start() for match in re.finditer(re.escape(text), context)]
    if places:
        nearest = min(places, key=lambda place: abs(place - start))
        between = context[min(nearest, start) : max(nearest, start)]
        return f", but at {nearest}" + (" (off by white space)" if not between.strip() else "")
    words = text.split()
    spaced = re.search(r"\s+".join(map(re.escape, words)), context)
    return f"; with other white space it is at {spaced.start()}" if spaced else ", nor anywhere else in it"


def _nested(path: Path, text: str) -> Iterator[_Question]:
    """SQuAD's JSON: articles of paragraphs of questions."""
    whole = load_json(path, text)
    lines = _Lines(path, text)
    try:
        for article in whole["data"]:
            for paragraph in article["paragraphs"]:
                for row in paragraph["qas"]:
                    given = row.get("answers")
                    impossible = row.get("is_impossible") is True
                    given = [given] if isinstance(given, dict) else given
                    yield _Question(
                        id=str(row["id"]),
                        question=row.get("question"),
                        context=paragraph.get("context"),
                        answers=[] if impossible else [(one["text"], one["answer_start"]) for one in given or ()],
                        answered=impossible or isinstance(given, list),
                        where=lines.where(row["id"]),
                    )
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path}: no SQuAD JSON, which has data > paragraphs > context, qas > id, question, answers > text, "
            f"answer_start: {type(error).__name__} {error}"
        ) from None


class _Lines:
    """Finds the lines of questions in a JSON file by their ids, which are asked for in the file's order."""

    def __init__(self, path: Path, text: str):
        self.path = path
        self.text = text
        self.place = 0
        self.line = 1

    def where(self, identity: Any) -> str:
        """Searches on from the last one, so that a file is gone through once."""
        spelt = {json.dumps(identity), json.dumps(identity, ensure_ascii=False)}
        places = [place for one in spelt if (place := self.text.find(one, self.place)) >= 0]
        if not places:
            return f"{self.path}, line {self.line} or later"
        self.line += self.text.count("\n", self.place, min(places))
        self.place = min(places)
        return f"{self.path}, line {self.line}"


def _rows(path: Path, problems: Problems) -> Iterator[_Question]:
    """Rows with ``answers`` as {"text": [...], "answer_start": [...]} or as a list of {"text", "answer_start"}."""
    for record in read_records(path, problems=problems):
        values = record.values
        given = values.get("answers")
        pairs: list[tuple[Any, Any]] = []
        if isinstance(given, dict):
            pairs = list(zip(given.get("text") or (), given.get("answer_start") or (), strict=False))
        elif isinstance(given, list):
            pairs = [(one.get("text"), one.get("answer_start")) for one in given if isinstance(one, dict)]
        yield _Question(
            id=str(values.get("id") or f"line-{record.number}"),
            question=values.get("question"),
            context=values.get("context"),
            answers=pairs,
            answered=isinstance(given, dict | list),
            where=record.where,
        )


def _is_tydiqa(path: Path) -> bool:
    return '"document_plaintext"' in next(read_lines(path), (0, ""))[1]


def read_tydiqa(path: Path, *, labelled: bool = True, problems: Problems | None = None) -> list[QuestionExample]:
    """TyDi QA's primary task (JSON lines) as questions about the passage that has the minimal answer, as in GoldP.

    Byte offsets become character offsets; ids are LANGUAGE-EXAMPLE-0. Questions without a minimal answer are left
    out; with ``labelled=False`` the context is the whole document, and none is left out.
    """
    problems = problems or Problems()
    examples = []
    for record in read_records(path, problems=problems):
        try:
            example = _tydiqa(record.values, labelled, record.where)
        except (KeyError, TypeError, IndexError, AttributeError, UnicodeDecodeError) as error:
            problems.skip(record.where, f"no question of TyDi QA's primary task: {type(error).__name__} {error}")
            continue
        if example is None:
            problems.leave_out(record.where, "no minimal answer")
        else:
            examples.append(example)
    return finish(examples, path, problems, holds="question with a minimal answer")


def _tydiqa(row: Any, labelled: bool, where: str) -> QuestionExample | None:
    document = row["document_plaintext"]
    context, answers = document, None
    if labelled:
        data = document.encode("utf-8")
        found = [one for one in row["annotations"] if one["minimal_answer"]["plaintext_start_byte"] >= 0]
        passages = row["passage_answer_candidates"]
        index = found[0]["passage_answer"]["candidate_index"] if found else -1
        if index < 0:
            return None
        first, end = passages[index]["plaintext_start_byte"], passages[index]["plaintext_end_byte"]
        context = data[first:end].decode("utf-8")
        spans = []
        for one in found:
            start, stop = (one["minimal_answer"][f"plaintext_{side}_byte"] for side in ("start", "end"))
            if first <= start < stop <= end:
                spans.append(Answer(data[start:stop].decode("utf-8"), len(data[first:start].decode("utf-8"))))
        answers = tuple(dict.fromkeys(spans))
        if not answers:
            return None
    return QuestionExample(
        id=f"{row['language']}-{row['example_id']}-0",
        group=row["language"],
        where=where,
        question=row["question_text"],
        context=context,
        answers=answers,
    )
