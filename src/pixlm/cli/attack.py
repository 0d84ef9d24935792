"""`pixlm attack --attack NAME --data FOLDER --output DIR`, `pixlm attack TASK --model RUN --attack NAME ...`

Both take `--config FILE`; `pixlm attack --config recipes/robustness/pos.yaml --model RUN ...` names its task itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.table import Table

from pixlm.cli.parse import parse_settings, recipe_task, take_name
from pixlm.cli.report import print_table
from pixlm.errors import UsageError
from pixlm.robustness.attacker import Attacker, Flavour
from pixlm.robustness.attacks import ATTACKS
from pixlm.training.config import DataConfig

_NAMES = "; ".join(f"{attack.name}: {attack.help}" for attack in ATTACKS.values())


@dataclass
class Attacks:
    """What both forms have."""

    attack: str = ""
    """Attacks by name, with commas between them."""
    strength: str = "0.2,0.5,0.8"
    """Shares of words to attack, 0 to 1, with commas between them."""
    output: str = ""
    """Folder for what is written."""
    seed: int = 42
    """Every random choice follows from it, the split and the number of the example."""
    flavour: Literal["share", "pixel"] = "share"
    """What strength means: the share of words changed, or what PIXEL's scripts do with it."""
    part: Literal["question", "context"] = "question"
    """What is attacked of questions with a context; in contexts the answers are left alone."""

    def attackers(self) -> list[Attacker]:
        """Every attack at every strength; UsageError where nothing is named or a name or number is wrong."""
        names = [name.strip() for name in self.attack.split(",") if name.strip()]
        strengths = [text.strip() for text in self.strength.split(",") if text.strip()]
        if not names or not strengths:
            raise UsageError(f"name at least one attack with --attack and a strength: {', '.join(ATTACKS)}")
        if not self.output:
            raise UsageError("no output folder given; name one with --output DIR")
        found = [
            Attacker(name, _number(text), self.seed, Flavour(self.flavour))
            for name in dict.fromkeys(names)
            for text in dict.fromkeys(strengths)
        ]
        return list({(one.kind.name, one.strength): one for one in found}.values())


@dataclass
class Copies(Attacks):
    """Write copies of a data set with its text attacked."""

    data: str = ""
    """Folder or file; files of the splits are found by their names."""
    splits: tuple[Literal["train", "dev", "test"], ...] = ("train", "dev", "test")
    """Splits to copy."""
    columns: tuple[str, ...] = ()
    """Columns of tables that hold text: names, or numbers from 1 where there is no header."""


@dataclass
class Sweep(Attacks):
    """Score fine-tuned models on attacked data."""

    model: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="model")] = ()
    """Folder of a run, or hub id; once for each model to compare."""
    split: Literal["train", "dev", "test"] = "test"
    """Which split."""
    font: str | None = None
    """Font file for the attack font."""
    batch_size: int = 32
    """Examples per forward pass."""
    data: DataConfig = field(default_factory=DataConfig)
    """Where the data is."""


def main(arguments: list[str]) -> int:
    """Write attacked copies, or evaluate models on attacked data and print their scores."""
    name = recipe_task("attack", arguments)
    if name is not None:
        return _sweep(name, arguments)
    if arguments and not arguments[0].startswith("-"):
        return _sweep(*take_name("attack", arguments, "task", []))
    text = (
        "Write copies of a data set with its text attacked, to train or evaluate on. With a task first "
        f"(pixlm attack pos --model RUN ...): score fine-tuned models on attacked data.\n\nAttacks: {_NAMES}."
    )
    args = parse_settings(Copies(), "attack", text, arguments)
    attackers = args.attackers()
    if not args.data:
        raise UsageError("no data given; name a folder or a file with --data")
    from pixlm.robustness.offline import write_attacked

    output = Path(args.output).expanduser()
    reports = write_attacked(
        Path(args.data).expanduser(),
        output,
        attackers,
        splits=args.splits,
        columns=args.columns,
        context=args.part == "context",
    )
    table = Table("copy", "file", "examples", "words or spaces", "changed")
    for name, report in reports.items():
        for file, counts in report.items():
            share = f"{counts['changed'] / counts['units']:.3f}" if counts["units"] else ""
            table.add_row(name, file, str(counts["examples"]), str(counts["units"]), share)
    print_table(table)
    print(f"written to {output}")
    return 0


def _sweep(name: str, arguments: list[str]) -> int:
    from pixlm.robustness.curve import require_matplotlib, short_names
    from pixlm.robustness.sweep import CURVES, sweep
    from pixlm.tasks import find_task

    find_task(name)
    text = f"Score fine-tuned models on attacked data, as numbers and curves.\n\nAttacks: {_NAMES}."
    args = parse_settings(Sweep(), f"attack {name}", text, arguments)
    attackers = args.attackers()
    if not args.model:
        raise UsageError("no model given; name the folder of a run with --model")
    if args.batch_size < 1:
        raise UsageError(f"--batch-size {args.batch_size}: must be 1 or more")
    require_matplotlib()
    output = Path(args.output).expanduser()
    metric, points = sweep(
        name,
        list(dict.fromkeys(args.model)),
        args.data,
        args.split,
        attackers,
        output,
        part=args.part,
        font=args.font,
        batch_size=args.batch_size,
    )
    table = Table("model", "attack", "strength", "changed", metric.replace("_", " "), "uncovered", "lost")
    models = list(dict.fromkeys(point.model for point in points))
    names = dict(zip(models, short_names(models), strict=True))
    for point in points:
        row = (names[point.model], point.attack, f"{point.strength:g}", f"{point.changed:.3f}")
        score = point.scores.get(metric)
        lost = int(point.scores["lost"])
        table.add_row(*row, "" if score is None else f"{score:.4f}", str(point.uncovered), str(lost))
    print_table(table)
    print(f"written to {output}; curves: {output / CURVES}")
    return 0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--strength {text!r}: must be numbers from 0 to 1, such as 0.2,0.5,0.8") from None
