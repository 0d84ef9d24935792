"""`pixlm reconstruct TEXT ... --model RUN --output FILE.png`, `pixlm reconstruct TEXT --model RUN --output FILE.gif`"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from pixlm import files, inference
from pixlm.analysis.readback import ReadBack, read_back
from pixlm.analysis.reconstruction import PANELS, SHOWN, measures, panels, save_animation, sheet
from pixlm.cli.parse import parse
from pixlm.data.encoders import RenderedText
from pixlm.data.masking import ChosenMasking, Masking
from pixlm.errors import UsageError
from pixlm.rendering.picture import save_png
from pixlm.training.config import MaskConfig
from pixlm.training.pretrain import masking_for

_RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_MOST_TEXTS = 200
"""On one sheet."""


@dataclass
class Reconstruct:
    """Remove patches of texts and let a pretrained model fill them in."""

    text: tyro.conf.Positional[tuple[str, ...]] = ()
    """Texts to reconstruct; several make one sheet."""
    file: str | None = None
    """Instead: a file with a text a line."""
    model: str = ""
    """Folder of a pretraining run, or hub id."""
    output: str = "reconstructed.png"
    """Picture to write: NAME.png, or NAME.gif, an animation of one text over mask ratios."""
    metrics: str | None = None
    """JSON file for what was measured: removed patches, loss, masked MSE, and the text read back, cell by cell."""
    seed: int = 42
    """Decides which patches go."""
    columns: int = 32
    """Patches per line of the picture."""
    scale: int = 3
    """Size of a pixel in the picture."""
    panels: tuple[str, ...] = SHOWN
    """Which pictures, among original, masked, predicted (what the model drew, alone) and reconstructed."""
    patches: tuple[int, ...] = ()
    """Remove exactly these patches, counted from 0, whatever --mask says."""
    ratios: tuple[float, ...] = ()
    """Mask ratios of an animation; not given: 0.1 to 0.9."""
    read: bool = True
    """Read the reconstruction back, where the model's text stands in cells; a script's first takes seconds."""
    mask: MaskConfig = field(default_factory=MaskConfig)
    """Which patches are removed."""


def main(arguments: list[str]) -> int:
    """Reconstruct, write the picture, and say how well it went."""
    what = "Mask texts and let a model fill them in."
    args = parse(Reconstruct, "reconstruct", what, arguments, default=Reconstruct())
    texts = _texts(args)
    path = Path(args.output).expanduser()
    moving = _check(args, path, texts)
    model = inference.load(args.model)
    pages, found = [], []
    for text in texts:
        for masking in _maskings(args, moving):
            result = model.reconstruct(text, masking, seed=args.seed)
            assert isinstance(model.encoder, RenderedText)
            renderer = model.encoder.renderer
            read = read_back(result, text, renderer) if args.read else None
            pages.append(panels(result, renderer, columns=args.columns, scale=args.scale, shown=args.panels))
            found.append(measures(text, args.seed, result, read))
            print(_line(text if len(texts) > 1 else "", result, read))
    if moving:
        save_animation(pages, path)
    else:
        save_png(sheet(pages), path)
    print(path)
    if args.metrics is not None:
        target = Path(args.metrics).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(target, {"model": args.model, "reconstructions": found, **_means(found)})
        print(target)
    return 0


def _texts(args: Reconstruct) -> list[str]:
    if bool(args.text) == (args.file is not None):
        raise UsageError("give either texts, or a file with a text a line (--file FILE)")
    if args.file is None:
        texts = list(args.text)
    else:
        path = Path(args.file).expanduser()
        if not path.is_file():
            raise UsageError(f"{args.file}: no such file")
        try:
            texts = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except UnicodeDecodeError as error:
            raise UsageError(f"{args.file}: not UTF-8 text (byte {error.start})") from None
        if not texts:
            raise UsageError(f"{args.file}: holds no text")
    if len(texts) > _MOST_TEXTS:
        raise UsageError(f"{len(texts)} texts are too many for one sheet; give {_MOST_TEXTS} or fewer")
    return texts


def _check(args: Reconstruct, path: Path, texts: list[str]) -> bool:
    """Whether the picture is an animation. Raises UsageError for settings that cannot be."""
    if not args.model:
        raise UsageError("no model given; name the folder of a pretraining run with --model")
    if args.columns < 1 or args.scale < 1:
        raise UsageError("--columns and --scale must be 1 or more")
    if not args.panels or not set(args.panels) <= set(PANELS):
        raise UsageError(f"--panels {' '.join(args.panels)}: choose among {', '.join(PANELS)}")
    moving = path.suffix.lower() == ".gif"
    if not moving and path.suffix.lower() != ".png":
        raise UsageError(f"--output {args.output}: name a file that ends in .png, or in .gif for an animation")
    if moving and (len(texts) > 1 or args.patches):
        raise UsageError("an animation is of one text over mask ratios; give one text, without --patches")
    if args.ratios and not moving:
        raise UsageError("--ratios are those of an animation; name an --output that ends in .gif")
    return moving


def _maskings(args: Reconstruct, moving: bool) -> list[Masking]:
    if args.patches:
        return [ChosenMasking(args.patches)]
    ratios = (args.ratios or _RATIOS) if moving else (args.mask.ratio,)
    return [masking_for(dataclasses.replace(args.mask, ratio=ratio)) for ratio in ratios]


def _line(text: str, result: inference.Reconstruction, read: ReadBack | None) -> str:
    """What one reconstruction is like."""
    parts = [
        f"{int(result.removed.sum())} of {len(result.removed)} patches removed, loss {result.loss:.4f}",
        f"masked MSE {result.mse:.4f}",
    ]
    if read is not None and read.accuracy is not None:
        parts.append(f"{read.right} of {read.characters} removed characters read back ({read.accuracy:.0%})")
    if result.lost:
        parts.append(f"{result.lost} characters did not fit")
    said = f"\n  read: {read.text}" if read is not None else ""
    return (f"{text}\n  " if text else "") + "; ".join(parts) + said


def _means(found: list[dict[str, Any]]) -> dict[str, float]:
    """Over all reconstructions: errors weighed by removed patches, accuracy by removed characters."""
    patches = [len(one["removed"]) for one in found]
    means = {
        name: sum(float(one[name]) * count for one, count in zip(found, patches, strict=True)) / max(sum(patches), 1)
        for name in ("loss", "masked_mse")
    }
    characters = sum(int(one.get("characters_removed", 0)) for one in found)
    if characters:
        means["read_accuracy"] = sum(int(one.get("characters_right", 0)) for one in found) / characters
    return means
