"""`pixlm reconstruct TEXT --model RUN --output FILE.png`"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from pixlm import inference
from pixlm.analysis.reconstruction import panels
from pixlm.cli.parse import parse
from pixlm.data.encoders import RenderedText
from pixlm.errors import UsageError
from pixlm.rendering.picture import save_png
from pixlm.training.config import MaskConfig
from pixlm.training.pretrain import masking_for


@dataclass
class Reconstruct:
    """Remove patches of a text and let a pretrained model fill them in."""

    text: Annotated[str, tyro.conf.Positional]
    """Text to reconstruct."""
    model: str = ""
    """Folder of a pretraining run, or hub id."""
    output: str = "reconstructed.png"
    """PNG to write: the panels original, masked, reconstructed."""
    seed: int = 42
    """Decides which patches go."""
    columns: int = 32
    """Patches per line of the picture."""
    scale: int = 3
    """Size of a pixel in the picture."""
    mask: MaskConfig = field(default_factory=MaskConfig)
    """Which patches are removed."""


def main(arguments: list[str]) -> int:
    """Reconstruct, write the picture, and say how well it went."""
    args = parse(Reconstruct, "reconstruct", "Mask a text and let a model fill it in.", arguments)
    if not args.model:
        raise UsageError("no model given; name the folder of a pretraining run with --model")
    if args.columns < 1 or args.scale < 1:
        raise UsageError("--columns and --scale must be 1 or more")
    model = inference.load(args.model)
    result = model.reconstruct(args.text, masking_for(args.mask), seed=args.seed)
    assert isinstance(model.encoder, RenderedText)
    path = Path(args.output).expanduser()
    save_png(panels(result, model.encoder.renderer, columns=args.columns, scale=args.scale), path)
    lost = f"; {result.lost} characters did not fit" if result.lost else ""
    print(f"{path}: {int(result.removed.sum())} of {len(result.removed)} patches removed, loss {result.loss:.4f}{lost}")
    return 0
