"""The seam between a data set and everything else: what an example is, and what is learnt from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from transformers import PreTrainedModel

from pixlm.data.encoders import InputEncoder, Text
from pixlm.data.splits import Naming
from pixlm.errors import UsageError
from pixlm.tasks.objective import Batch, Objective

Example = TypeVar("Example")
Prediction = TypeVar("Prediction")


class Task(ABC, Generic[Example, Prediction]):
    """The schema of an example, its labels, the head per model family, predictions, metrics and writers.

    name: on the command line; naming: how the files of the splits are named; metric: the key of :meth:`metrics` that
    picks the best checkpoint (higher is better); heads: model class by ``config.model_type``; recipe: settings of a
    fine-tuning run where they differ from the general defaults (the published recipe).
    """

    name: str
    naming: Naming
    metric: str
    heads: Mapping[str, type[PreTrainedModel]]
    recipe: Mapping[str, Any]

    @abstractmethod
    def read(self, paths: Sequence[Path], *, labelled: bool = True) -> list[Example]:
        """Read one split; with ``labelled=False`` labels may be missing and are not checked."""

    @abstractmethod
    def text(self, example: Example) -> Text:
        """What the encoder is given."""

    @abstractmethod
    def labels(self, examples: Sequence[Example]) -> list[str]:
        """The label inventory, in the order of the classifier's outputs; ``examples`` is the train split."""

    @abstractmethod
    def objective(self, encoder: InputEncoder, labels: Sequence[str]) -> Objective:
        """Collator and loss for these labels."""

    @abstractmethod
    def reduce(self, outputs: Any, batch: Batch, labels: Sequence[str]) -> list[Prediction]:
        """Typed predictions of one batch, in row order; nothing of the size of the logits is kept."""

    @abstractmethod
    def metrics(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """Scores of a split (fractions in 0..1), and counts; predictions without labels are left out."""

    @abstractmethod
    def write(self, predictions: Sequence[Prediction], folder: Path, stem: str) -> list[Path]:
        """Write ``stem``.jsonl and the task's own format; returns the files."""

    def baseline(self, train: Sequence[Example], predictions: Sequence[Prediction]) -> dict[str, float]:
        """Scores of always giving the most frequent label of ``train``: what any model has to beat."""
        return {}

    def head(self, model_type: str) -> type[PreTrainedModel]:
        """The model class for models of ``model_type``."""
        try:
            return self.heads[model_type]
        except KeyError:
            known = ", ".join(self.heads)
            raise UsageError(
                f"task {self.name} has no head for models of type {model_type!r}; it has: {known}"
            ) from None

    def config_for(self, labels: Sequence[str]) -> dict[str, Any]:
        """Configuration entries of a model with these labels."""
        names = dict(enumerate(labels))
        return {
            "num_labels": len(names),
            "id2label": names,
            "label2id": {name: i for i, name in names.items()},
            "finetuning_task": self.name,
        }

    def lengths(self, examples: Sequence[Example], encoder: InputEncoder) -> np.ndarray:
        """Expected units of each example, for sorting into batches."""
        return np.array([encoder.measure(self.text(example)) for example in examples], np.float32)
