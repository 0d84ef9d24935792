"""`pixlm bench SUITE --model X --baseline Y --data FOLDER ... --output DIR`"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pixlm.cli.parse import parse, take_name
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
    Console().print(_table(rows))
    print(f"written to {Path(config.output).expanduser() / REPORT}")
    return 0


def _table(rows: Sequence[Row]) -> Table:
    table = Table("data", "task", "model", "split", "metric", "score")
    for name in ("parameters", "units/word", "lost", "seconds", "CPU s", "MiB"):
        table.add_column(name, justify="right")
    for row in rows:
        score = f"{row.mean:.4f}" if row.deviation is None else f"{row.mean:.4f} ± {row.deviation:.4f}"
        lost = "" if row.lost is None else f"{row.lost:.0f}"
        table.add_row(row.data, row.task, row.model, row.split, row.metric, score, *_cost(row, lost))
    return table


def _cost(row: Row, lost: str) -> tuple[str, ...]:
    cost = row.cost
    if cost is None:
        return ("", "", lost, "", "", "")
    memory = "" if cost.memory is None else f"{cost.memory:.0f}"
    parameters = f"{cost.parameters / 1e6:.2f} M"
    return (parameters, f"{cost.units_per_word:.2f}", lost, f"{cost.seconds:.0f}", f"{cost.cpu_seconds:.0f}", memory)
