"""PaLI's objectives on text that comes with an image: the rest of it, or what has been masked in it.

Texts are cut at words (white space); the pieces put together again are the text, so nothing is lost or made up.
"""

from __future__ import annotations

import re

import numpy as np

SENTINELS = tuple(f"<extra_id_{number}>" for number in range(100))
"""What stands for masked spans, as in T5."""

_WORD = re.compile(r"\S+\s*")


def cut_prefix(text: str, rng: np.random.Generator, *, most: int = 64) -> tuple[str, str]:
    """(the beginning, the rest): cut before a word drawn uniformly, with ``most`` words before and one behind at
    least."""
    starts = [match.start() for match in _WORD.finditer(text)][: most + 1]
    if len(starts) < 2:
        return "", text
    cut = starts[int(rng.integers(len(starts)))]
    return text[:cut], text[cut:]


def window(text: str, rng: np.random.Generator, *, most: int = 64) -> str:
    """A stretch of ``most`` words, drawn uniformly; all of a text that has no more."""
    words = _WORD.findall(text)
    start = int(rng.integers(max(len(words) - most, 0) + 1))
    return "".join(words[start : start + most]).rstrip()


def mask_spans(text: str, rng: np.random.Generator, *, ratio: float = 0.15, mean: float = 3.0) -> tuple[str, str]:
    """(the text with sentinels for spans of words, the spans behind their sentinels), T5's span corruption.

    About ``ratio`` of the words are masked, in spans of ``mean`` words on average that do not touch each other (Raffel
    et al. 2020, section 3.1.4); one word at least, and no more spans than there are sentinels.
    """
    words = _WORD.findall(text)
    if not words:
        return text, ""
    masked = min(max(round(len(words) * ratio), 1), len(words))
    spans = min(max(round(masked / mean), 1), masked, len(words) - masked + 1, len(SENTINELS))
    lengths = _split(masked, spans, rng)
    gaps = _gaps(len(words) - masked, spans, rng)
    lead = text[: len(text) - sum(map(len, words))]
    given, target, place = [lead], [], 0
    for number, (gap, length) in enumerate(zip(gaps, lengths, strict=False)):
        given += [*words[place : place + gap], SENTINELS[number]]
        span = "".join(words[place + gap : place + gap + length])
        # White space behind a span stays where it was, so that words do not run together.
        given.append(span[len(span.rstrip()) :])
        target.append(SENTINELS[number] + span.rstrip())
        place += gap + length
    return "".join([*given, *words[place:]]), "".join(target)


def _split(total: int, parts: int, rng: np.random.Generator) -> list[int]:
    """``total`` as ``parts`` positive numbers, all ways alike."""
    cuts = np.sort(rng.choice(total - 1, parts - 1, replace=False)) + 1 if parts > 1 else np.empty(0, int)
    return np.diff([0, *cuts.tolist(), total]).tolist()


def _gaps(total: int, spans: int, rng: np.random.Generator) -> list[int]:
    """Words before each span: all but the first positive; what is left of ``total`` stands behind the last."""
    cuts = np.sort(rng.choice(total + 1, spans, replace=False))
    return np.diff([0, *cuts.tolist()]).tolist()
