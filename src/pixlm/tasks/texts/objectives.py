"""What a model learns of whole texts: one of several classes, or a number."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from pixlm.data.draw import Drawn
from pixlm.data.encoders import InputEncoder, Text
from pixlm.data.examples import TextExample
from pixlm.models import IGNORED_LABEL, ProblemType, sequence_loss
from pixlm.tasks.objective import Batch, Loss, Objective, Reduced, to_tensors


@dataclass(frozen=True)
class Guess:
    """A class with the probability of every class, or a number without any."""

    label: str | float
    scores: Mapping[str, float] = field(default_factory=dict)


class TextObjective(Objective):
    """One target a row; rows without a label count for nothing."""

    def __init__(self, encoder: InputEncoder, text: Callable[[TextExample], Text]):
        self.encoder = encoder
        self.text = text

    @abstractmethod
    def targets(self, examples: Sequence[TextExample]) -> tuple[torch.Tensor, torch.Tensor]:
        """(targets [B], which of them are known [B])"""

    @property
    @abstractmethod
    def problem(self) -> ProblemType:
        """The loss."""

    @abstractmethod
    def guesses(self, logits: torch.Tensor) -> list[Guess]:
        """What each row's logits [B, outputs] say."""

    def collate(self, drawn: Sequence[Drawn]) -> Batch:
        encoded = [self.encoder.encode(self.text(one.example)) for one in drawn]
        batch = to_tensors(self.encoder.batch(encoded))
        labels, known = self.targets([one.example for one in drawn])
        return {
            **batch,
            "inputs": tuple(batch),
            "labels": labels,
            "known": known,
            "count": known.sum(),
            "lost": sum(code.lost for code in encoded),
            "drawn": list(drawn),
        }

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        outputs = model(**{name: batch[name] for name in batch["inputs"]})
        known = batch["known"]
        return Loss(*sequence_loss(outputs.logits[known], batch["labels"][known], self.problem), outputs)

    def reduce(self, outputs: Any, batch: Batch) -> list[Reduced]:
        guesses = self.guesses(outputs.logits.float().cpu())
        return [Reduced(one.draw.index, guess) for one, guess in zip(batch["drawn"], guesses, strict=True)]


class ClassObjective(TextObjective):
    """Cross entropy over classes."""

    problem = ProblemType.SINGLE_LABEL

    def __init__(self, encoder: InputEncoder, text: Callable[[TextExample], Text], labels: Sequence[str]):
        super().__init__(encoder, text)
        self.labels = list(labels)
        self.ids = {label: i for i, label in enumerate(labels)}

    def targets(self, examples: Sequence[TextExample]) -> tuple[torch.Tensor, torch.Tensor]:
        given = [IGNORED_LABEL if one.label is None else self.ids[str(one.label)] for one in examples]
        labels = torch.tensor(given)
        return labels, labels != IGNORED_LABEL

    def guesses(self, logits: torch.Tensor) -> list[Guess]:
        rows = logits.softmax(-1).tolist()
        return [Guess(self.labels[row.index(max(row))], dict(zip(self.labels, row, strict=True))) for row in rows]


class NumberObjective(TextObjective):
    """Squared error of one output."""

    problem = ProblemType.REGRESSION

    def targets(self, examples: Sequence[TextExample]) -> tuple[torch.Tensor, torch.Tensor]:
        given = [math.nan if one.label is None else float(one.label) for one in examples]
        labels = torch.tensor(given, dtype=torch.float32)
        return labels, ~labels.isnan()

    def guesses(self, logits: torch.Tensor) -> list[Guess]:
        return [Guess(float(row[0])) for row in logits]
