"""The seam between a data set and everything else: what an example is, and what is learnt from it.

The way of an example: ``read`` -> ``rows`` -> the objective's ``collate``, ``loss`` and ``reduce`` -> ``finish`` ->
``metrics`` and ``write``. A row is what the model sees at once: the example itself, or one window of it.
"""

from __future__ import annotations

import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar, cast

import numpy as np
import tyro

from pixlm import files
from pixlm.data.cache import Request
from pixlm.data.encoders import InputEncoder, Text
from pixlm.data.examples import Example
from pixlm.data.readers.problems import Problems, without_duplicates
from pixlm.data.splits import Naming, Sources
from pixlm.errors import UsageError
from pixlm.models.heads import Head
from pixlm.settings import from_dict
from pixlm.tasks.objective import Objective, Reduced

E = TypeVar("E", bound=Example)
E_co = TypeVar("E_co", bound=Example, covariant=True)


class Reader(Protocol[E_co]):
    """Reads one file (or ``datasets`` folder); see :mod:`pixlm.data.readers`."""

    def __call__(self, path: Path, /, *, labelled: bool, problems: Problems) -> Sequence[E_co]: ...


@dataclass
class TaskOptions:
    """What a run may choose about its task; stored with the model. Families add their own."""

    scoring: Annotated[Literal["all", "upstream"], tyro.conf.arg(prefix_name=False)] = "all"
    """Words off the canvas: all counts them as errors; upstream leaves them out, as PIXEL's scripts did."""


@dataclass(frozen=True)
class Prediction(Generic[E]):
    """What a model says of an example; ``value`` is the task's own."""

    example: E
    value: Any


class Task(ABC, Generic[E]):
    """The schema of an example, its labels, its head, predictions, metrics and writers.

    name: on the command line; naming: how the files of the splits are named; reader: what reads one of them; head: what
    the model puts out; metric: the key of :meth:`metrics` that picks the best checkpoint (higher is better); recipe:
    settings of a fine-tuning run where they differ from the general defaults (the published recipe); options: see
    :class:`TaskOptions`; cached: whether encoded examples are kept on disk unless the run says otherwise.

    Subclasses are dataclasses, so that :meth:`with_options` can copy them.
    """

    name: str
    naming: Naming
    head: Head
    metric: str
    recipe: Mapping[str, Any]
    options: TaskOptions
    cached: ClassVar[bool] = False

    reader: Reader[E]

    def read(self, paths: Sequence[Path], *, labelled: bool = True, problems: Problems | None = None) -> list[E]:
        """Read one split; with ``labelled=False`` labels may be missing and are not checked.

        problems: what to do about bad input; default a UsageError.
        """
        problems = problems or Problems()
        examples = [one for path in paths for one in self.reader(path, labelled=labelled, problems=problems)]
        return without_duplicates(examples, problems) if len(paths) > 1 else examples

    def settle(self, sources: Sources) -> Self:
        """This task with the options that the files decide, where nobody has said them. Default: none."""
        return self

    def fitted(self, train: Sequence[E]) -> Self:
        """This task with what its train split decides beyond labels and options. Default: nothing."""
        return self

    def select(self, split: str, examples: list[E]) -> list[E]:
        """What training uses of a split: of "train" to learn from, of "dev" to choose the best checkpoint by, which is
        scored whole afterwards. Default: all."""
        return examples

    @abstractmethod
    def example(self, given: Any, id: str) -> E:
        """An example without labels from what a Python caller has; UsageError says what is wanted."""

    @abstractmethod
    def text(self, example: E) -> Text:
        """What the encoder is given."""

    def texts(self, examples: Sequence[E]) -> Iterable[Text]:
        """What a model that starts from scratch learns its vocabulary from. Default: what the encoder is given."""
        return (self.text(example) for example in examples)

    def tokens(self, examples: Sequence[E]) -> Collection[str]:
        """Tags of the task, which are to be tokens of a model that writes; ``examples`` is the train split. Default:
        none."""
        return ()

    @abstractmethod
    def labels(self, examples: Sequence[E]) -> list[str]:
        """The label inventory, in the order of the classifier's outputs; ``examples`` is the train split.

        Empty where there are no labels (spans, numbers).
        """

    @abstractmethod
    def objective(self, encoder: InputEncoder, labels: Sequence[str]) -> Objective:
        """Collator, loss and reduction for these labels."""

    @abstractmethod
    def metrics(self, predictions: Sequence[Prediction[E]]) -> dict[str, float]:
        """Scores (fractions in 0..1) and counts; examples without labels are left out."""

    @abstractmethod
    def record(self, prediction: Prediction[E]) -> dict[str, Any]:
        """One line of predictions.jsonl, without its ``id``."""

    def requests(self, examples: Sequence[E]) -> list[Request]:
        """How the encoder will be asked for these examples: what a cache is filled with."""
        return [Request(self.text(example)) for example in examples]

    def rows(
        self, examples: Sequence[E], encoder: InputEncoder, *, training: bool = False
    ) -> tuple[Sequence[Any], np.ndarray]:
        """(rows, expected units of each row): what the model sees at once. Default: a row an example."""
        return examples, np.array([encoder.measure(self.text(example)) for example in examples], np.float32)

    def finish(self, examples: Sequence[E], rows: Sequence[Any], reduced: Sequence[Reduced]) -> list[Prediction[E]]:
        """Predictions of examples from those of their rows. Default: a row an example."""
        return [Prediction(examples[row.index], row.value) for row in reduced]

    def baseline(self, train: Sequence[E], predictions: Sequence[Prediction[E]]) -> dict[str, float]:
        """Scores of trivial guesses learnt from ``train``: what any model has to beat."""
        return {}

    def write(self, predictions: Sequence[Prediction[E]], folder: Path, stem: str) -> list[Path]:
        """Write ``stem``.jsonl, and files of the task's own format beside it; returns the files."""
        listed = folder / f"{stem}.jsonl"
        lines = (
            json.dumps({"id": prediction.example.id, **self.record(prediction)}, ensure_ascii=False)
            for prediction in predictions
        )
        files.write_text(listed, "".join(line + "\n" for line in lines))
        return [listed]

    def config_for(self, labels: Sequence[str]) -> dict[str, Any]:
        """Configuration entries of a model for this task with these labels."""
        names = dict(enumerate(labels))
        entries = {
            "num_labels": len(names),
            "id2label": names,
            "label2id": {name: i for i, name in names.items()},
        }
        return {
            **(entries if labels else {}),
            "finetuning_task": self.name,
            "task_options": dataclasses.asdict(cast(Any, self.options)),
        }

    def of_model(self, config: Any) -> Self | None:
        """This task as a model with this configuration has learnt it; None if the model has learnt another."""
        if getattr(config, "finetuning_task", None) not in (None, self.name):
            return None
        stored = getattr(config, "task_options", None) or {}
        if not isinstance(stored, Mapping):
            raise UsageError(f"the model's task_options are {stored!r}, not settings of the task {self.name}")
        return self.with_options(stored)

    def label_names(self, stored: list[str]) -> list[str]:
        """The labels of a model's outputs, given those in its configuration. Default: these."""
        return stored

    def with_options(self, options: TaskOptions | Mapping[str, Any]) -> Self:
        """This task with other options; a mapping (as stored in a model) changes those that it names and has.

        Raises UsageError for values of a wrong type.
        """
        if isinstance(options, Mapping):
            known = {item.name for item in dataclasses.fields(self.options)}
            given = {name: value for name, value in options.items() if name in known}
            options = from_dict(given, self.options, f"options of {self.name}")
        if type(options) is not type(self.options):
            raise UsageError(f"task {self.name}: options are {type(self.options).__name__}")
        return cast(Self, dataclasses.replace(cast(Any, self), options=options))
