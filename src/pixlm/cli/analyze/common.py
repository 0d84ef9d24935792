"""What the analyses share: checks of flags, models by short names, tables on the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from pixlm import files, inference
from pixlm.analysis.names import short_names
from pixlm.cli.report import print_table
from pixlm.errors import UsageError
from pixlm.inference import PixelLM


def check(name: str, args: Any, *, needs: Sequence[str] = (), positive: Sequence[str] = ()) -> None:
    """Raise a UsageError for a flag that is missing, or a number below 1."""
    for field in needs:
        if not getattr(args, field):
            raise UsageError(f"pixlm analyze {name} needs --{field}; see pixlm analyze {name} --help")
    for field in positive:
        value = getattr(args, field)
        if value is not None and value < 1:
            raise UsageError(f"--{field.replace('_', '-')} {value}: must be 1 or more")


def load_all(names: Sequence[str], seed: int) -> dict[str, PixelLM]:
    """Models by as much of their names as tells them apart; the weights of a preset come from ``seed``."""
    names = list(dict.fromkeys(names))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {short: inference.load(name) for short, name in zip(short_names(names), names, strict=True)}


def show(rows: Sequence[Sequence[str]], path: Path) -> None:
    """Print a table, its heading first, and write it as Markdown."""
    table = Table(*rows[0])
    for row in rows[1:]:
        table.add_row(*row)
    print_table(table)
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    files.write_text(path, "".join(f"| {' | '.join(row)} |\n" for row in lines))
