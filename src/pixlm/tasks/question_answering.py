"""Extractive question answering: the stretch of a context that answers a question.

A question with its context becomes one or more rows, windows over the context that overlap; the answers of an
example's windows compete. Units (patches, tokens) map back to characters by their offsets, so that nothing here depends
on what the units are.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from pixlm import files
from pixlm.data.cache import Request
from pixlm.data.draw import Drawn
from pixlm.data.encoders import Encoded, InputEncoder
from pixlm.data.examples import QuestionExample
from pixlm.data.readers.problems import Problems
from pixlm.data.readers.questions import read_questions
from pixlm.data.splits import QUESTIONS, Naming
from pixlm.errors import UsageError
from pixlm.models import answer_loss
from pixlm.models.heads import Head
from pixlm.tasks.answer_spans import Span, answer_units, best_spans
from pixlm.tasks.base import Prediction, Reader, Task, TaskOptions
from pixlm.tasks.objective import Batch, Loss, Objective, Reduced, to_tensors
from pixlm.tasks.scoring.answers import SCORERS, answer_scores


@dataclass
class QuestionOptions(TaskOptions):
    """Choices about question answering; the defaults are PIXEL's."""

    stride: int = 160
    """Units that two windows over a long context share."""
    question_max_length: int = 128
    """Units of the question; the rest is cut off."""
    n_best: int = 20
    """Answers kept per question."""
    max_answer_length: int = 30
    """Units of the longest answer."""
    unanswerable: bool = False
    """Whether "no answer" may be predicted (SQuAD 2)."""
    null_threshold: float = 0.0
    """How much better than the best answer "no answer" must score to be predicted."""
    scorer: Literal["squad", "korquad", "jaquad"] = "squad"
    """Whose definition of exact match and F1: SQuAD's (words), KorQuAD's and JaQuAD's (characters)."""
    first_window_only: bool = False
    """Train on the first window of each context only, as PIXEL did."""


@dataclass(frozen=True)
class Window:
    """One row: window ``number`` of an example."""

    example: QuestionExample
    owner: int
    number: int


@dataclass(frozen=True)
class Answered:
    """answer: the chosen one, None for "no answer"; best: all kept ones with their probabilities, best first; null:
    the score of "no answer" less that of the best answer."""

    answer: Span | None
    best: tuple[tuple[Span, float], ...]
    null: float


_SENTENCE_END = re.compile(r"(?<=[。！？؟।!?])|(?<=[.])\s+|\n")

QuestionPrediction = Prediction[QuestionExample]
"""``value``: an :class:`Answered`."""


class AnswerSpans(Objective):
    """Cross entropy of the first and the last unit of the answer; windows without it point to the class token."""

    def __init__(self, encoder: InputEncoder, options: QuestionOptions):
        self.encoder = encoder
        self.options = options

    def windows(self, example: QuestionExample) -> list[Encoded]:
        """All windows of an example."""
        return request(example, self.options).run(self.encoder)

    def collate(self, drawn: Sequence[Drawn]) -> Batch:
        known: dict[int, list[Encoded]] = {}  # windows of one example often share a batch
        encoded = []
        for one in drawn:
            row: Window = one.example
            if row.owner not in known:
                known[row.owner] = self.windows(row.example)
            encoded.append(known[row.owner][row.number])
        arrays = self.encoder.batch(encoded)
        null = self.encoder.null_position(arrays["attention_mask"].shape[1])
        positions = np.zeros((len(drawn), 2), np.int64)
        for row_number, (one, code) in enumerate(zip(drawn, encoded, strict=True)):
            answers = one.example.example.answers
            found = answer_units(code, answers[0]) if answers else None
            # Without known answers there is nothing to learn: beyond the last unit means no label.
            nowhere = null if answers is not None else 1 << 30
            positions[row_number] = found if found is not None else nowhere
        tensors = to_tensors(arrays)
        labelled = sum(one.example.example.answers is not None for one in drawn)
        return {
            **tensors,
            "inputs": tuple(tensors),
            "starts": torch.from_numpy(positions[:, 0]),
            "ends": torch.from_numpy(positions[:, 1]),
            "count": torch.tensor(2 * labelled),
            "lost": sum(code.lost for code in encoded),
            "encoded": encoded,
            "drawn": list(drawn),
        }

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        outputs = model(**{name: batch[name] for name in batch["inputs"]})
        total, count = answer_loss(outputs.start_logits, outputs.end_logits, batch["starts"], batch["ends"])
        return Loss(total, count, outputs)

    def reduce(self, outputs: Any, batch: Batch) -> list[Reduced]:
        null = self.encoder.null_position(batch["attention_mask"].shape[1])
        starts = outputs.start_logits.float().cpu().numpy()
        ends = outputs.end_logits.float().cpu().numpy()
        rows = zip(batch["drawn"], batch["encoded"], starts, ends, strict=True)
        return [
            Reduced(
                one.draw.index,
                (
                    best_spans(code, one.example.example.context, start, end, self.options),
                    float(start[null] + end[null]),
                ),
            )
            for one, code, start, end in rows
        ]


def request(example: QuestionExample, options: QuestionOptions) -> Request:
    """What the encoder is asked for."""
    return Request((example.question, example.context), options.stride, options.question_max_length)


@dataclass(frozen=True)
class QuestionAnswering(Task[QuestionExample]):
    """A data set of questions with contexts, declared by its reader."""

    name: str
    naming: Naming
    reader: Reader[QuestionExample]
    recipe: Mapping[str, Any]
    metric: str = "f1"
    head: Head = Head.QUESTION_ANSWERING
    options: QuestionOptions = field(default_factory=QuestionOptions)
    # Every context is encoded once to count its windows anyway.
    cached: ClassVar[bool] = True

    def example(self, given: Any, id: str) -> QuestionExample:
        if isinstance(given, Mapping):
            given = (given.get("question"), given.get("context"))
        pair = isinstance(given, list | tuple) and len(given) == 2
        if not pair or not all(isinstance(part, str) and part.strip() for part in given):
            raise UsageError(f"{self.name} wants pairs (question, context) (--text, --text-b), not {given!r}")
        return QuestionExample(id=id, question=given[0], context=given[1])

    def read(
        self, paths: Sequence[Path], *, labelled: bool = True, problems: Problems | None = None
    ) -> list[QuestionExample]:
        problems = problems or Problems()
        examples = super().read(paths, labelled=labelled, problems=problems)
        for example in examples:
            if example.answers == () and not self.options.unanswerable:
                problems.warn(example.where, "no answer, which is only predicted with --task.unanswerable")
        return examples

    def text(self, example: QuestionExample) -> tuple[str, str]:
        return example.question, example.context

    def requests(self, examples: Sequence[QuestionExample]) -> list[Request]:
        return [request(example, self.options) for example in examples]

    def labels(self, examples: Sequence[QuestionExample]) -> list[str]:
        return []

    def objective(self, encoder: InputEncoder, labels: Sequence[str]) -> AnswerSpans:
        self._check(encoder)
        return AnswerSpans(encoder, self.options)

    def rows(
        self, examples: Sequence[QuestionExample], encoder: InputEncoder, *, training: bool = False
    ) -> tuple[Sequence[Any], np.ndarray]:
        objective = self.objective(encoder, ())
        rows, lengths = [], []
        for owner, example in enumerate(examples):
            windows = objective.windows(example)
            for number, code in enumerate(windows[:1] if training and self.options.first_window_only else windows):
                rows.append(Window(example, owner, number))
                lengths.append(code.length)
        return rows, np.array(lengths, np.float32)

    def finish(
        self, examples: Sequence[QuestionExample], rows: Sequence[Any], reduced: Sequence[Reduced]
    ) -> list[QuestionPrediction]:
        spans: list[list[Span]] = [[] for _ in examples]
        nulls = [math.inf] * len(examples)
        for row in reduced:
            owner = rows[row.index].owner
            found, null = row.value
            spans[owner] += found
            nulls[owner] = min(nulls[owner], null)
        return [
            Prediction(example, self._choose(found, null))
            for example, found, null in zip(examples, spans, nulls, strict=True)
        ]

    def metrics(self, predictions: Sequence[QuestionPrediction]) -> dict[str, float]:
        return self._score_all([(p.example, p.value.answer.text if p.value.answer else "") for p in predictions])

    def baseline(self, train: Sequence[QuestionExample], predictions: Sequence[QuestionPrediction]) -> dict[str, float]:
        """The sentence of the context that shares most words with the question."""
        guessed = self._score_all([(p.example, _closest_sentence(p.example)) for p in predictions])
        return {f"sentence_{name}": guessed[name] for name in ("exact_match", "f1") if name in guessed}

    def record(self, prediction: QuestionPrediction) -> dict[str, Any]:
        answer = prediction.value.answer
        return {
            "question": prediction.example.question,
            "prediction": answer.text if answer else "",
            "start": answer.start if answer else None,
            "end": answer.end if answer else None,
            "score": _probability(prediction.value),
        }

    def write(self, predictions: Sequence[QuestionPrediction], folder: Path, stem: str) -> list[Path]:
        listed = super().write(predictions, folder, stem)
        chosen = {p.example.id: p.value.answer.text if p.value.answer else "" for p in predictions}
        best = {
            p.example.id: [
                {"text": span.text, "start": span.start, "end": span.end, "score": span.score, "probability": share}
                for span, share in p.value.best
            ]
            for p in predictions
        }
        tables: dict[str, Any] = {"": chosen, "-nbest": best}
        if self.options.unanswerable:
            tables["-null-odds"] = {p.example.id: p.value.null for p in predictions}
        for ending, table in tables.items():
            path = folder / f"{stem}{ending}.json"
            files.write_text(path, json.dumps(table, ensure_ascii=False, indent=1) + "\n")
            listed.append(path)
        return listed

    def _check(self, encoder: InputEncoder) -> None:
        options = self.options
        for name in ("n_best", "max_answer_length", "question_max_length"):
            if getattr(options, name) < 1:
                raise UsageError(f"--task.{name.replace('_', '-')} {getattr(options, name)}: must be 1 or more")
        room = encoder.max_length - min(options.question_max_length, encoder.max_length) - 3
        if room < 1:
            raise UsageError(
                f"windows of {encoder.max_length} units (--render.max-seq-length) have no room for a context beside a "
                f"question of {options.question_max_length} (--task.question-max-length)"
            )
        if not 0 <= options.stride < room:
            raise UsageError(
                f"--task.stride {options.stride}: must be at least 0 and below {room}, what a window of "
                f"{encoder.max_length} units has left beside a question of {options.question_max_length}"
            )

    def _choose(self, found: list[Span], null: float) -> Answered:
        best: dict[tuple[int, int], Span] = {}
        for span in sorted(found, key=lambda span: -span.score):
            best.setdefault((span.start, span.end), span)
        kept = list(best.values())[: self.options.n_best]
        if not kept:
            return Answered(None, (), math.inf if math.isinf(null) else 0.0)
        scores = np.array([span.score for span in kept])
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        gap = null - kept[0].score
        nothing = self.options.unanswerable and gap > self.options.null_threshold
        pairs = tuple(zip(kept, map(float, shares), strict=True))
        return Answered(None if nothing else kept[0], pairs, gap)

    def _score_all(self, pairs: Sequence[tuple[QuestionExample, str]]) -> dict[str, float]:
        known = [(example.answers, given) for example, given in pairs if example.answers is not None]
        if not known:
            return {}
        answers = [[answer.text for answer in accepted] for accepted, _ in known]
        return answer_scores(answers, [given for _, given in known], scorer=SCORERS[self.options.scorer])


def _probability(answered: Answered) -> float | None:
    return next((share for span, share in answered.best if span is answered.answer), None)


def _closest_sentence(example: QuestionExample) -> str:
    asked = set(example.question.lower().split())
    sentences = [part.strip() for part in _SENTENCE_END.split(example.context) if part.strip()]
    return max(sentences, key=lambda one: len(asked & set(one.lower().split())), default="")


QA = QuestionAnswering(
    name="qa",
    naming=QUESTIONS,
    reader=read_questions,
    # PIXEL's recipe for TyDiQA-GoldP (its finetuning guide).
    recipe={
        "train": {
            "learning_rate": 7e-5,
            "batch_size": 32,
            "max_steps": 20000,
            "warmup": 100,
            "eval_steps": 500,
            "patience": 5,
            "dropout": 0.1,
            "log_steps": 100,
        },
        "render": {"max_seq_length": 400},
    },
)
"""Answers in a context: SQuAD's format and its kin (XQuAD, TyDiQA-GoldP, KorQuAD, JaQuAD)."""
