"""`pixlm table RUN ... [--output FILE.md]`: results of runs beside published ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table

from pixlm import files
from pixlm.analysis.results import as_markdown, cells, results_of
from pixlm.cli.parse import parse
from pixlm.cli.report import print_table
from pixlm.errors import UsageError


@dataclass
class TableArguments:
    """Print the results of fine-tuning runs as one table, in per cent, beside published ones."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of finished runs, or of runs with several seeds."""
    output: Path | None = None
    """File to write the table to, as Markdown."""


def main(arguments: list[str]) -> int:
    """Print the table."""
    args = parse(TableArguments, "table", TableArguments.__doc__ or "", arguments)
    if not args.runs:
        raise UsageError("no runs given; name the folders of finished runs: pixlm table runs/a runs/b")
    results = [result for folder in args.runs for result in results_of(folder.expanduser())]
    sources = list(dict.fromkeys(each.source for result in results for each in result.published))
    table = Table("run", "task", "data", "model", "split", "metric", "score", "seeds", *sources)
    for result in results:
        table.add_row(*cells(result, sources))
    print_table(table)
    if args.output is not None:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(args.output, as_markdown(results))
        print(f"written to {args.output}")
    return 0
