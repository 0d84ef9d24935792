"""Tasks that give every word a label: part-of-speech tagging.

A word is labelled at its first unit (patch); every other unit has no label. Words that do not fit on the canvas get no
prediction; they are not counted as wrong, but counted as ``lost``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from pixlm import files
from pixlm.data import conllu
from pixlm.data.draw import Drawn
from pixlm.data.encoders import Encoded, InputEncoder
from pixlm.data.splits import Naming
from pixlm.errors import UsageError
from pixlm.models import PixelForTokenClassification, label_loss
from pixlm.tasks.base import Task
from pixlm.tasks.objective import Batch, Loss, Objective, to_tensors

IGNORE = -100
"""The label of units that are no first unit of a word; the loss leaves it out."""


@dataclass(frozen=True)
class TaggedSentence:
    """An example: ``words`` and, if known, one label a word; ``source`` is the reader's own object."""

    id: str
    words: list[str]
    labels: list[str] | None
    source: Any = None


@dataclass(frozen=True)
class TaggedPrediction:
    """index: place of the example in its split; predictions: None for words that were lost."""

    index: int
    example: TaggedSentence
    predictions: list[str | None]


class WordLabelObjective(Objective):
    """Cross entropy at the first unit of every word that fits."""

    def __init__(self, encoder: InputEncoder, labels: Sequence[str]):
        self.encoder = encoder
        self.label_ids = {label: i for i, label in enumerate(labels)}

    def collate(self, drawn: Sequence[Drawn]) -> Batch:
        encoded = [self.encoder.encode(one.example.words) for one in drawn]
        arrays = self.encoder.batch(encoded)
        width = arrays["attention_mask"].shape[1]
        labels = np.full((len(drawn), width), IGNORE, np.int64)
        starts: list[list[int]] = []
        for row, (one, code) in enumerate(zip(drawn, encoded, strict=True)):
            starts.append(usable_starts(code, width))
            if one.example.labels is not None:
                for start, label in zip(starts[-1], one.example.labels, strict=False):
                    labels[row, start] = self.label_ids[label]
        batch = to_tensors({**arrays, "labels": labels})
        lost = sum(len(one.example.words) - len(found) for one, found in zip(drawn, starts, strict=True))
        count = (batch["labels"] != IGNORE).sum()
        return {**batch, "count": count, "lost": lost, "word_starts": starts, "drawn": list(drawn)}

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        outputs = model(pixel_values=batch["pixel_values"], attention_mask=batch["attention_mask"])
        return Loss(*label_loss(outputs.logits, batch["labels"]), outputs)


Reader = Callable[[Path, bool], list[TaggedSentence]]
Writer = Callable[[Sequence[TaggedPrediction], Path], None]


@dataclass(frozen=True)
class WordLabelling(Task[TaggedSentence, TaggedPrediction]):
    """A data set of labelled words, declared by its reader, its label inventory and its writer.

    reader(path, labelled) reads one file; inventory: the labels, or None to collect those of the train split;
    writer(predictions, path) writes the native format, to a file with ``suffix``.
    """

    name: str
    naming: Naming
    reader: Reader
    inventory: tuple[str, ...] | None
    writer: Writer
    suffix: str
    recipe: Mapping[str, Any]
    metric: str = "accuracy"

    @property
    def heads(self) -> Mapping[str, type[PreTrainedModel]]:  # type: ignore[override]
        return {"pixel": PixelForTokenClassification}

    def read(self, paths: Sequence[Path], *, labelled: bool = True) -> list[TaggedSentence]:
        return [sentence for path in paths for sentence in self.reader(path, labelled)]

    def text(self, example: TaggedSentence) -> list[str]:
        return example.words

    def labels(self, examples: Sequence[TaggedSentence]) -> list[str]:
        if self.inventory is not None:
            return list(self.inventory)
        return sorted({label for example in examples for label in example.labels or ()})

    def objective(self, encoder: InputEncoder, labels: Sequence[str]) -> WordLabelObjective:
        return WordLabelObjective(encoder, labels)

    def reduce(self, outputs: Any, batch: Batch, labels: Sequence[str]) -> list[TaggedPrediction]:
        best = outputs.logits.argmax(-1).cpu().numpy()
        predictions = []
        for row, one in enumerate(batch["drawn"]):
            given = label_words(best[row], batch["word_starts"][row], len(one.example.words), labels)
            predictions.append(TaggedPrediction(one.draw.index, one.example, given))
        return predictions

    def metrics(self, predictions: Sequence[TaggedPrediction]) -> dict[str, float]:
        pairs = _scored(predictions)
        right = sum(gold == given for gold, given in pairs)
        scores = {"accuracy": right / len(pairs)} if pairs else {}
        return {**scores, "words": len(pairs)}

    def baseline(self, train: Sequence[TaggedSentence], predictions: Sequence[TaggedPrediction]) -> dict[str, float]:
        counts = Counter(label for example in train for label in example.labels or ())
        pairs = _scored(predictions)
        if not counts or not pairs:
            return {}
        most = max(sorted(counts), key=counts.__getitem__)
        return {"majority_accuracy": sum(gold == most for gold, _ in pairs) / len(pairs)}

    def write(self, predictions: Sequence[TaggedPrediction], folder: Path, stem: str) -> list[Path]:
        lines = (
            json.dumps(
                {
                    "id": p.example.id,
                    "words": p.example.words,
                    "labels": p.example.labels,
                    "predictions": p.predictions,
                },
                ensure_ascii=False,
            )
            for p in predictions
        )
        listed, native = folder / f"{stem}.jsonl", folder / f"{stem}{self.suffix}"
        files.write_text(listed, "".join(line + "\n" for line in lines))
        self.writer(predictions, native)
        return [listed, native]


def usable_starts(code: Encoded, width: int) -> list[int]:
    """First units of the words that can be labelled.

    The last entry of ``word_starts`` is the unit after the last word. On a full canvas a start may lie on the closing
    separator: that word has been drawn over, and counts as lost.
    """
    assert code.word_starts is not None, "word lists are encoded with word starts"
    return [start for start in code.word_starts[:-1] if start < min(width, code.length - 1)]


def label_words(best: np.ndarray, starts: Sequence[int], words: int, labels: Sequence[str]) -> list[str | None]:
    """The label at each word's first unit, then None for the words that did not fit; ``best``: label id per unit."""
    given: list[str | None] = [labels[best[start]] for start in starts]
    return given + [None] * (words - len(given))


def _scored(predictions: Sequence[TaggedPrediction]) -> list[tuple[str, str]]:
    """(label, prediction) of every word that has both."""
    return [
        (gold, given)
        for prediction in predictions
        for gold, given in zip(prediction.example.labels or (), prediction.predictions, strict=False)
        if given is not None
    ]


def _read_upos(path: Path, labelled: bool) -> list[TaggedSentence]:
    known = set(conllu.UPOS)
    examples = []
    for sentence in conllu.read(path):
        if labelled:
            for line, tag in zip(sentence.lines, sentence.upos, strict=True):
                if tag not in known:
                    raise UsageError(
                        f"{path}, line {line}: unknown part of speech {tag!r} in column 4; "
                        f"universal tags are {', '.join(conllu.UPOS)}"
                    )
        examples.append(TaggedSentence(sentence.id, sentence.words, sentence.upos if labelled else None, sentence))
    return examples


def _write_upos(predictions: Sequence[TaggedPrediction], path: Path) -> None:
    files.write_text(path, "".join(conllu.with_upos(p.example.source, p.predictions) for p in predictions))


POS = WordLabelling(
    name="pos",
    naming=Naming(".conllu", {"train": ("train",), "dev": ("dev",), "test": ("test",)}),
    reader=_read_upos,
    inventory=conllu.UPOS,
    writer=_write_upos,
    suffix=".conllu",
    # PIXEL's recipe for UD tagging (its finetuning guide); fp16 there, chosen by the machine here.
    recipe={
        "train": {
            "learning_rate": 5e-5,
            "batch_size": 64,
            "max_steps": 15000,
            "warmup": 100,
            "eval_steps": 500,
            "patience": 5,
            "dropout": 0.1,
            "log_steps": 100,
        },
        "render": {"max_seq_length": 256},
    },
)
"""Universal part-of-speech tags of a UD treebank; accuracy over words, as PIXEL's ``run_pos`` reports it."""
