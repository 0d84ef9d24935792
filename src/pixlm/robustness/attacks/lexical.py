"""Attacks that know English words: how they sound, and how people misspell them."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from pixlm.errors import UsageError
from pixlm.robustness import tables
from pixlm.robustness.attacks.dose import Dose
from pixlm.robustness.draws import Draws
from pixlm.robustness.letters import in_case_of

_TRIES = 10
_CONTEXT = 2
"""Phonemes before a phoneme that its spelling may depend on."""

Pronunciation = tuple[str, tuple[str, ...]]
"""Phonemes, one letter each, and what spells each of them."""


def phonetic(word: str, draws: Draws, dose: Dose) -> str:
    """An English word as it might be spelt by its sound ("night": "knite"); words that CMUdict lacks stay.

    Each phoneme is spelt anew with a probability that grows with the dose, in a way that it is spelt in the dictionary
    after the same two phonemes, or after the same one, or at all. PIXEL draws from a softmax over relative frequencies,
    which is nearly flat; here spellings are drawn in proportion to the square root of their frequency.
    """
    found = _pronunciation(word.lower())
    if found is None:
        return word
    phonemes, spelt = found
    anew = 1 - 1 / (20 * dose.rate + 1)
    if dose.upstream and draws.uniform() >= anew:
        return word
    for _ in range(1 if dose.upstream else _TRIES):
        parts = [
            _spelling(("^" + phonemes)[max(0, at + 1 - _CONTEXT) : at + 2], draws, dose) or before
            if draws.uniform() < anew
            else before
            for at, before in enumerate(spelt)
        ]
        result = "".join(parts)
        if result and result != word.lower():
            return in_case_of(word, result)
    return word


def _pronunciation(word: str) -> Pronunciation | None:
    aligned = _phonetic_table().words.get(word)
    if aligned is None:
        return None
    ends = [0, *itertools.accumulate(map(int, aligned[1::2]))]
    return aligned[::2], tuple(word[a:b] for a, b in itertools.pairwise(ends))


def _spelling(context: str, draws: Draws, dose: Dose) -> str | None:
    """A spelling of the last phoneme of ``context``, by the longest context that has been counted."""
    counted = _phonetic_table().spellings
    while context and context not in counted:
        context = context[1:]
    if not context:
        return None
    counts = counted[context]
    if dose.upstream:
        total = sum(counts.values())
        sharpness = 0.5 + 2 ** (5 * (1 - dose.rate)) / 8
        weights = [math.exp(sharpness * count / total) for count in counts.values()]
    else:
        weights = [math.sqrt(count) for count in counts.values()]
    return draws.weighted(list(counts), weights)


@dataclass(frozen=True)
class _Phonetic:
    """words: phonemes, a letter each, and after each the number of letters that spell it; spellings: by context."""

    words: Mapping[str, str]
    spellings: Mapping[str, Mapping[str, int]]


@functools.cache
def _phonetic_table() -> _Phonetic:
    table = tables.load("phonetic.json.xz")
    return _Phonetic(table["words"], table["spellings"])


def natural_typo(word: str, draws: Draws, dose: Dose) -> str:
    """An English word as somebody has misspelt it; words without a recorded misspelling stay.

    Raises UsageError if codespell, whose list this uses, is not installed.
    """
    found = misspellings().get(word.lower())
    return in_case_of(word, draws.pick(found)) if found else word


@functools.cache
def misspellings() -> dict[str, list[str]]:
    """Word -> its misspellings, in lower case: codespell's dictionary turned round.

    Entries with more than one correction, or with other characters than letters, are left out.
    """
    try:
        lines = resources.files("codespell_lib").joinpath("data/dictionary.txt").read_text(encoding="utf-8")
    except ModuleNotFoundError:
        raise UsageError(
            'attack natural-typo needs codespell, which is not installed: pip install "pixlm[robustness]"'
        ) from None
    found: dict[str, list[str]] = {}
    for line in lines.splitlines():
        wrong, _, right = line.lower().partition("->")
        if wrong.isalpha() and right.isalpha():
            found.setdefault(right, []).append(wrong)
    return found
