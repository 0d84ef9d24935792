"""Scores of short answers to questions about pages: ANLS, relaxed accuracy, soft accuracy, exact match."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from rapidfuzz.distance import Levenshtein

Accepted = Sequence[Sequence[str]]
"""For each question the accepted answers."""


def anls(accepted: Accepted, given: Sequence[str], *, threshold: float = 0.5, legacy: bool = False) -> float:
    """Average normalised Levenshtein similarity (Biten et al. 2019, equation 1): per question that of the best accepted
    answer, 0 where ``threshold`` or more of the longer string has to be changed.

    Case and white space do not count, as in the evaluation server of DocVQA (which, other than the paper, keeps a
    distance of exactly 0.5); with ``legacy`` they do, as in pixparse. A question without accepted answers has score 0.
    """
    form: Callable[[str], str] = str if legacy else _plain
    return _mean(
        max((_similarity(form(answer), form(found), threshold) for answer in answers), default=0.0)
        for answers, found in zip(accepted, given, strict=True)
    )


def _similarity(wanted: str, found: str, threshold: float) -> float:
    if not wanted and not found:
        return 1.0
    distance = Levenshtein.normalized_distance(wanted, found)
    return 1 - distance if distance < threshold else 0.0


def exact_match(accepted: Accepted, given: Sequence[str]) -> float:
    """The part of the questions whose answer is an accepted one, but for case and white space."""
    return _mean(float(_plain(found) in map(_plain, answers)) for answers, found in zip(accepted, given, strict=True))


def relaxed_accuracy(accepted: Accepted, given: Sequence[str], *, tolerance: float = 0.05) -> float:
    """Exact match in which numbers may be off by 5 % (Methani et al. 2020, section 5.1; as in Pix2Struct, ``12%`` is
    0.12)."""

    def fits(answer: str, found: str) -> bool:
        wanted, number = _number(answer), _number(found)
        if wanted and number is not None:  # nothing is within 5 % of zero
            return abs(number - wanted) <= tolerance * abs(wanted)
        return _plain(answer) == _plain(found)

    return _mean(
        float(any(fits(answer, found) for answer in answers)) for answers, found in zip(accepted, given, strict=True)
    )


def soft_accuracy(accepted: Accepted, given: Sequence[str]) -> float:
    """VQA accuracy (Antol et al. 2015, section 3): an answer that three annotators gave is right, one that fewer gave
    is partly right. ``accepted`` are all annotators' answers, with repetitions.

    As in the official evaluation it is the mean over all annotators but one, of texts without articles, punctuation and
    case, with number words as digits.
    """

    def score(answers: Sequence[str], found: str) -> float:
        counts = Counter(map(normal_answer, answers))
        same = counts[normal_answer(found)]
        # Leaving out one of those who agree leaves one voice less.
        total = same * min((same - 1) / 3, 1) + (len(answers) - same) * min(same / 3, 1)
        return total / len(answers) if answers else 0.0

    return _mean(score(answers, found) for answers, found in zip(accepted, given, strict=True))


_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_NUMBERS = ("none", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGITS = {word: str(max(number - 1, 0)) for number, word in enumerate(_NUMBERS)}
_CONTRACTED = (
    "ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's "
    "i'm i've isn't it'd it'll let's might've mightn't mustn't must've needn't o'clock she's should've "
    "shouldn't "
    "somebody'd someone'd something'd that'd that's there'd there're there's they'd they'll they're they've wasn't "
    "we've weren't what'll what're what's what've when's where'd where's where've who'd who'll who's who've why'll "
    "why're why's won't would've wouldn't y'all you'd you'll you're you've"
)
_CONTRACTIONS = {word.replace("'", ""): word for word in _CONTRACTED.split()}
_COMMA_IN_NUMBER = re.compile(r"(\d),(\d)")
_FULL_STOP = re.compile(r"(?<!\d)\.(?!\d)")


def normal_answer(text: str) -> str:
    """An answer in the form in which the VQA evaluation compares them."""
    text = " ".join(text.lower().split())
    has_number_comma = _COMMA_IN_NUMBER.search(text) is not None
    for sign in _PUNCTUATION:
        alone = f"{sign} " in text or f" {sign}" in text
        text = text.replace(sign, "" if alone or has_number_comma else " ")
    words = (_DIGITS.get(word, word) for word in _FULL_STOP.sub("", text).split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in ("a", "an", "the"))


def _number(text: str) -> float | None:
    text = text.strip()
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _mean(scores: Iterable[float]) -> float:
    listed = list(scores)
    return fmean(listed) if listed else 0.0
