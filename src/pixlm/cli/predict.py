"""`pixlm predict TASK --model RUN --data FILE --output DIR`"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pixlm.cli.parse import parse, stored_options, take_task
from pixlm.errors import UsageError
from pixlm.tasks import find_task
from pixlm.tasks.base import TaskOptions
from pixlm.training.finetune import predict


@dataclass
class Predict:
    """Label a file or texts with a fine-tuned model."""

    model: str = ""
    """Folder of a run, or hub id."""
    data: str = ""
    """File in the task's format; its labels, if it has any, are not looked at."""
    text: tuple[str, ...] = ()
    """Texts to label, instead of a file."""
    text_b: tuple[str, ...] = ()
    """The second text of each pair, such as the context of a question; one alone belongs to all."""
    output: str | None = None
    """Folder for predictions.jsonl and the task's native format; not needed for --text, whose results are printed."""
    batch_size: int = 32
    """Examples per forward pass."""
    task: TaskOptions = field(default_factory=TaskOptions)
    """Choices about the task; not given: those of the model's training."""


def main(arguments: list[str]) -> int:
    """Predict and name the files written."""
    name, rest = take_task("predict", arguments)
    defaults = Predict(task=stored_options(find_task(name), rest))
    args = parse(Predict, f"predict {name}", "Label a file or texts with a fine-tuned model.", rest, default=defaults)
    if not args.model:
        raise UsageError(f"pixlm predict needs --model; see pixlm predict {name} --help")
    if bool(args.data) == bool(args.text):
        raise UsageError(f"pixlm predict needs either --data FILE or --text TEXT; see pixlm predict {name} --help")
    if args.text_b and not args.text:
        raise UsageError("--text-b has the second texts of pairs; the first ones are missing (--text)")
    if args.data and not args.output:
        raise UsageError(f"pixlm predict needs --output; see pixlm predict {name} --help")
    if args.batch_size < 1:
        raise UsageError(f"--batch-size {args.batch_size}: must be 1 or more")
    given = Path(args.data).expanduser() if args.data else _inputs(args.text, args.text_b)
    output = Path(args.output).expanduser() if args.output else None
    records, written = predict(name, args.model, given, output, options=args.task, batch_size=args.batch_size)
    if output is None:
        for record in records:
            print(json.dumps(record, ensure_ascii=False))
    for path in written:
        print(path)
    return 0


def _inputs(texts: Sequence[str], seconds: Sequence[str]) -> Sequence[str | tuple[str, str]]:
    """Texts, or pairs of texts."""
    if not seconds:
        return texts
    if len(seconds) == 1:
        seconds = [*seconds] * len(texts)
    if len(seconds) != len(texts):
        raise UsageError(f"--text has {len(texts)} texts, --text-b {len(seconds)}; give one for each, or one for all")
    return list(zip(texts, seconds, strict=True))
