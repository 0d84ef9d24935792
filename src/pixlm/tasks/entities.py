"""Named entities and other stretches of words, as tags in BIO: one label a word, scored by whole entities."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pixlm import files, hub
from pixlm.data.examples import WordExample
from pixlm.data.readers.problems import Problems
from pixlm.data.readers.words import MASAKHANER_TAGS, read_entities
from pixlm.data.splits import ENTITIES, Sources
from pixlm.errors import UsageError
from pixlm.tasks.base import Prediction, TaskOptions
from pixlm.tasks.scoring.words import entities_of, entity_scores
from pixlm.tasks.word_labelling import WordLabelling, WordPrediction

OUTSIDE = "O"


@dataclass
class EntityOptions(TaskOptions):
    """Choices about tagging stretches of words."""

    labels: str | None = None
    """File with the tags, one a line, in the order of the model's outputs; not given: those of the train split."""


@dataclass(frozen=True)
class EntityLabelling(WordLabelling):
    """Tags in BIO. Words that were lost count as outside of any entity, or are left out with upstream's scoring."""

    metric: str = "f1"
    options: EntityOptions = field(default_factory=EntityOptions)

    def settle(self, sources: Sources) -> Self:
        """With the whole path of the file of tags, which is stored with the run."""
        given = self.options.labels
        if given is None:
            return self
        whole = str(Path(given).expanduser().absolute())
        return dataclasses.replace(self, options=dataclasses.replace(self.options, labels=whole))

    def of_model(self, config: Any) -> Self | None:
        task = super().of_model(config)
        return task if task is None else dataclasses.replace(task, inventory=tuple(hub.labels_of(config)))

    def read(
        self, paths: Sequence[Path], *, labelled: bool = True, problems: Problems | None = None
    ) -> list[WordExample]:
        """Numbers in place of tags count in the ``labels`` file, or in the tags of the model."""
        known = self._known()
        if known is None or self.reader is not read_entities:
            return super().read(paths, labelled=labelled, problems=problems)
        reader = functools.partial(read_entities, labels=known)
        return dataclasses.replace(self, inventory=None, options=EntityOptions(), reader=reader).read(
            paths, labelled=labelled, problems=problems
        )

    def _known(self) -> Sequence[str] | None:
        if self.inventory is None and self.options.labels is not None:
            return _read_labels(Path(self.options.labels).expanduser())
        return self.inventory

    def labels(self, examples: Sequence[WordExample]) -> list[str]:
        """The tags of the ``labels`` file; else MasakhaNER's in their published order if they suffice; else those of
        the train split, O first."""
        known = self._known()
        if known is not None:
            return list(known)
        found = {label for example in examples for label in example.labels or ()}
        if found <= {OUTSIDE}:
            raise UsageError(f"all words of the train split have the tag {OUTSIDE}: there is nothing to learn")
        if found <= set(MASAKHANER_TAGS):
            return list(MASAKHANER_TAGS)
        return [OUTSIDE, *sorted(found - {OUTSIDE})]

    def metrics(self, predictions: Sequence[WordPrediction]) -> dict[str, float]:
        scored = [p for p in predictions if p.example.labels is not None]
        gold, given = [p.example.labels or [] for p in scored], [p.value for p in scored]
        counts = super().metrics(predictions)
        return {**entity_scores(gold, given, scoring=self.options.scoring), **counts} if counts["words"] else counts

    def baseline(self, train: Sequence[WordExample], predictions: Sequence[WordPrediction]) -> dict[str, float]:
        """Besides those of words: known, the entities that the train split has, each with its most frequent type.

        The longest one wins, from left to right, as in the baseline of CoNLL-2003's shared task (which leaves entities
        of several types out).
        """
        types: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for example in train:
            for kind, first, last in entities_of(example.labels or ()):
                types[tuple(example.words[first : last + 1])][kind] += 1
        usual = {words: max(sorted(counts), key=counts.__getitem__) for words, counts in types.items()}
        lengths = sorted({len(words) for words in usual}, reverse=True)
        guessed = [Prediction(p.example, _known_entities(p.example.words, usual, lengths)) for p in predictions]
        scores = self.metrics(guessed)
        found = {f"known_{self.metric}": scores[self.metric]} if usual and self.metric in scores else {}
        return {**super().baseline(train, predictions), **found}


def _known_entities(words: Sequence[str], types: Mapping[tuple[str, ...], str], lengths: Sequence[int]) -> list[str]:
    """Tags of the entities among ``words`` that ``types`` knows; lengths: of these, longest first."""
    tags: list[str] = []
    while len(tags) < len(words):
        at = len(tags)
        spans = (tuple(words[at : at + length]) for length in lengths)
        entity = next((span for span in spans if span in types), None)
        if entity is None:
            tags.append(OUTSIDE)
        else:
            tags += [f"B-{types[entity]}"] + [f"I-{types[entity]}"] * (len(entity) - 1)
    return tags


def _read_labels(path: Path) -> list[str]:
    try:
        labels = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); write one tag a line (--task.labels)") from None
    if len(set(labels)) < len(labels) or not labels:
        raise UsageError(f"{path}: holds no tags, or one twice; write one tag a line (--task.labels)")
    return labels if OUTSIDE in labels else [OUTSIDE, *labels]


def _write_conll(predictions: Sequence[WordPrediction], path: Path) -> None:
    sentences = (
        "".join(f"{word} {tag or OUTSIDE}\n" for word, tag in zip(p.example.words, p.value, strict=True))
        for p in predictions
    )
    files.write_text(path, "\n".join(sentences))


_TRAIN = {
    "learning_rate": 5e-5,
    "batch_size": 64,
    "max_steps": 15000,
    "warmup": 100,
    "eval_steps": 500,
    "patience": 5,
    "dropout": 0.1,
    "log_steps": 100,
}

NER = EntityLabelling(
    name="ner",
    naming=ENTITIES,
    reader=read_entities,
    inventory=None,
    writer=_write_conll,
    suffix=".txt",
    # PIXEL's recipe for named entities (its finetuning guide).
    recipe={"train": _TRAIN, "render": {"max_seq_length": 196}},
)
"""Named entities: CoNLL-2003's columns, MasakhaNER, Universal NER, KLUE, Naamapadam."""

TAG = EntityLabelling(
    name="tag",
    naming=ENTITIES,
    reader=read_entities,
    inventory=None,
    writer=_write_conll,
    suffix=".txt",
    recipe={"train": {**_TRAIN, "max_steps": None, "epochs": 10.0, "eval_steps": None, "warmup": 0.1}},
)
"""Own data: a word a line with its tag in BIO."""
