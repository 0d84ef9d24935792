"""`pixlm report RUN [--output FILE.html]`"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from pixlm import files
from pixlm.analysis.report import report
from pixlm.cli.parse import parse
from pixlm.errors import UsageError


@dataclass
class Report:
    """Write one HTML page about a run: curves, scores beside published ones, confusions, worst examples."""

    run: Annotated[Path, tyro.conf.Positional]
    """Output folder of a run of any kind, finished or not."""
    output: Path | None = None
    """HTML file to write; not given: report.html in the run's folder."""
    examples: int = 8
    """How many of the worst examples are shown."""
    relevance: bool = True
    """Show what spoke for wrong classes, which loads the model."""


def main(arguments: list[str]) -> int:
    """Write the page and say where."""
    args = parse(Report, "report", Report.__doc__ or "", arguments)
    if args.examples < 0:
        raise UsageError(f"--examples {args.examples}: must be 0 or more")
    run = args.run.expanduser()
    page = report(run, examples=args.examples, relevance=args.relevance)
    output = args.output.expanduser() if args.output is not None else run / "report.html"
    output.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(output, page)
    print(output)
    return 0
