"""`pixlm finetune TASK --model MODEL --data FOLDER --output DIR`, `pixlm finetune --config RECIPE ...`"""

from __future__ import annotations

from pixlm.cli.parse import parse_run, take_task
from pixlm.cli.report import print_results
from pixlm.tasks import find_task
from pixlm.training.config import FinetuneConfig
from pixlm.training.finetune import finetune
from pixlm.training.seeds import finetune_seeds


def main(arguments: list[str]) -> int:
    """Fine-tune and print the scores."""
    name, rest = take_task("finetune", arguments)
    task = find_task(name)
    defaults = FinetuneConfig(task=task.options)
    config = parse_run(defaults, f"finetune {name}", f"Fine-tune a model on the task {name}.", rest, task.recipe)
    run = finetune_seeds if config.seeds else finetune
    print_results(run(name, config), config.output)
    return 0
