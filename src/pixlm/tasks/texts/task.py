"""Tasks over texts and pairs of texts: the family, and what a data set of it declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from pixlm.data.encoders import DrawnText, InputEncoder, Text
from pixlm.data.examples import TextExample
from pixlm.data.readers.cleaning import close_up
from pixlm.data.splits import Naming
from pixlm.errors import UsageError
from pixlm.models import ProblemType
from pixlm.models.heads import Head
from pixlm.tasks.base import Prediction, Reader, Task, TaskOptions
from pixlm.tasks.scoring.calibration import expected_calibration_error
from pixlm.tasks.scoring.classes import NUMBER_METRICS, Metric, class_scores
from pixlm.tasks.texts.baselines import LexicalBaseline, majority, overlap
from pixlm.tasks.texts.objectives import ClassObjective, Guess, NumberObjective, TextObjective

TextPrediction = Prediction[TextExample]
"""``value``: a :class:`~pixlm.tasks.texts.objectives.Guess`."""


@dataclass
class TextOptions(TaskOptions):
    """Choices about texts; stored with the model."""

    clean: bool = True
    """Take out the spaces that tokenised text has around punctuation, as PIXEL's scripts do."""
    pooling_mode: Literal["mean", "max", "cls", "pma"] | None = None
    """How the vectors of all patches become one; not given: the model's, which is mean unless it says otherwise."""
    pma_heads: int | None = None
    """Attention heads of pma."""
    add_layer_norm: bool | None = None
    """Normalise the patches before mean, max and pma; not given: the model's, which is yes."""


@dataclass(frozen=True)
class TextTask(Task[TextExample]):
    """A data set of texts or pairs with a class or a number each.

    metric: the score that picks the best checkpoint; scores: all that are reported; pair:
    whether an example is two texts, None where the data decide; inventory: the classes in the order of the published
    models, None to collect those of the train split.
    """

    name: str
    naming: Naming
    reader: Reader[TextExample]
    metric: str
    scores: Mapping[str, Metric]
    recipe: Mapping[str, Any]
    pair: bool | None = False
    inventory: tuple[str, ...] | None = None
    options: TextOptions = field(default_factory=TextOptions)
    head: Head = Head.SEQUENCE_CLASSIFICATION

    @property
    def numeric(self) -> bool:
        """Whether a number is to be estimated."""
        return self.metric in NUMBER_METRICS

    def example(self, given: Any, id: str) -> TextExample:
        texts = [given] if isinstance(given, str) else given
        fits = isinstance(texts, tuple | list) and len(texts) in (1, 2) and all(isinstance(one, str) for one in texts)
        if not fits or (self.pair is not None and self.pair != (len(texts) == 2)):
            pair = "a pair of texts, (text, text) (--text, --text-b)"
            wanted = {True: pair, False: "a text", None: "a text or a pair of texts"}
            raise UsageError(f"{self.name} takes {wanted[self.pair]}, not {given!r}")
        return TextExample(id=id, text=texts[0], text_b=texts[1] if len(texts) == 2 else None)

    def text(self, example: TextExample) -> Text:
        prepare = close_up if self.options.clean else str
        text = prepare(example.text)
        said = text if example.text_b is None else (text, prepare(example.text_b))
        return said if example.image is None else DrawnText(said, example.image, example.num_patches, example.where)

    def labels(self, examples: Sequence[TextExample]) -> list[str]:
        if self.numeric:
            return []
        if self.inventory is not None:
            return list(self.inventory)
        found = sorted({str(example.label) for example in examples})
        if len(found) < 2:
            raise UsageError(f"all examples of the train split have the label {found[0]!r}: there is nothing to learn")
        return found

    def label_names(self, stored: list[str]) -> list[str]:
        # Checkpoints of PIXEL's own scripts have numbers; theirs are in the order of the published data set.
        if self.inventory is not None and stored == [f"LABEL_{number}" for number in range(len(self.inventory))]:
            return list(self.inventory)
        return stored

    def objective(self, encoder: InputEncoder, labels: Sequence[str]) -> TextObjective:
        if self.numeric:
            return NumberObjective(encoder, self.text)
        return ClassObjective(encoder, self.text, labels)

    def config_for(self, labels: Sequence[str]) -> dict[str, Any]:
        options = self.options
        head = {
            "pooling_mode": options.pooling_mode,
            "pma_heads": options.pma_heads,
            "add_layer_norm": options.add_layer_norm,
        }
        given = {name: value for name, value in head.items() if value is not None}
        kind: dict[str, Any] = {"problem_type": str(ProblemType.SINGLE_LABEL)}
        if self.numeric:
            kind = {"problem_type": str(ProblemType.REGRESSION), "num_labels": 1}
        return {**super().config_for(labels), **kind, **given}

    def metrics(self, predictions: Sequence[TextPrediction]) -> dict[str, float]:
        found = self._scores(predictions, [prediction.value.label for prediction in predictions])
        sure = [
            (max(guess.scores.values()), guess.label == prediction.example.label)
            for prediction in predictions
            if (guess := prediction.value).scores and prediction.example.label is not None
        ]
        if sure:
            confident, right = np.array(sure, float).T
            found["expected_calibration_error"] = expected_calibration_error(confident, right)
        return found

    def baseline(self, train: Sequence[TextExample], predictions: Sequence[TextPrediction]) -> dict[str, float]:
        """majority: the most frequent class of ``train``; lexical: see :class:`LexicalBaseline`, for single texts. Of
        numbers, mean_loss: the squared error of the mean; overlap: how alike the words of a pair are."""
        known = [prediction for prediction in predictions if prediction.example.label is not None]
        examples = [prediction.example for prediction in known]
        pairs = any(example.text_b is not None for example in examples)
        guess = majority(train)
        if guess is None or not known:
            return {}
        if isinstance(guess, float):
            errors = [(float(example.label or 0) - guess) ** 2 for example in examples]
            scores = {"mean_loss": sum(errors) / len(errors)}
            return scores | (self._scores(known, overlap(examples), "overlap_") if pairs else {})
        scores = self._scores(known, [guess] * len(known), "majority_")
        return scores | ({} if pairs else self._scores(known, LexicalBaseline(train)(examples), "lexical_"))

    def record(self, prediction: TextPrediction) -> dict[str, Any]:
        example, guess = prediction.example, prediction.value
        assert isinstance(guess, Guess)
        second = {} if example.text_b is None else {"text_b": example.text_b}
        scores = dict(guess.scores)
        return {"text": example.text, **second, "label": example.label, "prediction": guess.label, "scores": scores}

    def _scores(
        self, predictions: Sequence[TextPrediction], given: Sequence[Any], prefix: str = ""
    ) -> dict[str, float]:
        gold = [prediction.example.label for prediction in predictions]
        return {f"{prefix}{name}": value for name, value in class_scores(gold, given, self.scores).items()}
