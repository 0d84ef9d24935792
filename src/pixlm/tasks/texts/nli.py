"""Entailment of pairs: SNLI and MultiNLI (``nli``), XNLI in 15 languages (``xnli``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from pixlm.data.examples import TextExample
from pixlm.data.readers.nli import NLI_LABELS, read_nli, read_xnli
from pixlm.data.splits import PAIRS
from pixlm.errors import UsageError
from pixlm.tasks.scoring.classes import CLASS_METRICS
from pixlm.tasks.texts.task import TextOptions, TextTask

NLI = TextTask(
    name="nli",
    naming=PAIRS,
    reader=read_nli,
    metric="accuracy",
    scores=CLASS_METRICS,
    pair=True,
    inventory=NLI_LABELS,
    # PIXEL's recipe for SNLI in its robustness experiments.
    recipe={
        "train": {
            "learning_rate": 1e-5,
            "batch_size": 64,
            "max_steps": 15000,
            "warmup": 1000,
            "eval_steps": 1000,
            "patience": 5,
            "dropout": 0.1,
            "log_steps": 100,
        },
        "render": {"max_seq_length": 324},
    },
    options=TextOptions(pooling_mode="mean", add_layer_norm=True),
)
"""Natural language inference in the layout of SNLI (Bowman et al. 2015) and MultiNLI (Williams et al. 2018)."""


@dataclass
class XnliOptions(TextOptions):
    """Choices about XNLI; stored with the model."""

    train_languages: tuple[str, ...] = ()
    """Languages to learn from; not given: all (translate-train-all). One alone makes the others zero-shot."""
    dev_languages: tuple[str, ...] = ()
    """Languages whose dev examples choose the best checkpoint; not given: all, pooled."""


@dataclass(frozen=True)
class Xnli(TextTask):
    """XNLI; every language is a group of each split, and so scored by itself."""

    def select(self, split: str, examples: list[TextExample]) -> list[TextExample]:
        options = cast(XnliOptions, self.options)
        wanted = {"train": options.train_languages, "dev": options.dev_languages}.get(split)
        if not wanted:
            return examples
        there = sorted({example.group for example in examples})
        for language in wanted:
            if language not in there:
                raise UsageError(
                    f"--task.{split}-languages {language}: the {split} split has none; it has {', '.join(there)}"
                )
        return [example for example in examples if example.group in wanted]


XNLI = Xnli(
    name="xnli",
    naming=PAIRS,
    reader=read_xnli,
    metric="accuracy",
    scores=CLASS_METRICS,
    pair=True,
    inventory=NLI_LABELS,
    # PIXEL's recipe for translate-train-all.
    recipe={
        "train": {
            "learning_rate": 2e-5,
            "batch_size": 256,
            "micro_batch_size": 128,
            "max_steps": 50000,
            "warmup": 1000,
            "eval_steps": 1000,
            "patience": 5,
            "dropout": 0.1,
            "log_steps": 100,
        },
        "render": {"max_seq_length": 196},
    },
    options=XnliOptions(pooling_mode="cls"),
)
"""XNLI (Conneau et al. 2018): translate-train-all, or zero-shot transfer from the languages of ``train_languages``."""
