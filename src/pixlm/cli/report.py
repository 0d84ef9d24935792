"""Scores as a table on the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

_WIDTH = 160
"""Columns of what is no terminal: a file or a pipe has no width of its own, and names should not be cut there."""


def print_table(table: Table) -> None:
    """Print a table as wide as it is, or as the terminal."""
    console = Console()
    (console if console.is_terminal else Console(width=_WIDTH)).print(table)


def print_results(results: Mapping[str, Mapping[str, float]], output: str | None) -> None:
    """One row a split, or a column a split where there are more scores than splits; counts without decimals, means
    with their deviation (``NAME_std``). Of several processes only the first prints."""
    if os.environ.get("RANK", "0") != "0":
        return
    if results:
        names = list(dict.fromkeys(name for row in results.values() for name in row if not name.endswith("_std")))
        cells = [
            [split, *(_cell(row.get(name), row.get(f"{name}_std")) for name in names)] for split, row in results.items()
        ]
        lines = [["split", *(name.replace("_", " ") for name in names)], *cells]
        if len(names) > len(results):
            lines = [list(column) for column in zip(*lines, strict=True)]
        table = Table(*lines[0])
        for line in lines[1:]:
            table.add_row(*line)
        print_table(table)
    if output:
        print(f"written to {output}")


def _cell(value: float | None, deviation: float | None = None) -> str:
    if value is None:
        return ""
    shown = f"{value:d}" if isinstance(value, int) else f"{value:.4f}"
    return shown if deviation is None else f"{shown} ± {deviation:.4f}"
