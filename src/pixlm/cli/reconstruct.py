"""`pixlm reconstruct TEXT ... --model RUN --output FILE.png`, `pixlm reconstruct TEXT --model RUN --output FILE.gif`"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from pixlm import files, inference
from pixlm.analysis.dropout import draw_uncertainty, monte_carlo
from pixlm.analysis.readback import ReadBack, findings, read_back
from pixlm.analysis.reconstruction import PANELS, SHOWN, means, measures, panels, save_animation, sheet
from pixlm.cli.parse import check_picture, parse
from pixlm.cli.progress import bar
from pixlm.data.encoders import RenderedText
from pixlm.data.masking import ChosenMasking, Masking
from pixlm.errors import UsageError
from pixlm.rendering.picture import Pixels, save_png
from pixlm.training.config import MaskConfig
from pixlm.training.pretrain import masking_for

_RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_MOST_TEXTS = 200
"""On one sheet."""
_MOST_PIXELS = 100_000_000
"""Of all pictures of a sheet or an animation together."""


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
    samples: int = 0
    """Also fill in so many times with dropout, and draw by colour how much the results differ; 0: do not."""
    dropout: float | None = None
    """Rate of that dropout; not given: that of the model's training, which is 0 for some models: name one then."""
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
    pages: list[Pixels] = []
    found: list[dict[str, Any]] = []
    for text in texts:
        for masking in _maskings(args, moving):
            page, measured, line = _reconstruct(args, model, text, masking)
            pages.append(page)
            found.append(measured)
            print(f"{text}\n  {line}" if len(texts) > 1 else line)
            if sum(one.shape[0] * one.shape[1] for one in pages) > _MOST_PIXELS:
                raise UsageError(
                    f"the picture gets larger than {_MOST_PIXELS // 10**6} million pixels: give fewer texts or ratios, "
                    "or a smaller --scale"
                )
    if moving:
        save_animation(pages, path)
    else:
        save_png(sheet(pages), path)
    print(path)
    if args.metrics is not None:
        target = Path(args.metrics).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(target, {"model": args.model, "reconstructions": found, **means(found)})
        print(target)
    return 0


def _reconstruct(
    args: Reconstruct, model: inference.PixelLM, text: str, masking: Masking
) -> tuple[Pixels, dict[str, Any], str]:
    """(picture, what was measured, the same in a line)"""
    looks: dict[str, Any] = {"columns": args.columns, "scale": args.scale, "shown": args.panels}
    if args.samples:
        with bar("passes", args.samples) as done:
            doubt = monte_carlo(
                model, text, masking, samples=args.samples, seed=args.seed, rate=args.dropout, on_sample=done
            )
        result, page, more = doubt.plain, draw_uncertainty(doubt, **looks), {"uncertainty": doubt.as_json()}
    else:
        result = model.reconstruct(text, masking, seed=args.seed)
        page, more = panels(result, **looks), {}
    assert isinstance(model.encoder, RenderedText)
    read = read_back(result, text, model.encoder.renderer) if args.read else None
    return page, {**measures(text, args.seed, result, read), **more}, _line(result, read)


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
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            raise UsageError(f"text {number} is empty: there is nothing to reconstruct")
    if len(texts) > _MOST_TEXTS:
        raise UsageError(f"{len(texts)} texts are too many for one sheet; give {_MOST_TEXTS} or fewer")
    return texts


def _check(args: Reconstruct, path: Path, texts: list[str]) -> bool:
    """Whether the picture is an animation. Raises UsageError for settings that cannot be."""
    if not args.model:
        raise UsageError("no model given; name the folder of a pretraining run with --model")
    check_picture(args.columns, args.scale)
    if not args.panels or not set(args.panels) <= set(PANELS):
        raise UsageError(f"--panels {' '.join(args.panels)}: choose among {', '.join(PANELS)}")
    moving = path.suffix.lower() == ".gif"
    if not moving and path.suffix.lower() != ".png":
        raise UsageError(f"--output {args.output}: name a file that ends in .png, or in .gif for an animation")
    if moving and (len(texts) > 1 or args.patches):
        raise UsageError("an animation is of one text over mask ratios; give one text, without --patches")
    if args.dropout is not None and not args.samples:
        raise UsageError("--dropout is that of --samples N passes; give N, such as 20")
    if args.ratios and not moving:
        raise UsageError("--ratios are those of an animation; name an --output that ends in .gif")
    for name, written in (("--output", path), ("--metrics", Path(args.metrics or "").expanduser())):
        if (name == "--output" or args.metrics is not None) and written.is_dir():
            raise UsageError(f"{name} {written}: is a folder; name a file")
    for ratio in args.ratios:
        if not 0 <= ratio < 1:
            raise UsageError(f"--ratios {ratio}: give shares from 0 up to, but not including, 1")
    return moving


def _maskings(args: Reconstruct, moving: bool) -> list[Masking]:
    if args.patches:
        return [ChosenMasking(args.patches)]
    ratios = (args.ratios or _RATIOS) if moving else (args.mask.ratio,)
    return [masking_for(dataclasses.replace(args.mask, ratio=ratio)) for ratio in ratios]


def _line(result: inference.Reconstruction, read: ReadBack | None) -> str:
    """What one reconstruction is like."""
    said = f"\n  read: {read.text}" if read is not None else ""
    return "; ".join(findings(result, read)) + said
