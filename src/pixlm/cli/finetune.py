"""`pixlm finetune TASK --model MODEL --data FOLDER --output DIR`"""

from __future__ import annotations

from pixlm.cli.parse import parse_run, take_name
from pixlm.cli.report import print_results
from pixlm.tasks import TASKS, find_task
from pixlm.training.config import FinetuneConfig
from pixlm.training.finetune import finetune


def main(arguments: list[str]) -> int:
    """Fine-tune and print the scores."""
    name, rest = take_name("finetune", arguments, "task", list(TASKS))
    task = find_task(name)
    defaults = FinetuneConfig(task=task.options)
    config = parse_run(defaults, f"finetune {name}", f"Fine-tune a model on the task {name}.", rest, task.recipe)
    print_results(finetune(name, config), config.output)
    return 0
