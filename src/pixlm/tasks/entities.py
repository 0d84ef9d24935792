"""Named entities and other stretches of words, as tags in BIO: one label a word, scored by whole entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pixlm import files
from pixlm.data.examples import WordExample
from pixlm.data.readers.words import MASAKHANER_TAGS, read_entities
from pixlm.data.splits import ENTITIES
from pixlm.errors import UsageError
from pixlm.tasks.base import TaskOptions
from pixlm.tasks.scoring.words import entity_scores
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

    def labels(self, examples: Sequence[WordExample]) -> list[str]:
        """The tags of the ``labels`` file; else MasakhaNER's in their published order if they suffice; else those of
        the train split, O first."""
        if self.options.labels is not None:
            return _read_labels(Path(self.options.labels).expanduser())
        found = {label for example in examples for label in example.labels or ()}
        if found <= set(MASAKHANER_TAGS):
            return list(MASAKHANER_TAGS)
        return [OUTSIDE, *sorted(found - {OUTSIDE})]

    def metrics(self, predictions: Sequence[WordPrediction]) -> dict[str, float]:
        scored = [p for p in predictions if p.example.labels is not None]
        gold, given = [p.example.labels or [] for p in scored], [p.value for p in scored]
        counts = super().metrics(predictions)
        return {**entity_scores(gold, given, scoring=self.options.scoring), **counts} if counts["words"] else counts


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
