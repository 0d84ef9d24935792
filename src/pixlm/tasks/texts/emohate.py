"""Hate speech that emoji make or unmake: PixelGPT's emohate."""

from __future__ import annotations

from pathlib import Path

from pixlm.data.examples import TextExample
from pixlm.data.readers.problems import Problems
from pixlm.data.readers.records import peek, read_records
from pixlm.data.readers.texts import Labels, TextColumns, from_records
from pixlm.data.splits import PAIRS, told_by
from pixlm.tasks.scoring.classes import CLASS_METRICS
from pixlm.tasks.texts.task import TextOptions, TextTask

_LABELS = ("not_hateful", "hateful")


def read_emohate(path: Path, *, labelled: bool = True, problems: Problems | None = None) -> list[TextExample]:
    """Posts with the class 1, hateful, or 0, as name or number: columns ``text`` (or ``sentence``) and ``label`` (or
    ``label_gold``, as HatemojiBuild has it), with or without the strips that PixelGPT's files bring along."""
    problems = problems or Problems()
    names, records = peek(read_records(path, problems=problems))
    label = "label_gold" if "label_gold" in names and "label" not in names else "label"
    return from_records(
        records,
        path,
        columns=TextColumns("text" if "text" in names else "sentence", "", label),
        labelled=labelled,
        labels=Labels(_LABELS, numbers=True),
        group="checklist" if "checklist" in told_by(path) else "",
        problems=problems,
    )


EMOHATE = TextTask(
    name="emohate",
    naming=PAIRS,
    reader=read_emohate,
    metric="accuracy",
    scores=CLASS_METRICS,
    inventory=_LABELS,
    # PixelGPT's published run.
    recipe={
        "train": {
            "learning_rate": 7e-6,
            "batch_size": 32,
            "micro_batch_size": 8,
            "max_steps": 15000,
            "warmup": 100,
            "eval_steps": 500,
            "patience": 8,
            "dropout": 0.0,
            "log_steps": 100,
        },
        "render": {"max_seq_length": 768},
    },
    options=TextOptions(clean=False),
)
"""Emoji-based hate (Kirk et al. 2022, HatemojiBuild), drawn in colour: whether a post is hateful."""
