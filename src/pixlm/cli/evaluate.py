"""`pixlm evaluate TASK --model RUN --data FOLDER [--split test]`"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pixlm.cli.parse import parse, stored_options, take_task
from pixlm.cli.report import print_results
from pixlm.errors import UsageError
from pixlm.tasks import find_task
from pixlm.tasks.base import TaskOptions
from pixlm.training.config import DataConfig, RenderConfig
from pixlm.training.finetuned import evaluate_model


@dataclass
class Evaluate:
    """Score a fine-tuned model."""

    model: str = ""
    """Folder of a run, or hub id."""
    output: str | None = None
    """Folder for metrics.json and predictions; not given: only print."""
    split: str = "test"
    """Which split: train, dev or test."""
    batch_size: int = 32
    """Examples per forward pass."""
    data: DataConfig = field(default_factory=DataConfig)
    """Where the data is."""
    task: TaskOptions = field(default_factory=TaskOptions)
    """Choices about the task; not given: those of the model's training."""
    render: RenderConfig = field(default_factory=RenderConfig)
    """How text is drawn where it is not as in training: in another font, for example."""


def main(arguments: list[str]) -> int:
    """Evaluate and print the scores."""
    name, rest = take_task("evaluate", arguments)
    defaults = Evaluate(task=stored_options(find_task(name), rest))
    args = parse(Evaluate, f"evaluate {name}", "Score a fine-tuned model on a split.", rest, default=defaults)
    if not args.model:
        raise UsageError("no model given; name the folder of a run with --model")
    if args.batch_size < 1:
        raise UsageError(f"--batch-size {args.batch_size}: must be 1 or more")
    if args.split not in ("train", "dev", "test"):
        raise UsageError(f"--split {args.split}: choose train, dev or test")
    output = Path(args.output).expanduser() if args.output else None
    results = evaluate_model(
        name,
        args.model,
        args.data,
        args.split,
        output,
        options=args.task,
        batch_size=args.batch_size,
        render=args.render,
    )
    print_results(results, args.output)
    return 0
