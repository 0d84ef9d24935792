"""Tasks that give every word a label: part-of-speech tagging.

A word is labelled at its first unit (patch, token); every other unit has no label. Words that do not fit on the canvas
get no prediction.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pixlm import files
from pixlm.data import conllu
from pixlm.data.draw import Drawn
from pixlm.data.encoders import Encoded, InputEncoder
from pixlm.data.examples import WordExample
from pixlm.data.readers.treebank import read_tags
from pixlm.data.splits import TREEBANK, Naming
from pixlm.errors import UsageError
from pixlm.models import label_loss
from pixlm.models.heads import Head
from pixlm.tasks.base import Prediction, Reader, Task, TaskOptions
from pixlm.tasks.objective import Batch, Loss, Objective, Reduced, to_tensors

IGNORE = -100
"""The label of units that are no first unit of a word; the loss leaves it out."""

WordPrediction = Prediction[WordExample]
"""``value``: a label a word, None for words that were lost."""


class WordLabelObjective(Objective):
    """Cross entropy at the first unit of every word that fits."""

    def __init__(self, encoder: InputEncoder, labels: Sequence[str]):
        self.encoder = encoder
        self.labels = list(labels)
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
                    labels[row, start] = self._label_id(label, one.example)
        batch = to_tensors(arrays)
        lost = sum(len(one.example.words) - len(found) for one, found in zip(drawn, starts, strict=True))
        return {
            **batch,
            "inputs": tuple(batch),
            "labels": torch.from_numpy(labels),
            "count": torch.tensor(int((labels != IGNORE).sum())),
            "lost": lost,
            "word_starts": starts,
            "drawn": list(drawn),
        }

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        outputs = model(**{name: batch[name] for name in batch["inputs"]})
        return Loss(*label_loss(outputs.logits, batch["labels"]), outputs)

    def reduce(self, outputs: Any, batch: Batch) -> list[Reduced]:
        best = outputs.logits.argmax(-1).cpu().numpy()
        reduced = []
        for row, one in enumerate(batch["drawn"]):
            given: list[str | None] = [self.labels[best[row, start]] for start in batch["word_starts"][row]]
            reduced.append(Reduced(one.draw.index, given + [None] * (len(one.example.words) - len(given))))
        return reduced

    def _label_id(self, label: str, example: WordExample) -> int:
        try:
            return self.label_ids[label]
        except KeyError:
            raise UsageError(
                f"{example.where or example.id}: label {label!r} is not among the model's: {', '.join(self.labels)}"
            ) from None


Writer = Callable[[Sequence[WordPrediction], Path], None]


@dataclass(frozen=True)
class WordLabelling(Task[WordExample]):
    """A data set of labelled words, declared by its reader, its label inventory and its writer.

    inventory: the labels, or None to collect those of the train split;
    writer(predictions, path) writes the native format, to a file with ``suffix``.
    """

    name: str
    naming: Naming
    reader: Reader[WordExample]
    inventory: tuple[str, ...] | None
    writer: Writer
    suffix: str
    recipe: Mapping[str, Any]
    metric: str = "accuracy"
    head: Head = Head.TOKEN_CLASSIFICATION
    options: TaskOptions = field(default_factory=TaskOptions)

    def example(self, given: Any, id: str) -> WordExample:
        return WordExample(id=id, words=words_of(given, self.name))

    def text(self, example: WordExample) -> list[str]:
        return example.words

    def labels(self, examples: Sequence[WordExample]) -> list[str]:
        if self.inventory is not None:
            return list(self.inventory)
        return sorted({label for example in examples for label in example.labels or ()})

    def objective(self, encoder: InputEncoder, labels: Sequence[str]) -> WordLabelObjective:
        return WordLabelObjective(encoder, labels)

    def metrics(self, predictions: Sequence[WordPrediction]) -> dict[str, float]:
        pairs = self._scored(predictions)
        right = sum(gold == given for gold, given in pairs)
        scores = {"accuracy": right / len(pairs)} if pairs else {}
        return {**scores, "words": len(pairs)}

    def baseline(self, train: Sequence[WordExample], predictions: Sequence[WordPrediction]) -> dict[str, float]:
        """majority: always the most frequent label; lexical: the most frequent label of the word, if it was seen."""
        by_word: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
        for example in train:
            for word, label in zip(example.words, example.labels or (), strict=False):
                by_word[word][label] += 1
                by_word[None][label] += 1
        if not by_word:
            return {}
        usual = {word: max(sorted(counts), key=counts.__getitem__) for word, counts in by_word.items()}
        guesses: dict[str, dict[str | None, str]] = {"majority": {None: usual[None]}, "lexical": usual}
        found: dict[str, float] = {}
        for name, table in guesses.items():
            guessed = [
                Prediction(p.example, [table.get(word, usual[None]) for word in p.example.words]) for p in predictions
            ]
            scores = self.metrics(guessed)
            if self.metric in scores:
                found[f"{name}_{self.metric}"] = scores[self.metric]
        return found

    def record(self, prediction: WordPrediction) -> dict[str, Any]:
        example = prediction.example
        return {"words": example.words, "labels": example.labels, "predictions": prediction.value}

    def write(self, predictions: Sequence[WordPrediction], folder: Path, stem: str) -> list[Path]:
        listed = super().write(predictions, folder, stem)
        native = folder / f"{stem}{self.suffix}"
        self.writer(predictions, native)
        return [*listed, native]

    def _scored(self, predictions: Sequence[WordPrediction]) -> list[tuple[str, str | None]]:
        """(label, prediction) of every word that counts."""
        return [
            (gold, given)
            for prediction in predictions
            for gold, given in zip(prediction.example.labels or (), prediction.value, strict=False)
            if given is not None or self.options.scoring == "all"
        ]


def words_of(given: Any, task: str) -> list[str]:
    """The words that a Python caller gives: a list of them, or a text that is cut at its spaces."""
    words = given.split() if isinstance(given, str) else given
    listed = isinstance(words, list | tuple) and words
    if not listed or not all(isinstance(word, str) and word for word in words):
        raise UsageError(f"{task} works on words: give a list of words, or a text with spaces, not {given!r}")
    return list(words)


def usable_starts(code: Encoded, width: int) -> list[int]:
    """First units of the words that can be labelled.

    The last entry of ``word_starts`` is the unit after the last word. On a full canvas a start may lie on the closing
    separator: that word has been drawn over, and counts as lost.
    """
    assert code.word_starts is not None, "word lists are encoded with word starts"
    return [start for start in code.word_starts[:-1] if start < min(width, code.length - 1)]


def _write_upos(predictions: Sequence[WordPrediction], path: Path) -> None:
    given = ((p.example.source or conllu.of_words(p.example.id, p.example.words), p.value) for p in predictions)
    files.write_text(path, "".join(conllu.with_upos(sentence, tags) for sentence, tags in given))


POS = WordLabelling(
    name="pos",
    naming=TREEBANK,
    reader=read_tags,
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
