"""Character and word error rates of transcripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rapidfuzz.distance import Levenshtein


def transcript_scores(references: Sequence[str], given: Sequence[str]) -> dict[str, float]:
    """cer and wer over all transcripts together: edits (substitutions, deletions, insertions) by reference units.

    White space of any kind and length counts as one space. Without a single reference unit the rate is 0 if nothing was
    given either, else 1; rates above 1 are possible, as usual.
    """
    pairs = [(_spaced(wanted), _spaced(found)) for wanted, found in zip(references, given, strict=True)]
    return {"cer": _rate(pairs, list), "wer": _rate(pairs, str.split)}


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _rate(pairs: Sequence[tuple[str, str]], units: Callable[[str], list[str]]) -> float:
    edits = total = 0
    for wanted, found in pairs:
        edits += Levenshtein.distance(units(wanted), units(found))
        total += len(units(wanted))
    return edits / total if total else float(edits > 0)


# What follows is pixparse's way, for comparison with its numbers. Its list of words to be removed was the string
# "<pad>", so that the letters p, a and d are taken out where they stand alone.
_REMOVED = tuple(re.compile(rf"\b{re.escape(letter)}\b") for letter in "<pad>")
_MARKUP = re.compile("<.*?>")


def legacy_transcript_scores(references: Sequence[str], given: Sequence[str]) -> dict[str, float]:
    """cer and wer as pixparse computed them: stand-alone letters p, a, d do not count, runs of spaces do (cer)."""
    pairs = [
        (_without_letters(wanted), _without_letters(found)) for wanted, found in zip(references, given, strict=True)
    ]
    return {"wer": _rate(pairs, _legacy_words), "cer": _rate(pairs, lambda text: list(text.strip()))}


def _legacy_words(text: str) -> list[str]:
    return [word for word in re.sub(r"\s\s+", " ", text).strip().split(" ") if word]


def _without_letters(text: str) -> str:
    for pattern in _REMOVED:
        text = pattern.sub("", text)
    return text


def legacy_clean(references: Sequence[str], given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Both sides as pixparse scored them: no markup, no empty pairs, what is given cut to the reference's length."""
    cleaned = [
        tuple(_MARKUP.sub("", text.replace("\n", " ")) for text in pair) for pair in zip(references, given, strict=True)
    ]
    kept = [(wanted, found[: len(wanted)]) for wanted, found in cleaned if wanted and found]
    return [wanted for wanted, _ in kept], [found for _, found in kept]


def whole_scores(wanted: Sequence[str], given: Sequence[str], cer: float) -> dict[str, float]:
    """character_accuracy: what ``cer`` leaves of 1, 0 at least; exact_match: texts that agree but for white space."""
    same = [one.split() == other.split() for one, other in zip(wanted, given, strict=True)]
    return {"character_accuracy": max(0.0, 1 - cer), "exact_match": sum(same) / len(same)}
