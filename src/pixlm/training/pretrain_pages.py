"""Pretraining of models that read pages: `pixlm pretrain --model donut-tiny --objective ocr --data PAGES`."""

from __future__ import annotations

import dataclasses
from typing import Any

from pixlm import hub
from pixlm.errors import UsageError
from pixlm.models.document import is_document_type
from pixlm.models.heads import Head
from pixlm.tasks import TASKS, find_task
from pixlm.tasks.base import Task
from pixlm.training.config import DataConfig, PretrainConfig
from pixlm.training.finetune import learn, read_splits
from pixlm.training.finetuned import Results

OBJECTIVES: dict[str, tuple[str, dict[str, Any]]] = {
    "ocr": ("ocr", {}),
    "prefix": ("ocr", {"mode": "prefix"}),
    "spans": ("ocr", {"mode": "spans"}),
}
"""Names that stand for a task with some of its options; any other is the name of a task on pages."""


def reads_pages(config: PretrainConfig) -> bool:
    """Whether the run's model reads pages.

    Raises:
        UsageError: an objective for a model that reads none.
    """
    found = is_document_type(hub.load_config(config.model).model_type)
    if config.objective is not None and not found:
        raise UsageError(f"--objective {config.objective} is for models that read pages, and {config.model} reads none")
    return found


def pretrain_pages(config: PretrainConfig) -> Results:
    """Pretrain; the loss on dev chooses the best checkpoint, and the task's scores are worked out at the end.

    Raises:
        UsageError: bad input, or settings that are about text.
    """
    _check(config)
    task = objective_of(config.objective or "ocr")
    return learn(read_splits(task, config), "pretrain", by_loss=True)


def objective_of(name: str) -> Task[Any]:
    """The task that an objective stands for; raises UsageError that lists them."""
    pages = [each.name for each in TASKS.values() if each.head is Head.SEQUENCE_TO_SEQUENCE]
    task_name, options = OBJECTIVES.get(name, (name, {}))
    if task_name not in pages:
        known = sorted({*OBJECTIVES, *pages})
        raise UsageError(f"--objective {name}: choose one of {', '.join(known)}")
    task = find_task(task_name)
    return task.with_options({**dataclasses.asdict(task.options), **options}) if options else task


def _check(config: PretrainConfig) -> None:
    """Raise a UsageError for settings that have no meaning for pages."""
    own = {item.name for item in dataclasses.fields(DataConfig)}
    usual = PretrainConfig()
    for group in ("data", "mask", "pictures"):
        for item in dataclasses.fields(getattr(config, group)):
            if group == "data" and item.name in own:
                continue
            given = getattr(getattr(config, group), item.name)
            if given != getattr(getattr(usual, group), item.name):
                flag = item.name.replace("_", "-")
                raise UsageError(
                    f"--{group}.{flag} {given}: is about text, and {config.model} reads pages; leave it out"
                )
