"""`pixlm predict TASK --model RUN --data FILE --output DIR`"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pixlm.cli.parse import parse, take_name
from pixlm.errors import UsageError
from pixlm.tasks import TASKS, find_task
from pixlm.training.finetune import predict


@dataclass
class Predict:
    """Label a file with a fine-tuned model."""

    model: str = ""
    """Folder of a run, or hub id."""
    data: str = ""
    """File in the task's format; its labels, if it has any, are not looked at."""
    output: str = ""
    """Folder for predictions.jsonl and the task's native format."""
    batch_size: int = 32
    """Examples per forward pass."""


def main(arguments: list[str]) -> int:
    """Predict and name the files written."""
    name, rest = take_name("predict", arguments, "task", list(TASKS))
    find_task(name)
    args = parse(Predict, f"predict {name}", "Label a file with a fine-tuned model.", rest, default=Predict())
    for flag in ("model", "data", "output"):
        if not getattr(args, flag):
            raise UsageError(f"pixlm predict needs --{flag}; see pixlm predict {name} --help")
    if args.batch_size < 1:
        raise UsageError(f"--batch-size {args.batch_size}: must be 1 or more")
    output = Path(args.output).expanduser()
    for path in predict(name, args.model, Path(args.data).expanduser(), output, batch_size=args.batch_size):
        print(path)
    return 0
