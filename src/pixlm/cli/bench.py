"""`pixlm bench SUITE --model X --baseline Y --data FOLDER ... --output DIR`"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.box import SIMPLE
from rich.table import Table

from pixlm.cli.parse import parse, take_name
from pixlm.cli.report import print_table
from pixlm.errors import UsageError
from pixlm.training.bench import REPORT, SUITES, BenchConfig, Row, bench


def main(arguments: list[str]) -> int:
    """Train the models and print the table."""
    suite, rest = take_name("bench", arguments, "suite", list(SUITES))
    config = parse(BenchConfig, f"bench {suite}", BenchConfig.__doc__ or "", rest)
    if not config.model:
        raise UsageError("no model given; name a folder, a hub id or an architecture with --model")
    rows = bench(suite, config)
    budget = config.spent
    print(
        f"every model: {budget.steps} steps of {budget.batch_size} examples, learning rate {budget.learning_rate:g}; "
        "the best checkpoint on dev"
    )
    print_table(_table(rows))
    print(f"written to {Path(config.output).expanduser() / REPORT}")
    return 0


def _table(rows: Sequence[Row]) -> Table:
    """A section for each data set and task."""
    table = Table("", "score", box=SIMPLE)
    for name in ("parameters", "units/word", "lost", "seconds", "CPU s", "MiB"):
        table.add_column(name, justify="right")
    for (data, task, metric, split), section in groupby(rows, lambda row: (row.data, row.task, row.metric, row.split)):
        table.add_row(f"[bold]{data}", f"{task}: {metric}, {split}")
        for row in section:
            score = f"{row.mean:.4f}" if row.deviation is None else f"{row.mean:.4f} ± {row.deviation:.4f}"
            table.add_row(f"  {row.model}", score, *_cost(row))
        table.add_section()
    return table


def _cost(row: Row) -> tuple[str, ...]:
    lost = "" if row.lost is None else f"{row.lost:.0f}"
    cost = row.cost
    if cost is None:
        return ("", "", lost, "", "", "")
    memory = "" if cost.memory is None else f"{cost.memory:.0f}"
    parameters = f"{cost.parameters / 1e6:.2f} M"
    return (parameters, f"{cost.units_per_word:.2f}", lost, f"{cost.seconds:.0f}", f"{cost.cpu_seconds:.0f}", memory)
