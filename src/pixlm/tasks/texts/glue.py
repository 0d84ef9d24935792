"""GLUE's nine data sets as one task: ``--task.name sst2``, or what the names of the files say."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast

from pixlm import files
from pixlm.data.examples import TextExample
from pixlm.data.readers.glue import GLUE as FORMATS
from pixlm.data.readers.glue import read_glue
from pixlm.data.readers.problems import Problems
from pixlm.data.splits import PAIRS, Sources
from pixlm.errors import UsageError
from pixlm.tasks.base import TaskOptions
from pixlm.tasks.scoring.classes import GLUE_METRICS
from pixlm.tasks.texts.task import TextOptions, TextPrediction, TextTask

GlueName = Literal["cola", "mnli", "mrpc", "qnli", "qqp", "rte", "sst2", "stsb", "wnli"]


@dataclass
class GlueOptions(TextOptions):
    """Choices about GLUE; stored with the model."""

    name: GlueName | None = None
    """Which data set; not given: the one that the name of the files or their folder says."""


_WHICH = f"which data set of GLUE is it? Say --task.name NAME, one of {', '.join(FORMATS)}"
# The score that picks the best checkpoint: the one that PIXEL's table of results shows.
_METRIC: Mapping[str, str] = {"cola": "matthews", "mrpc": "f1", "qqp": "f1", "stsb": "spearman"}


@dataclass(frozen=True)
class Glue(TextTask):
    """One of GLUE's data sets, once it is known which."""

    def with_options(self, options: TaskOptions | Mapping[str, Any]) -> Self:
        task = super().with_options(options)
        name = cast(GlueOptions, task.options).name
        if name is None:
            return task
        layout = FORMATS[name]
        return dataclasses.replace(
            task,
            reader=functools.partial(read_glue, task=name),
            metric=_METRIC.get(name, "accuracy"),
            scores=GLUE_METRICS[name],
            pair=bool(layout.plain.text_b),
            inventory=None if layout.regression else layout.labels.names,
        )

    def of_model(self, config: Any) -> Self | None:
        name = getattr(config, "finetuning_task", None)
        if name in FORMATS:  # a checkpoint of PIXEL's own scripts
            return self.with_options({"name": name})
        return super().of_model(config)

    def settle(self, sources: Sources) -> Self:
        if cast(GlueOptions, self.options).name is not None:
            return self
        paths = [path.resolve() for split in ("train", "dev", "test") for path in sources.get(split)]
        found = {name for path in paths for name in _named(path)}
        if len(found) != 1:
            raise UsageError(_WHICH)
        return self.with_options({"name": found.pop()})

    def select(self, split: str, examples: list[TextExample]) -> list[TextExample]:
        # MNLI's checkpoints are picked on the matched part, as published.
        matched = [example for example in examples if example.group == "matched"]
        return matched if split == "dev" and matched else examples

    def write(self, predictions: Sequence[TextPrediction], folder: Path, stem: str) -> list[Path]:
        """Also a file for GLUE's server, for each part of the split: a row's number from 0, and its prediction."""
        written = super().write(predictions, folder, stem)
        name = cast(GlueOptions, self.options).name
        if name is None:  # texts, and a model that does not say what it was trained on
            return written
        for group in dict.fromkeys(prediction.example.group for prediction in predictions):
            part = [prediction.value.label for prediction in predictions if prediction.example.group == group]
            known = FORMATS[name].labels.names
            # The server takes names where the files have them, else numbers.
            names = known if name in ("mnli", "qnli", "rte") else tuple(map(str, range(len(known))))
            labels = dict(zip(known, names, strict=True))
            rows = [f"{i}\t{labels[one] if known else f'{one:.3f}'}\n" for i, one in enumerate(part)]
            ending = f"-{group.replace('_', '-')}" if group else ""
            path = folder / f"{stem}{ending}.tsv"
            files.write_text(path, "index\tprediction\n" + "".join(rows))
            written.append(path)
        return written


def _named(path: Path) -> list[str]:
    """The data sets that a path speaks of: in its file's name, or in that of one of the two folders above."""
    for part in (path.name, path.parent.name, path.parent.parent.name):
        words = re.split(r"[^a-z0-9]+", re.sub(r"(sst|sts)[-_](2|b)", r"\1\2", part.lower()))
        found = [name for name in FORMATS if name in words]
        if found:
            return found
    return []


def _unnamed(path: Path, /, *, labelled: bool, problems: Problems) -> list[TextExample]:
    raise UsageError(f"{path}: {_WHICH}")


GLUE = Glue(
    name="glue",
    naming=PAIRS,
    reader=_unnamed,
    metric="accuracy",
    scores={},
    pair=None,
    # PIXEL's recipe for SST-2, the only one of the nine that its guide states.
    recipe={
        "train": {
            "learning_rate": 3e-5,
            "batch_size": 256,
            "micro_batch_size": 64,
            "max_steps": 15000,
            "warmup": 100,
            "eval_steps": 500,
            "patience": 5,
            "dropout": 0.1,
            "log_steps": 100,
        },
        "render": {"max_seq_length": 256},
    },
    options=GlueOptions(pooling_mode="mean", add_layer_norm=True),
)
"""GLUE (Wang et al. 2019), with the scores that it reports."""
