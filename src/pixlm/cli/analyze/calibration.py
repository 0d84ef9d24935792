"""`pixlm analyze calibration RUN/predictions.jsonl ... --output DIR`"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from pixlm import files
from pixlm.analysis.calibration import calibration, plot, read_predictions
from pixlm.analysis.names import short_names
from pixlm.analysis.plots import require_matplotlib
from pixlm.cli.analyze.common import check, show
from pixlm.cli.parse import parse
from pixlm.errors import UsageError
from pixlm.tasks.scoring.calibration import BINS


@dataclass
class CalibrationOf:
    """Whether a classifier is right as often as it says: calibration error, Brier score, reliability diagram."""

    predictions: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """predictions*.jsonl of runs, of pixlm evaluate or predict, with labels; or the folder of a run."""
    output: str = ""
    """Folder for calibration.json, calibration.md, calibration.png and calibration.svg."""
    bins: int = BINS
    """Intervals of confidence."""


def main(arguments: list[str]) -> int:
    """Measure, print the table, write all files."""
    args = parse(CalibrationOf, "analyze calibration", CalibrationOf.__doc__ or "", arguments)
    check("calibration", args, needs=("predictions", "output"), positive=("bins",))
    require_matplotlib()
    listed = [file for each in args.predictions for file in _files(Path(each).expanduser())]
    names = short_names([str(path.with_suffix("")) for path in listed])
    found = {
        name: calibration(*read_predictions(path), bins=args.bins) for name, path in zip(names, listed, strict=True)
    }
    output = Path(args.output).expanduser()
    output.mkdir(parents=True, exist_ok=True)
    files.write_json(output / "calibration.json", {name: dataclasses.asdict(one) for name, one in found.items()})
    written = plot(found, output / "calibration")
    heads = ["predictions", "examples", "accuracy", "confidence", "ECE", "adaptive ECE", "maximum", "Brier", "NLL"]
    rows = [
        [
            name,
            str(one.examples),
            f"{one.accuracy:.1%}",
            f"{one.confidence:.1%}",
            *(f"{value:.4f}" for value in (one.expected, one.adaptive, one.maximum, one.brier, one.likelihood)),
        ]
        for name, one in found.items()
    ]
    show([heads, *rows], output / "calibration.md")
    print(f"written to {output}: calibration.json, calibration.md, {', '.join(path.name for path in written)}")
    return 0


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("predictions*.jsonl"))
    if not found:
        raise UsageError(f"{path} holds no predictions*.jsonl; pixlm evaluate --output writes them")
    return found
