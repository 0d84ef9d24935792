"""`pixlm predict TASK --model RUN --data FILE --output DIR`"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from pixlm.cli.parse import parse, stored_options, take_task
from pixlm.data.pages.example import PageExample
from pixlm.errors import UsageError
from pixlm.rendering.picture import save_png
from pixlm.tasks import find_task
from pixlm.tasks.base import TaskOptions
from pixlm.tasks.documents import DocumentTask
from pixlm.tasks.documents.task import pages_of
from pixlm.training.finetuned import predict


@dataclass
class Predict:
    """Label a file or texts with a fine-tuned model."""

    model: str = ""
    """Folder of a run, or hub id."""
    data: str = ""
    """File in the task's format; its labels, if it has any, are not looked at."""
    text: tuple[str, ...] = ()
    """Texts to label, instead of a file."""
    files: tyro.conf.Positional[tuple[str, ...]] = ()
    """Images and PDFs, for tasks on pages; what is read is printed, a line of JSON a page."""
    question: tuple[str, ...] = ()
    """Questions about each page (docvqa)."""
    show: str | None = None
    """PNG to draw what was read beside the page, and onto it where the data say where its lines are."""
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
    task = find_task(name)
    pages = isinstance(task, DocumentTask)
    if pages and args.text:
        raise UsageError(f"{name} is about pages: name images or PDFs, as in pixlm predict {name} --model RUN page.jpg")
    if not pages and (args.files or args.show or args.question):
        raise UsageError(f"{name} is about texts: files of pages, --question and --show are for tasks on pages")
    if sum(map(bool, (args.data, args.text, args.files))) != 1:
        instead = "images or PDFs" if pages else "--text TEXT"
        raise UsageError(f"pixlm predict needs either --data FILE or {instead}; see pixlm predict {name} --help")
    if args.text_b and not args.text:
        raise UsageError("--text-b has the second texts of pairs; the first ones are missing (--text)")
    if args.data and not args.output and not args.show:
        raise UsageError(f"pixlm predict needs --output; see pixlm predict {name} --help")
    if args.batch_size < 1:
        raise UsageError(f"--batch-size {args.batch_size}: must be 1 or more")
    given: Path | Sequence[Any] = Path(args.data).expanduser() if args.data else _inputs(args.text, args.text_b)
    if isinstance(task, DocumentTask):
        if args.show and not args.show.lower().endswith(".png"):
            raise UsageError(f"--show {args.show}: name a file that ends in .png")
        given = _pages(task, args)
    output = Path(args.output).expanduser() if args.output else None
    records, written = predict(name, args.model, given, output, options=args.task, batch_size=args.batch_size)
    if output is None:
        for record in records:
            print(json.dumps(record, ensure_ascii=False))
    for path in [*written, *(_draw(given, records, Path(args.show).expanduser()) if args.show else ())]:
        print(path)
    return 0


def _pages(task: DocumentTask, args: Predict) -> Sequence[PageExample]:
    """The pages to read, with what is asked about them."""
    if args.data:
        return task.read([Path(args.data).expanduser()], labelled=False)
    return pages_of(task, [Path(file).expanduser() for file in args.files], args.question)


def _draw(given: Any, records: Sequence[dict[str, Any]], file: Path) -> list[Path]:
    """Pictures of what was read: one file, or NAME-1.png, NAME-2.png ... of several pages."""
    from pixlm.analysis.reading import draw_reading
    from pixlm.data.pages.images import open_page

    written = []
    for number, (example, record) in enumerate(zip(given, records, strict=True), start=1):
        path = file if len(records) == 1 else file.with_name(f"{file.stem}-{number}{file.suffix}")
        picture = draw_reading(open_page(example.image, example.page), record["prediction"], example.boxes)
        save_png(np.asarray(picture), path)
        written.append(path)
    return written


def _inputs(texts: Sequence[str], seconds: Sequence[str]) -> Sequence[str | tuple[str, str]]:
    """Texts, or pairs of texts."""
    if not seconds:
        return texts
    if len(seconds) == 1:
        seconds = [*seconds] * len(texts)
    if len(seconds) != len(texts):
        raise UsageError(f"--text has {len(texts)} texts, --text-b {len(seconds)}; give one for each, or one for all")
    return list(zip(texts, seconds, strict=True))
