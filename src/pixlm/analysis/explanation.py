"""What a classifier says of texts, and which of their units, characters and words that comes from."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pixlm import hub
from pixlm.analysis.relevance import Method, check_classifier, is_unit_classifier, relevance
from pixlm.data.encoders import Encoded, said
from pixlm.data.pairs import PairedText
from pixlm.errors import UsageError
from pixlm.inference import PixelLM
from pixlm.rendering.unicode.graphemes import grapheme_clusters
from pixlm.rendering.unicode.properties import SCRIPT
from pixlm.tasks import task_of_model
from pixlm.tasks.evaluation import to_device
from pixlm.tasks.objective import to_tensors
from pixlm.tasks.word_labelling import usable_starts, words_of

Given = str | tuple[str, str] | list[str]
"""A text, a pair of texts, or words."""

UNSPACED = frozenset(("Hani", "Hira", "Kana", "Bopo", "Thai", "Laoo", "Khmr", "Mymr", "Tibt", "Yiii"))
"""Scripts whose words are not separated by spaces: a grapheme stands for a word there."""


@dataclass(frozen=True)
class Share:
    """The relevance of one word: ``text`` [start, end) of part number ``part`` (of a pair; of a list the word)."""

    part: int
    start: int
    end: int
    text: str
    value: float


@dataclass(frozen=True)
class Explanation:
    """One answer of a classifier, and where it comes from.

    text: what the model was given; word: the number of the labelled word, None for whole texts; label, score: the class
    explained and its probability (of a model that estimates numbers: "" and the number); values: float32 [units], the
    relevance of each unit; spans: per unit (part, start, end) in code points, None at separators; words: the same per
    word; pixels: the strip [P, P * units] or [P, P * units, 3], None for models that read tokens; lost: characters or
    words that did not fit.
    """

    text: Given
    word: int | None
    label: str
    score: float
    values: NDArray[np.float32]
    spans: list[tuple[int, int, int] | None]
    words: list[Share]
    pixels: NDArray[np.uint8] | None
    lost: int

    def part(self, number: int) -> str:
        """A text of a pair or a word of a list; the text itself."""
        return self.text if isinstance(self.text, str) else self.text[number]

    def as_json(self) -> dict[str, Any]:
        """Plain values; ``units`` are [characters, part, start, end, value], of separators [null, ..., value]."""
        units = [
            [None, None, None, None, round(float(value), 6)]
            if span is None
            else [self.part(span[0])[span[1] : span[2]], *span, round(float(value), 6)]
            for span, value in zip(self.spans, self.values, strict=True)
        ]
        words = [[each.text, each.part, each.start, each.end, round(each.value, 6)] for each in self.words]
        said = {"text": self.text, **({} if self.word is None else {"word": self.word})}
        return {**said, "label": self.label, "score": round(self.score, 6), "words": words, "units": units}


def explain(
    model: PixelLM,
    inputs: Sequence[Any],
    *,
    target: str | int | None = None,
    method: str = Method.GRADIENT,
    word: int | None = None,
    batch_size: int = 8,
    steps: int = 32,
    on_batch: Callable[[int], None] | None = None,
) -> list[Explanation]:
    """Explain a classifier's answers about texts, in the order given; of a tagger those about each word.

    Args:
        inputs: what the model's task takes: texts, pairs of texts, or lists of words for a tagger.
        target: the class to explain, by name or number; None: the likeliest.
        word: of a tagger: only that of this word (from 0).
        on_batch: told how many inputs are done, after each batch.

    Raises:
        UsageError: a model without such a head, no such class or word, an empty input.
    """
    check_classifier(model.model)
    if isinstance(model.encoder, PairedText):
        raise UsageError("relevance needs a model that reads patches or tokens, not both: load it with either modality")
    if isinstance(inputs, str):
        raise UsageError('explain takes a list of inputs, such as ["a text"]')
    if batch_size < 1:
        raise UsageError(f"batch_size {batch_size}: must be 1 or more")
    labels = _label_names(model)
    wanted = _target(labels, target)
    texts = [_given(model, one, str(number)) for number, one in enumerate(inputs)]
    order = np.argsort([-model.encoder.measure(text) for text in texts], kind="stable")
    found: dict[int, list[Explanation]] = {}
    for start in range(0, len(order), batch_size):
        numbers = order[start : start + batch_size].tolist()
        codes = [model.encoder.encode(texts[number], offsets=True) for number in numbers]
        rows = [
            (number, code, unit, place)
            for number, code in zip(numbers, codes, strict=True)
            for place, unit in _questions(model, texts[number], code, word)
        ]
        # A tagger has a row for every word of a text.
        for first in range(0, len(rows), batch_size):
            some = rows[first : first + batch_size]
            for (number, code, _, place), (label, score, values) in zip(
                some, _answers(model, [row[1:3] for row in some], wanted, method, steps, labels), strict=True
            ):
                made = _explanation(texts[number], place, label, score, values, code)
                found.setdefault(number, []).append(made)
        if on_batch is not None:
            on_batch(len(numbers))
    return [one for number in range(len(texts)) for one in found.get(number, [])]


def per_word(
    values: Sequence[float] | NDArray[np.floating[Any]],
    offsets: Sequence[tuple[int, int]],
    text: str,
    words: Sequence[tuple[int, int]] | None = None,
) -> list[tuple[int, int, float]]:
    """The relevance of words: (start, end, value) each.

    The value of a unit is shared out among the characters that it shows, spaces left out; a word has the sum of its
    characters. What stands on separators belongs to no word.

    Args:
        values: of each unit; offsets: its (start, end) in ``text``, (0, 0) at separators and blanks.
        words: (start, end) of each; default :func:`word_spans`.
    """
    characters = np.zeros(len(text))
    for value, (start, end) in zip(values, offsets, strict=True):
        shown = [place for place in range(max(start, 0), min(end, len(text))) if not text[place].isspace()]
        characters[shown] += float(value) / max(len(shown), 1)
    return [(start, end, float(characters[start:end].sum())) for start, end in words or word_spans(text)]


def word_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of what spaces separate; graphemes in scripts that are written without spaces."""
    found: list[tuple[int, int]] = []
    for match in re.finditer(r"\S+", text):
        start, piece = match.start(), match.group()
        if not any(SCRIPT[character] in UNSPACED for character in piece):
            found.append(match.span())
            continue
        spaced = False
        for left, right in grapheme_clusters(piece):
            single = SCRIPT[piece[left]] in UNSPACED
            if found and spaced and not single:  # Latin letters and figures within such a text stay together
                found[-1] = (found[-1][0], start + right)
            else:
                found.append((start + left, start + right))
            spaced = not single
    return found


def _label_names(model: PixelLM) -> list[str]:
    stored = hub.labels_of(model.model.config)
    if getattr(model.model.config, "finetuning_task", None) is None:
        return stored
    return task_of_model(model.model.config).label_names(stored)


def _target(labels: Sequence[str], target: str | int | None) -> int | None:
    if target is None:
        return None
    if isinstance(target, str) and target in labels:
        return labels.index(target)
    number = int(target) if isinstance(target, int) or target.isdecimal() else -1
    if not 0 <= number < len(labels):
        raise UsageError(f"no class {target!r}; the model knows {', '.join(labels)}")
    return number


def _given(model: PixelLM, one: Any, id: str) -> Given:
    """What the encoder is given of an input: what the model's task makes of it, where that is known."""
    if getattr(model.model.config, "finetuning_task", None) is not None:
        task = task_of_model(model.model.config)
        text: Given = said(task.text(task.example(one, id)))
    elif is_unit_classifier(model.model):
        text = words_of(one, "this model")
    elif isinstance(one, str) or (isinstance(one, tuple) and len(one) == 2 and all(isinstance(s, str) for s in one)):
        text = one
    else:
        raise UsageError(f"the model takes a text or a pair of texts, not {one!r}")
    if not any(part.strip() for part in ([text] if isinstance(text, str) else text)):
        raise UsageError(f"input {int(id) + 1} is empty: there is nothing to explain")
    return text


def _questions(model: PixelLM, text: Given, code: Encoded, word: int | None) -> Iterator[tuple[int | None, int | None]]:
    """(word, unit) of each answer that is explained; (None, None) of a whole text."""
    if not is_unit_classifier(model.model):
        if word is not None:
            raise UsageError("the model labels whole texts: there is no answer about one word")
        yield None, None
        return
    starts = usable_starts(code, code.length)
    if word is not None and not 0 <= word < len(starts):
        raise UsageError(f"no word {word}: {len(starts)} words fit, numbered from 0, of {' '.join(text)!r}")
    yield from ((number, start) for number, start in enumerate(starts) if word in (None, number))


def _answers(
    model: PixelLM,
    rows: Sequence[tuple[Encoded, int | None]],
    wanted: int | None,
    method: str,
    steps: int,
    labels: Sequence[str],
) -> Iterator[tuple[str, float, NDArray[np.float32]]]:
    """(label, probability or number, relevance of the units) of each row."""
    codes, units = [code for code, _ in rows], [unit for _, unit in rows]
    encoder = model.encoder
    width = max(code.length for code in codes)
    batch = to_device(to_tensors(encoder.pad(codes, width)), model.device)
    keep = torch.zeros((len(codes), width), dtype=torch.bool)
    for row, code in enumerate(codes):
        spans = (code.offsets or ())[: code.length]
        keep[row, [unit for unit, (start, end) in enumerate(spans) if start == end]] = True
    asked = None if units[0] is None else torch.tensor(units, device=model.device)
    with torch.inference_mode():
        logits = model.model(**batch).logits.float()
    if asked is not None:
        logits = logits[torch.arange(len(logits), device=logits.device), asked]
    number = logits.shape[-1] == 1 and asked is None
    classes = logits.argmax(-1) if wanted is None else torch.full((len(rows),), wanted, device=logits.device)
    scores = (logits if number else logits.softmax(-1)).gather(1, classes[:, None])[:, 0].tolist()
    values = relevance(model.model, batch, classes, method=method, units=asked, keep=keep, steps=steps)
    for row, (code, chosen) in enumerate(zip(codes, classes.tolist(), strict=True)):
        yield "" if number else labels[chosen], scores[row], values[row, : code.length]


def _explanation(
    given: Given, word: int | None, label: str, score: float, values: NDArray[np.float32], code: Encoded
) -> Explanation:
    offsets = [(min(span), max(span)) for span in (code.offsets or ())[: code.length]]
    offsets = [(0, 0) if start < 0 else (start, end) for start, end in offsets]
    owners: list[int | None]
    if isinstance(given, list):
        starts = code.word_starts or [0]
        owners = [None] * len(offsets)
        for number, (first, last) in enumerate(itertools.pairwise(starts)):
            owners[first:last] = [number] * (last - first)
        words = [(number, 0, len(one)) for number, one in enumerate(given[: len(starts) - 1])]
    else:
        texts = (given,) if isinstance(given, str) else given
        owners = [0] * len(offsets) if isinstance(given, str) else [None] * len(offsets)
        for number, (first, last) in enumerate(code.parts):
            owners[first:last] = [number] * (last - first)
        words = [(number, *span) for number, one in enumerate(texts) for span in word_spans(one)]
    owners = owners[: len(offsets)]
    spans = [
        None if owner is None or start == end else (owner, start, end)
        for owner, (start, end) in zip(owners, offsets, strict=True)
    ]
    parts = [given] if isinstance(given, str) else given
    shares = []
    for number, one in enumerate(parts):
        own = [(value, span[1:]) for value, span in zip(values, spans, strict=True) if span and span[0] == number]
        inside = [(start, end) for part, start, end in words if part == number]
        if inside:
            found = per_word([value for value, _ in own], [span for _, span in own], one, inside)
            shares += [Share(number, start, end, one[start:end], value) for start, end, value in found]
    pixels = code.units.get("pixel_values")
    return Explanation(given, word, label, score, values, spans, shares, pixels, code.lost)
