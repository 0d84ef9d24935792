"""Classes of pages (RVL-CDIP): written as a token, or read off the image encoder."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self, cast

from pixlm.data.encoders import InputEncoder
from pixlm.data.pages.example import PageExample
from pixlm.data.pages.facts import PageRecord
from pixlm.data.pages.folders import RVL_CDIP
from pixlm.errors import UsageError
from pixlm.models.heads import Head
from pixlm.tasks.base import TaskOptions
from pixlm.tasks.documents.task import DocumentOptions, DocumentTask, PagePrediction, every_page
from pixlm.tasks.objective import Objective
from pixlm.tasks.objectives.page_classes import PageClasses
from pixlm.tasks.scoring.classes import accuracy, macro_f1
from pixlm.tasks.texts.objectives import Guess


@dataclass
class ClassOptions(DocumentOptions):
    """Choices about classes; stored with the model."""

    classifier: Literal["written", "layer"] = "written"
    """written: the decoder writes the class as a token; layer: a linear layer on the image encoder (cross entropy)."""


@dataclass(frozen=True)
class PageClassification(DocumentTask):
    """One class a page; those that the train split has."""

    options: DocumentOptions = field(default_factory=ClassOptions)
    wanted: ClassVar[str] = "classes (label)"

    def with_options(self, options: TaskOptions | Mapping[str, Any]) -> Self:
        task = super().with_options(options)
        return dataclasses.replace(task, head=Head.PAGE_CLASSIFICATION if task._by_layer else Head.SEQUENCE_TO_SEQUENCE)

    @property
    def _by_layer(self) -> bool:
        return cast(ClassOptions, self.options).classifier == "layer"

    def examples(self, record: PageRecord) -> list[PageExample]:
        label = record.facts.label
        if label is not None:
            label = "_".join(label.split()) or None
        return [PageExample(**record.place(), targets=None if label is None else (label,), label=label)]

    def labels(self, examples: Sequence[PageExample]) -> list[str]:
        found = {str(example.label) for example in every_page(examples)}
        if len(found) < 2:
            raise UsageError(f"all pages of the train split have the class {found.pop()!r}: there is nothing to learn")
        # Classes of RVL-CDIP keep their numbers, so that layers of other programs fit.
        return list(RVL_CDIP) if found <= set(RVL_CDIP) else sorted(found)

    def fitted(self, train: Sequence[PageExample]) -> Self:
        return dataclasses.replace(self, tags=("</s_class>", "<s_class>", *map(_token, self.labels(train))))

    def written(self, target: Any, *, prompted: bool = True) -> str:
        return _token(str(target))

    def read_back(self, text: str) -> str:
        found = _WRITTEN.search(text)
        return found[1] if found else text.strip()

    def objective(self, encoder: InputEncoder, labels: Sequence[str]) -> Objective:
        if self._by_layer:
            pages = self.page_encoder(encoder)
            return PageClasses(pages, self.sampler(pages), labels)
        return super().objective(encoder, labels)

    def finish(
        self, examples: Sequence[PageExample], rows: Sequence[Any], reduced: Sequence[Any]
    ) -> list[PagePrediction]:
        if not self._by_layer:
            return super().finish(examples, rows, reduced)
        return [PagePrediction(examples[row.index], row.value) for row in reduced]

    def scores(self, examples: Sequence[PageExample], given: Sequence[Any]) -> dict[str, float]:
        gold = [str(example.label) for example in examples]
        names = [_name(value) for value in given]
        return {"accuracy": accuracy(gold, names), "macro_f1": macro_f1(gold, names)}

    def record(self, prediction: PagePrediction) -> dict[str, Any]:
        value = prediction.value
        line = {**super().record(prediction), "prediction": _name(value), "label": prediction.example.label}
        return {**line, "scores": dict(value.scores)} if isinstance(value, Guess) else line

    def baseline(self, train: Sequence[PageExample], predictions: Sequence[PagePrediction]) -> dict[str, float]:
        """majority: the most frequent class of ``train``."""
        known = [prediction.example for prediction in predictions if prediction.example.label is not None]
        counts = Counter(str(example.label) for example in every_page(train) if example.label is not None)
        if not known or not counts:
            return {}
        usual = max(sorted(counts), key=counts.__getitem__)
        return {f"majority_{name}": value for name, value in self.scores(known, [usual] * len(known)).items()}


_WRITTEN = re.compile("<(.+?)/>")


def _token(label: str) -> str:
    return f"<{label}/>"


def _name(value: Any) -> str:
    return str(value.label) if isinstance(value, Guess) else str(value)


DOC_CLASSIFY = PageClassification(
    name="doc-classify",
    metric="accuracy",
    start="<s_rvlcdip>",
    prompt="What kind of document is this?",
    # Donut's recipe for RVL-CDIP (its train_rvlcdip.yaml).
    recipe={"train": {"learning_rate": 2e-5, "batch_size": 16, "epochs": 100, "warmup": 0.05}},
)
"""Kinds of documents: RVL-CDIP's lists, folders named by classes, rows of image and label."""
