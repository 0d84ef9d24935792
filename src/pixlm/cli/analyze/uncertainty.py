"""`pixlm analyze uncertainty TEXT --model RUN --output DIR`"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from pixlm import files, inference
from pixlm.analysis.dropout import draw_uncertainty, monte_carlo
from pixlm.cli.analyze.common import check
from pixlm.cli.parse import check_picture, parse
from pixlm.cli.progress import bar
from pixlm.errors import UsageError
from pixlm.rendering.picture import save_png
from pixlm.training.config import MaskConfig
from pixlm.training.pretrain import masking_for


@dataclass
class UncertaintyOf:
    """How sure a masked model is of each patch that it fills in: variance over passes with dropout."""

    text: Annotated[str, tyro.conf.Positional] = ""
    """Text to reconstruct."""
    model: str = ""
    """Folder of a pretraining run, or hub id."""
    output: str = ""
    """Folder for uncertainty.json and uncertainty.png."""
    samples: int = 20
    """Passes with dropout."""
    dropout: float | None = None
    """Its rate; not given: that of the model's training, which is 0 for some models: name one then."""
    seed: int = 42
    """Decides which patches go, and what is dropped."""
    columns: int = 32
    """Patches per line of the picture."""
    scale: int = 3
    """Size of a pixel in the picture."""
    mask: MaskConfig = field(default_factory=MaskConfig)
    """Which patches are removed."""


def main(arguments: list[str]) -> int:
    """Reconstruct several times, write the numbers and the picture."""
    args = parse(UncertaintyOf, "analyze uncertainty", UncertaintyOf.__doc__ or "", arguments)
    check("uncertainty", args, needs=("model", "output"))
    check_picture(args.columns, args.scale)
    if not args.text.strip():
        raise UsageError("pixlm analyze uncertainty needs a TEXT; see pixlm analyze uncertainty --help")
    model = inference.load(args.model)
    masking = masking_for(args.mask)
    with bar("passes", args.samples) as done:
        found = monte_carlo(
            model, args.text, masking, samples=args.samples, seed=args.seed, rate=args.dropout, on_sample=done
        )
    output = Path(args.output).expanduser()
    save_png(draw_uncertainty(found, columns=args.columns, scale=args.scale), output / "uncertainty.png")
    files.write_json(output / "uncertainty.json", {"text": args.text, **found.as_json()})
    agree = "" if found.correlation is None else f"; variance and error of a patch correlate by {found.correlation:.2f}"
    print(f"{int(found.plain.removed.sum())} patches removed, {found.samples} passes with dropout {found.rate}{agree}")
    print(f"written to {output}: uncertainty.json, uncertainty.png")
    return 0
