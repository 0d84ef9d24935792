"""Receipts and forms: a page becomes JSON (CORD, SROIE)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, cast

from pixlm.data.pages.example import PageExample
from pixlm.data.pages.facts import PageRecord
from pixlm.errors import UsageError
from pixlm.tasks.documents.tags import from_tags, tags_of, to_tags
from pixlm.tasks.documents.task import DocumentOptions, DocumentTask, PagePrediction, every_page


@dataclass
class ReceiptOptions(DocumentOptions):
    """Choices about JSON; stored with the model."""

    sort_keys: bool = False
    """Write keys in descending order, and not in the data's own."""


@dataclass(frozen=True)
class Receipts(DocumentTask):
    """JSON values, written in Donut's tags."""

    options: DocumentOptions = field(default_factory=ReceiptOptions)
    wanted: ClassVar[str] = "JSON readings (gt_parse, a key file)"

    def examples(self, record: PageRecord) -> list[PageExample]:
        return [PageExample(**record.place(), targets=record.facts.parses, boxes=record.facts.boxes)]

    def fitted(self, train: Sequence[PageExample]) -> Self:
        found = set().union(*(tags_of(target) for example in every_page(train) for target in example.targets or ()))
        if not found:
            raise UsageError("the readings of the train split have no keys: there is nothing to extract")
        for tag in sorted(found):
            if tag.startswith("<s_") and ">" in tag[:-1]:
                raise UsageError(f"the readings have a key with > in it, which no tag can hold ({tag}); rename it")
        return dataclasses.replace(self, tags=tuple(sorted(found)))

    def written(self, target: Any, *, prompted: bool = True) -> str:
        return to_tags(target, sort_keys=cast(ReceiptOptions, self.options).sort_keys, legacy=self._legacy)

    def read_back(self, text: str) -> Any:
        return from_tags(text, legacy=self._legacy)

    @property
    def _legacy(self) -> bool:
        return self.options.scoring == "upstream"

    def scores(self, examples: Sequence[PageExample], given: Sequence[Any]) -> dict[str, float]:
        """Of several readings the one closest to what was given counts."""
        from pixlm.tasks.scoring.structures import field_f1, normalise, tree_accuracy

        trees, nearest = [], []
        for example, value in zip(examples, given, strict=True):
            rated = [(tree_accuracy(target, value), target) for target in example.targets or ()]
            best, target = max(rated, key=lambda pair: pair[0])
            trees.append(best)
            nearest.append(target)
        same = [normalise(target) == normalise(value) for target, value in zip(nearest, given, strict=True)]
        return {
            "tree_accuracy": sum(trees) / len(trees),
            "field_f1": field_f1(nearest, given),
            "exact_match": sum(same) / len(same),
        }

    def baseline(self, train: Sequence[PageExample], predictions: Sequence[PagePrediction]) -> dict[str, float]:
        """constant: for every page the reading whose fields are most frequent in ``train``."""
        from pixlm.tasks.scoring.structures import fields

        known = [prediction.example for prediction in predictions if prediction.example.targets]
        readings = [target for example in every_page(train) for target in (example.targets or ())[:1]]
        if not known or not readings:
            return {}
        counts = Counter(one for reading in readings for one in set(fields(reading)))

        def frequency(reading: Any) -> float:
            found = fields(reading)
            return sum(counts[one] for one in found) / (1 + len(found))

        usual = max(readings, key=frequency)
        return {f"constant_{name}": value for name, value in self.scores(known, [usual] * len(known)).items()}


RECEIPTS = Receipts(
    name="receipts",
    metric="tree_accuracy",
    start="<s_receipt>",
    prompt="Read the receipt.",
    # Donut's recipe for CORD (its train_cord.yaml).
    recipe={
        "train": {
            "learning_rate": 3e-5,
            "batch_size": 8,
            "epochs": 30,
            "warmup": 300,
            "max_grad_norm": 1.0,
        }
    },
)
"""JSON from receipts: CORD (``gt_parse``), SROIE (company, date, address, total), one's own."""
