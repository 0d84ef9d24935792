"""Topics of sentences: SIB-200."""

from __future__ import annotations

from pixlm.data.readers.sib import SIB_LABELS, read_sib
from pixlm.data.splits import TABLES
from pixlm.tasks.scoring.classes import CLASS_METRICS
from pixlm.tasks.texts.task import TextOptions, TextTask

TOPIC = TextTask(
    name="topic",
    naming=TABLES,
    reader=read_sib,
    metric="macro_f1",
    scores=CLASS_METRICS,
    inventory=SIB_LABELS,
    # PIXEL-M4's recipe; its evaluations and checkpoints come once an epoch, which is what no eval_steps means. The
    # learning rate was swept there, 1e-5 is its example.
    recipe={
        "train": {
            "learning_rate": 1e-5,
            "batch_size": 32,
            "max_steps": 15000,
            "warmup": 0,
            "patience": 20,
            "dropout": 0.1,
            "log_steps": 100,
        },
        "render": {"max_seq_length": 256},
    },
    options=TextOptions(pooling_mode="mean", add_layer_norm=True),
)
"""SIB-200 (Adelani et al. 2024): one of seven topics; a language is a group of its split."""
