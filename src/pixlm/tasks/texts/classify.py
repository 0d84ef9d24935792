"""One's own texts or pairs of texts with a class or a number each, from TSV, CSV, JSON lines or Parquet."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from pixlm.data.examples import TextExample
from pixlm.data.readers.problems import Problems
from pixlm.data.readers.texts import TextColumns, read_texts
from pixlm.data.splits import TABLES
from pixlm.errors import UsageError
from pixlm.tasks.base import TaskOptions
from pixlm.tasks.scoring.classes import CLASS_METRICS, NUMBER_METRICS
from pixlm.tasks.texts.task import TextOptions, TextTask


@dataclass
class ClassifyOptions(TextOptions):
    """Choices about one's own data; stored with the model."""

    clean: bool = False
    """Take out the spaces that tokenised text has around punctuation."""
    text: str = ""
    """Column of the text, or of the first of a pair; not given: text, sentence, sentence1, premise or question."""
    text_b: str = ""
    """Column of the second text of a pair; not given: text_b, sentence2 or hypothesis, where there is one."""
    label: str = ""
    """Column of the class or number; not given: label, class, category or score."""
    group: str = ""
    """Column whose values are also scored by themselves, such as a language."""
    regression: bool = False
    """Labels are numbers to be estimated."""


@dataclass(frozen=True)
class Classify(TextTask):
    """One's own data. Whether its examples are pairs is what the train split has, stored with the model."""

    def with_options(self, options: TaskOptions | Mapping[str, Any]) -> Self:
        task = super().with_options(options)
        chosen = cast(ClassifyOptions, task.options)
        columns = TextColumns(chosen.text, chosen.text_b, chosen.label, group=chosen.group)
        kind: dict[str, Any] = {"metric": "spearman", "scores": NUMBER_METRICS} if chosen.regression else {}
        reader = functools.partial(read_texts, columns=columns, regression=chosen.regression)
        return dataclasses.replace(task, reader=reader, **kind)

    def fitted(self, train: Sequence[TextExample]) -> Self:
        kinds = {example.text_b is not None for example in train}
        return dataclasses.replace(self, pair=kinds.pop() if len(kinds) == 1 else None)

    def config_for(self, labels: Sequence[str]) -> dict[str, Any]:
        return {**super().config_for(labels), **({} if self.pair is None else {"text_pairs": self.pair})}

    def of_model(self, config: Any) -> Self | None:
        task = super().of_model(config)
        pair = getattr(config, "text_pairs", None)
        return task if task is None else dataclasses.replace(task, pair=pair if isinstance(pair, bool) else None)

    def read(
        self, paths: Sequence[Path], *, labelled: bool = True, problems: Problems | None = None
    ) -> list[TextExample]:
        problems = problems or Problems()
        examples = super().read(paths, labelled=labelled, problems=problems)
        if self.pair is None:
            return examples
        fitting = [example for example in examples if (example.text_b is not None) == self.pair]
        for example in examples:
            if (example.text_b is not None) != self.pair:
                learnt, found = ("pairs of texts", "one text") if self.pair else ("single texts", "two texts")
                hint = "name the columns with --task.text and --task.text-b"
                problems.skip(example.where or example.id, f"{found}, but {learnt} are learnt; {hint}")
        return fitting

    def labels(self, examples: Sequence[TextExample]) -> list[str]:
        found = super().labels(examples)
        if len(found) > _MANY and all(map(_is_number, found)):
            raise UsageError(
                f"the labels are {len(found)} different numbers ({found[0]} ... {found[-1]}); to estimate numbers, "
                "say --task.regression"
            )
        return found


_MANY = 50
"""More different numbers than this are hardly names of classes."""


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


CLASSIFY = Classify(
    name="classify",
    naming=TABLES,
    reader=read_texts,
    metric="macro_f1",
    scores=CLASS_METRICS,
    pair=None,
    recipe={
        "train": {"learning_rate": 3e-5, "batch_size": 32, "warmup": 0.1, "patience": 5, "dropout": 0.1},
        "render": {"max_seq_length": 256},
    },
    options=ClassifyOptions(),
)
"""Any table with a column of text, or two, and one of labels."""
