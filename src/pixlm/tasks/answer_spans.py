"""Between the characters of an answer and the units of a window, both ways.

Units (patches, tokens) map to characters by their offsets, so that nothing here depends on what the units are.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pixlm.data.encoders import Encoded
from pixlm.data.examples import Answer


class Limits(Protocol):
    """n_best: answers kept; max_answer_length: units of the longest."""

    n_best: int
    max_answer_length: int


@dataclass(frozen=True)
class Span:
    """An answer: ``context[start:end]``; score: sum of the logits of its ends."""

    text: str
    start: int
    end: int
    score: float


def answer_units(code: Encoded, answer: Answer) -> tuple[int, int] | None:
    """(first, last) unit of an answer in a window, None if the window does not hold all of it.

    In right-to-left text units stand in reading order of the drawing, and the same rule holds: the stretch of units
    that show any character of the answer.
    """
    end = answer.start + len(answer.text)
    units = _context_units(code)
    if not len(units):
        return None
    offsets = np.asarray(code.offsets)[units]
    if offsets[:, 0].min() > answer.start or offsets[:, 1].max() < end:
        return None
    inside = units[(offsets[:, 0] < end) & (offsets[:, 1] > answer.start)]
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def best_spans(
    code: Encoded, context: str, start_logits: np.ndarray, end_logits: np.ndarray, limits: Limits
) -> list[Span]:
    """The ``n_best`` answers of one window, best first."""
    units = _context_units(code)
    if not len(units):
        return []
    starts = units[np.argsort(-start_logits[units], kind="stable")[: limits.n_best]]
    ends = units[np.argsort(-end_logits[units], kind="stable")[: limits.n_best]]
    length = ends[None, :] - starts[:, None]
    scores = start_logits[starts][:, None] + end_logits[ends][None, :]
    scores = np.where((length >= 0) & (length < limits.max_answer_length), scores, -np.inf)
    spans: dict[tuple[int, int], Span] = {}
    for place in np.argsort(-scores, axis=None, kind="stable"):
        row, column = np.unravel_index(place, scores.shape)
        if not np.isfinite(scores[row, column]) or len(spans) == limits.n_best:
            break
        first, last = characters_of(code, context, int(starts[row]), int(ends[column]))
        if first < last:
            spans.setdefault((first, last), Span(context[first:last], first, last, float(scores[row, column])))
    return list(spans.values())


def characters_of(code: Encoded, context: str, first_unit: int, last_unit: int) -> tuple[int, int]:
    """(start, end) in ``context`` of the answer from one unit to another.

    A patch may show the end of one word and the beginning of the next: of the first unit only what follows its last
    space belongs to the answer, of the last unit only what precedes its first space. Punctuation that shares a boundary
    unit with other characters is left out too.
    """
    assert code.offsets is not None
    offsets = [code.offsets[unit] for unit in range(first_unit, last_unit + 1)]
    offsets = [(start, end) for start, end in offsets if end > start]
    if not offsets:
        return 0, 0
    first, last = min(offsets), max(offsets)
    start, end = first[0], min(last[1], len(context))
    if first != last:
        head, tail = context[first[0] : first[1]], context[last[0] : last[1]]
        start += len(head) - len(_after_space(head))
        end -= len(tail) - len(_before_space(tail))
    start = _skip(context, start, min(first[1], end), 1)
    end = _skip(context, end, max(last[0], start), -1)
    while start < end and context[start].isspace():
        start += 1
    while end > start and context[end - 1].isspace():
        end -= 1
    return start, end


def _after_space(text: str) -> str:
    place = max((i for i, c in enumerate(text) if c.isspace()), default=-1)
    return text[place + 1 :]


def _before_space(text: str) -> str:
    place = next((i for i, c in enumerate(text) if c.isspace()), len(text))
    return text[:place]


def _skip(context: str, position: int, limit: int, step: int) -> int:
    """Move over spaces and punctuation towards ``limit``; stay where there is nothing else before it."""
    moved = position
    while moved != limit:
        character = context[moved] if step > 0 else context[moved - 1]
        if not character.isspace() and not unicodedata.category(character).startswith("P"):
            return moved
        moved += step
    return position


def _context_units(code: Encoded) -> np.ndarray:
    """The units that show characters of the second text."""
    assert code.offsets is not None, "windows are encoded with offsets"
    first, last = code.parts[1]
    last = min(last, code.length, len(code.offsets))
    units = np.arange(first, max(first, last))
    if not len(units):
        return units
    offsets = np.asarray(code.offsets)[units]
    return units[offsets[:, 1] > offsets[:, 0]]
