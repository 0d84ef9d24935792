"""`pixlm data list | get | convert`: the data sets of the published experiments; `tokenizer`, `pages`: one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Column, Table

from pixlm.cli.parse import parse, take_name
from pixlm.cli.report import print_table
from pixlm.data.arrange import SOURCE, Arranged, convert, get
from pixlm.data.registry import DataSet, RawFile, find_data, registry
from pixlm.errors import UsageError

ACTIONS = ["list", "get", "convert", "tokenizer", "pages"]


@dataclass
class List:
    """Show the table of data sets."""

    task: str = ""
    """Only those of this task, such as ner."""


@dataclass
class Get:
    """Download a data set (the only verb that uses the network) into the layout that its task reads."""

    output: str = ""
    """Folder to write to; what is there already, and unchanged, is kept."""
    languages: tuple[str, ...] = ()
    """Only these, where a data set has its languages in files of their own."""


@dataclass
class Convert:
    """Bring files that are on this machine into the layout that a task reads."""

    source: str = ""
    """Folder with the files as they are published, in whatever sub-folders."""
    output: str = ""
    """Folder to write to."""
    languages: tuple[str, ...] = ()
    """Only these, where a data set has its languages in files of their own."""


@dataclass
class TokenizerText:
    """Where the text is."""

    path: Annotated[str | None, tyro.conf.arg(name="data", prefix_name=False)] = None
    """Folder, file or hub:NAME stream; of a folder the train split."""
    sources: dict[str, str] = field(default_factory=dict)
    """Several sources by name, such as en my/en hi my/hi."""
    train: str | None = None
    """One file instead of a folder."""
    column: str = "text"
    """Column or key that holds the text."""
    on_error: Literal["raise", "skip"] = "raise"
    """What to do with a bad record: stop with its line, or leave it out and count it."""
    limit: int | None = None
    """Documents to take of each hub: stream."""


@dataclass
class Tokenizer:
    """Learn a tokenizer from a corpus."""

    output: str = ""
    """Folder to write to: tokenizer.json, and of SentencePiece tokenizer.model."""
    kind: Literal["sentencepiece", "byte-bpe", "wordpiece"] = "sentencepiece"
    """sentencepiece: byte pairs with byte fallback, as Llama; byte-bpe: as RoBERTa; wordpiece: as BERT."""
    size: int = 32000
    """Entries of the vocabulary at most."""
    characters: int | None = 1_000_000_000
    """Characters to learn from at most, spread over the files; None takes all."""
    data: TokenizerText = field(default_factory=TokenizerText)
    """Where the text is."""


def main(arguments: list[str]) -> int:
    """List, download or convert."""
    action, rest = take_name("data", arguments, "action", ACTIONS)
    if action not in ACTIONS:
        raise UsageError(f"pixlm data has no {action!r}; it has: {', '.join(ACTIONS)}")
    if action == "list":
        return _list(parse(List, "data list", "Show the data sets of the published experiments.", rest, default=List()))
    if action == "pages":
        from pixlm.cli import pages

        return pages.main(rest)
    if action == "tokenizer":
        about = "Learn a tokenizer from the train split of a corpus."
        return _tokenizer(parse(Tokenizer, "data tokenizer", about, rest, default=Tokenizer()))
    name, rest = take_name(f"data {action}", rest, "data set (see pixlm data list)", list(registry()))
    data = find_data(name)
    about = f"{data.about}; {data.licence}; {data.source}."
    if action == "get":
        return _get(data, parse(Get, f"data get {name}", f"Download {about}", rest, default=Get()))
    return _convert(data, parse(Convert, f"data convert {name}", f"Convert {about}", rest, default=Convert()))


def _list(args: List) -> int:
    chosen = [data for data in registry().values() if not args.task or args.task in data.tasks]
    if not chosen:
        known = sorted({task for data in registry().values() for task in data.tasks})
        raise UsageError(f"no data set for the task {args.task!r}; there are some for {', '.join(known)}")
    table = Table(Column("name", no_wrap=True), "task", "what", "languages", "licence")
    for data in chosen:
        languages = ", ".join(data.languages[:4]) + (f" ... ({len(data.languages)})" if len(data.languages) > 4 else "")
        licence = data.licence + ("" if data.redistributable else " *") + (" **" if data.manual else "")
        table.add_row(data.name, ", ".join(data.tasks), data.about, languages, licence)
    print_table(table)
    print(
        "*  may not be passed on, or it is not clear that it may   ** cannot be fetched; pixlm data get NAME says how"
    )
    print("fetch one: pixlm data get NAME --output DIR; take your own files: pixlm data convert NAME --source DIR ...")
    return 0


def _get(data: DataSet, args: Get) -> int:
    output = _folder(args.output, "--output")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bars: dict[str, TaskID] = {}

        def on_file(raw: RawFile, there: int, total: int | None) -> None:
            if raw.url not in bars:
                bars[raw.url] = progress.add_task(raw.name)
            progress.update(bars[raw.url], completed=there, total=total)

        results = get(data, output, args.languages, on_file)
    if results:
        _report(data, results, output)
    else:
        print(f"{output}: everything is there already")
    return 0


def _convert(data: DataSet, args: Convert) -> int:
    source, output = _folder(args.source, "--source"), _folder(args.output, "--output")
    results, missing = convert(data, source, output, args.languages)
    _report(data, results, output)
    if missing:
        print(f"{len(missing)} of its files are not in {source}: {', '.join(missing[:6])}{' ...' * (len(missing) > 6)}")
    return 0


def _tokenizer(args: Tokenizer) -> int:
    try:
        from pixlm.data.pretraining.corpus import find_sources
        from pixlm.data.pretraining.documents import Reading
        from pixlm.data.tokenizer_training import train_on_corpus
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "pixlm":
            raise
        raise UsageError(
            f'pixlm data tokenizer needs {error.name}, which is not installed: pip install "pixlm[train]"'
        ) from None
    output, data = _folder(args.output, "--output"), args.data
    for flag, value in (("--size", args.size), ("--characters", args.characters), ("--data.limit", data.limit)):
        if value is not None and value < 1:
            raise UsageError(f"{flag} {value}: must be 1 or more")
    sources = find_sources(data.path, data.sources, {"train": data.train})
    reading = Reading(column=data.column, on_error=data.on_error, limit=data.limit)
    learnt = train_on_corpus(
        sources, output, kind=args.kind, size=args.size, reading=reading, characters=args.characters
    )
    if learnt.found.skipped:
        print(f"{learnt.found.skipped} records or stretches left out; first: {learnt.found.messages[0]}")
    print(
        f"{len(learnt.tokenizer)} tokens learnt from {learnt.characters:,} characters; {learnt.compression:.2f} a token"
    )
    print(f"written to {output}")
    return 0


def _folder(given: str, flag: str) -> Path:
    if not given:
        raise UsageError(f"name a folder with {flag}")
    return Path(given).expanduser()


def _report(data: DataSet, results: Sequence[Arranged], output: Path) -> None:
    table = Table("file", "examples", "note")
    for result in results:
        count = "" if result.examples is None else str(result.examples)
        table.add_row(result.path.relative_to(output).as_posix(), count, result.said)
    print_table(table)
    print(f"written to {output}; origin and checksums in {SOURCE}; licence: {data.licence}")
