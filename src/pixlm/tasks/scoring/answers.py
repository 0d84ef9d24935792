"""Answers: exact match and F1 as SQuAD, KorQuAD, JaQuAD and TyDi QA define them.

Text is compared after each one's normalization; a prediction counts with the accepted answer it fits best.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_KOREAN_QUOTES = str.maketrans(dict.fromkeys("'\"《》<>〈〉()‘’", " "))


def normalize_squad(text: str) -> str:
    """Lower case, without ASCII punctuation and English articles, single spaces (Rajpurkar et al. 2016)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def normalize_korquad(text: str) -> str:
    """As SQuAD's, but quotes and brackets, Korean ones too, part words, and articles stay (KorQuAD 1.0)."""
    return " ".join(text.translate(_KOREAN_QUOTES).lower().translate(_PUNCTUATION).split())


def words(text: str) -> list[str]:
    """What SQuAD counts."""
    return text.split()


def characters(text: str) -> list[str]:
    """What KorQuAD and JaQuAD count: characters but for white space."""
    return [character for word in text.split() for character in word]


def overlap_f1(prediction: Sequence[str], answer: Sequence[str]) -> float:
    """F1 of two bags of units; 0 if they share none, so also if one is empty."""
    shared = sum((Counter(prediction) & Counter(answer)).values())
    return 2 * shared / (len(prediction) + len(answer)) if shared else 0.0


@dataclass(frozen=True)
class AnswerScorer:
    """normalize: of texts before they are compared; units: what F1 counts; exact_by_f1: two answers match exactly
    where F1 is 1 (JaQuAD: the same characters, in whatever order)."""

    normalize: Callable[[str], str]
    units: Callable[[str], list[str]]
    exact_by_f1: bool = False

    def f1(self, prediction: str, answer: str) -> float:
        return overlap_f1(self.units(self.normalize(prediction)), self.units(self.normalize(answer)))

    def exact(self, prediction: str, answer: str) -> float:
        if self.exact_by_f1:
            return float(self.f1(prediction, answer) == 1)
        return float(self.normalize(prediction) == self.normalize(answer))


SQUAD = AnswerScorer(normalize_squad, words)
"""Also XQuAD, TyDi QA's GoldP, and what PIXEL reported for KorQuAD and JaQuAD."""
KORQUAD = AnswerScorer(normalize_korquad, characters)
JAQUAD = AnswerScorer(lambda text: text, characters, exact_by_f1=True)
SCORERS: Mapping[str, AnswerScorer] = {"squad": SQUAD, "korquad": KORQUAD, "jaquad": JAQUAD}


def answer_scores(
    answers: Sequence[Sequence[str]], predictions: Sequence[str], *, scorer: AnswerScorer = SQUAD
) -> dict[str, float]:
    """``exact_match`` and ``f1`` over questions.

    Args:
        answers: the accepted ones of each question; none for a question without an answer.
        predictions: one each, "" for "no answer".

    Where there are questions without an answer, SQuAD 2.0's rules hold: an empty prediction is right for these and
    wrong for others, and scores of the two kinds come besides, ``has_answer_f1`` and so on.
    """
    version2 = any(not accepted for accepted in answers)
    rows = [
        _question(accepted, prediction, scorer, version2)
        for accepted, prediction in zip(answers, predictions, strict=True)
    ]
    scores = _means(rows, "")
    if version2:
        kinds = {"has_answer_": True, "no_answer_": False}
        for prefix, wanted in kinds.items():
            chosen = [row for row, accepted in zip(rows, answers, strict=True) if bool(accepted) == wanted]
            scores |= _means(chosen, prefix) if chosen else {}
    return scores


def _question(accepted: Sequence[str], prediction: str, scorer: AnswerScorer, version2: bool) -> tuple[float, float]:
    """(exact match, F1) of one question."""
    if version2:
        # An accepted answer that normalization leaves nothing of is none.
        accepted = [answer for answer in accepted if scorer.normalize(answer)] or [""]
        if not scorer.normalize(prediction) or accepted == [""]:
            right = float(any(scorer.normalize(prediction) == scorer.normalize(answer) for answer in accepted))
            return right, right
    return (
        max(scorer.exact(prediction, answer) for answer in accepted),
        max(scorer.f1(prediction, answer) for answer in accepted),
    )


def _means(rows: Sequence[tuple[float, float]], prefix: str) -> dict[str, float]:
    if not rows:
        return {f"{prefix}exact_match": 0.0, f"{prefix}f1": 0.0}
    return {
        f"{prefix}exact_match": sum(exact for exact, _ in rows) / len(rows),
        f"{prefix}f1": sum(f1 for _, f1 in rows) / len(rows),
    }
