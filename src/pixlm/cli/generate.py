"""`pixlm generate --model RUN --prompt TEXT --output strip.png`, `pixlm generate --model RUN --data FILE`"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from pixlm import files, inference
from pixlm.cli.parse import check_picture, parse
from pixlm.cli.report import print_results
from pixlm.data.pretraining.documents import Found, Reading, documents, units_of
from pixlm.errors import UsageError
from pixlm.models.pixelgpt.heads import Sampling
from pixlm.rendering.picture import picture, save_png, stack
from pixlm.tasks.continuation import Continuation, Mode, default_mode
from pixlm.tasks.continuation_scores import score
from pixlm.training.output import METRICS

_MODALITY = {Mode.PIXEL: "pixel", Mode.TEXT: "text", Mode.IMAGE_TEXT: "pair"}


@dataclass
class SamplingConfig:
    """How the next unit is chosen."""

    do_sample: bool = False
    """Draw it by its probability; otherwise the likeliest one is taken."""
    temperature: float = 1.0
    """Below 1 makes likely units likelier."""
    top_k: int = 0
    """Only among so many likeliest ones; 0: all."""
    top_p: float = 1.0
    """Only among the likeliest ones that together have this probability."""
    seed: int = 0
    """Decides what is drawn."""


@dataclass
class Generate:
    """Let a causal model (PixelGPT, TextGPT) go on from prompts, or score how it goes on."""

    model: str = ""
    """Folder of a pretraining run, or hub id."""
    prompt: tuple[str, ...] = ()
    """Texts to go on from."""
    data: str | None = None
    """Instead of prompts: a file of texts (a line each, or JSON lines) to cut and to compare with how they go on."""
    mode: Literal["pixel", "text", "image-text"] | None = None
    """pixel: draw on; text: tokens; image-text: say what a strip shows; not given: what the model was trained for."""
    max_new: int | None = None
    """Patches or tokens at most; not given: as many as the model has positions for."""
    output: str | None = None
    """Of prompts, the PNG to write the strips to (not given: generated.png); of --data, a folder for metrics.json and
    predictions.jsonl."""
    candidates: str | None = None
    """Text file whose words and characters may be read from strips; not given: all of the scripts that are met."""
    columns: int = 40
    """Patches per line of the picture."""
    scale: int = 3
    """Size of a pixel in the picture."""
    column: str = "text"
    """Key of the text in JSON lines."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    """How the next unit is chosen."""


def main(arguments: list[str]) -> int:
    """Generate, write the picture, and print what it says."""
    args = parse(Generate, "generate", "Let a causal model go on from prompts.", arguments, default=Generate())
    if not args.model:
        raise UsageError("no model given; name the folder of a pretraining run with --model")
    if bool(args.prompt) == (args.data is not None):
        raise UsageError("give either --prompt TEXT or --data FILE")
    check_picture(args.columns, args.scale)
    candidates = None if args.candidates is None else "\n".join(_texts(args.candidates, args.column))
    modality = None if args.mode is None else _MODALITY[Mode(args.mode)]
    model = inference.load(args.model, modality=modality)
    mode = Mode(args.mode) if args.mode is not None else default_mode(model.encoder)
    if args.data is not None:
        return _score(model, args, mode, candidates)
    sampling = Sampling(**vars(args.sampling))
    found = model.generate(args.prompt, mode=mode, max_new=args.max_new, sampling=sampling, candidates=candidates)
    unit = "patches" if mode == Mode.PIXEL else "tokens"
    for one in found:
        notes = [f"{one.new} new {unit}", "ended by itself" if one.ended else "reached the limit"]
        notes += [f"read with confidence {one.confidence:.2f}"] if mode == Mode.PIXEL and one.text else []
        print(f"{one.text or '(strips of running text are not read back; see the picture)'}\n  ({', '.join(notes)})")
    if mode == Mode.PIXEL:
        path = Path(args.output or "generated.png").expanduser()
        save_png(_sheet(found, model.model.config.patch_size, args.columns, args.scale), path)
        print(path)
    return 0


def _score(model: inference.PixelLM, args: Generate, mode: Mode, candidates: str | None) -> int:
    if args.sampling != SamplingConfig() or args.max_new is not None:
        raise UsageError(
            "--data takes the likeliest units, as many as there should be; leave --sampling and --max-new out"
        )
    texts = _texts(str(args.data), args.column)
    result = score(model.model, model.encoder, texts, mode, candidates=candidates)
    if args.output is not None:
        folder = Path(args.output).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        files.write_json(folder / METRICS, {"test": result.scores})
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in result.rows)
        files.write_text(folder / "predictions.jsonl", "".join(lines))
    print_results({"test": result.scores}, args.output)
    return 0


def _texts(name: str, column: str) -> list[str]:
    """The documents of a file, a line of a text file each."""
    path = str(Path(name).expanduser())
    if Path(path).is_dir():
        raise UsageError(f"{name}: a folder; name one file of texts")
    if not Path(path).is_file():
        raise UsageError(f"{name}: no such file")
    reading, found = Reading(column=column, documents="lines"), Found()
    texts: list[str] = []
    parts: list[str] = []
    for unit in units_of(path, reading):
        for line in documents(unit, reading, found):
            if line is not None:
                parts.append(line.text.strip())
            elif parts:
                texts.append(" ".join(parts))
                parts = []
    if not texts:
        raise UsageError(f"{name}: holds no text")
    return texts


def _sheet(found: Sequence[Continuation], patch: int, columns: int, scale: int) -> np.ndarray:
    """The strips one below the other; what was drawn stands on yellow paper."""
    pages = []
    for one in found:
        assert one.strip is not None
        strip = one.strip if one.strip.ndim == 3 else np.repeat(one.strip[..., None], 3, axis=-1)
        tint = np.array((255, 240, 190), np.uint16)
        strip = strip.copy()
        drawn = strip[:, one.kept * patch :].astype(np.uint16)
        strip[:, one.kept * patch :] = (drawn * tint // 255).astype(np.uint8)
        pages.append(picture(strip, patch=patch, columns=columns, scale=scale))
    return stack(pages)
