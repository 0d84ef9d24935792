"""What is learnt: one module per family of tasks, and the pretraining objectives.

``find_task(name)`` gives a task by its command-line name. A new data set is a new declaration in :data:`TASKS`,
or one of a program's own that it registers.
"""

from __future__ import annotations

from typing import Any

from pixlm.errors import UsageError
from pixlm.tasks.base import Task
from pixlm.tasks.documents import DOCUMENTS
from pixlm.tasks.entities import NER, TAG
from pixlm.tasks.parsing import PARSING
from pixlm.tasks.question_answering import QA
from pixlm.tasks.texts import CLASSIFY, EMOHATE, GLUE, NLI, TOPIC, XNLI
from pixlm.tasks.word_labelling import POS

TEXTS: tuple[Task, ...] = (POS, PARSING, NER, TAG, QA, GLUE, NLI, XNLI, TOPIC, EMOHATE, CLASSIFY)
TASKS: dict[str, Task] = {task.name: task for task in (*TEXTS, *DOCUMENTS)}


def register(task: Task) -> None:
    """Make a task of one's own known by its name; ValueError if another has it."""
    if TASKS.setdefault(task.name, task) is not task:
        raise UsageError(f"there is a task {task.name!r} already; give yours another name")


def task_of_model(config: Any) -> Task:
    """The task that a fine-tuned model has learnt; UsageError where nobody knows it."""
    name = getattr(config, "finetuning_task", None)
    learnt = (task.of_model(config) for task in TASKS.values()) if name is not None else iter(())
    task = next((task for task in learnt if task is not None), None)
    return task if task is not None else find_task(str(name))


def find_task(name: str) -> Task:
    """The task called ``name``; UsageError with the known names otherwise."""
    try:
        return TASKS[name]
    except KeyError:
        raise UsageError(f"no task {name!r}; tasks: {', '.join(TASKS)}") from None
