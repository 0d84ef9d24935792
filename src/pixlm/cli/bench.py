"""`pixlm bench SUITE --model X --baseline Y --data FOLDER ... --output DIR`; `documents` makes its own data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

from rich.box import SIMPLE
from rich.table import Table

from pixlm.cli.parse import parse, take_name
from pixlm.cli.progress import bar
from pixlm.cli.report import print_table
from pixlm.errors import UsageError
from pixlm.training.bench import REPORT, SUITES, BenchConfig, Row, bench
from pixlm.training.bench_documents import CellScore, DocumentsBenchConfig, bench_documents, cells, mean_cer

_NO_MODEL = "no model given; name a folder, a hub id or an architecture with --model"


def main(arguments: list[str]) -> int:
    """Train the models and print the table."""
    suite, rest = take_name("bench", arguments, "suite", [*SUITES, "documents"])
    if suite == "documents":
        return _documents(rest)
    config = parse(BenchConfig, f"bench {suite}", BenchConfig.__doc__ or "", rest)
    if not config.model:
        raise UsageError(_NO_MODEL)
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


def _documents(arguments: list[str]) -> int:
    config = parse(DocumentsBenchConfig, "bench documents", DocumentsBenchConfig.__doc__ or "", arguments)
    if not config.model:
        raise UsageError(_NO_MODEL)
    with bar("cells", len(list(cells(config)))) as done:
        scores = bench_documents(config, on_cell=lambda: done(1))
    for model, rows in _groups(scores, lambda one: one.model).items():
        seconds, pages = sum(one.seconds for one in rows), sum(one.pages for one in rows)
        print(f"{model}: character error rate in percent; {pages} pages, {pages / seconds:.2f} pages/s")
        print_table(_cells_table(rows))
    print(f"written to {Path(config.output).expanduser() / REPORT}")
    return 0


def _cells_table(scores: Sequence[CellScore]) -> Table:
    """Layouts and noises down, languages across; means over all characters of a row or column."""
    languages = _groups(scores, lambda one: one.cell.language)
    table = Table("layout", "noise", *languages, "all", box=SIMPLE)
    for column in table.columns[2:]:
        column.justify = "right"
    for layout, rows in _groups(scores, lambda one: one.cell.layout).items():
        for noise, row in _groups(rows, lambda one: one.cell.noise).items():
            table.add_row(layout, noise, *(_percent([one]) for one in row), _percent(row))
        table.add_section()
    for noise, row in _groups(scores, lambda one: one.cell.noise).items():
        by_language = _groups(row, lambda one: one.cell.language)
        table.add_row("all", noise, *map(_percent, by_language.values()), _percent(row))
    return table


def _percent(scores: Sequence[CellScore]) -> str:
    return f"{100 * mean_cer(scores):.1f}"


def _groups(scores: Sequence[CellScore], key: Callable[[CellScore], str]) -> dict[str, list[CellScore]]:
    found: dict[str, list[CellScore]] = {}
    for one in scores:
        found.setdefault(key(one), []).append(one)
    return found
