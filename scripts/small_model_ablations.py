"""Short runs of small models, one choice changed at a time: the tables of docs/small-models.md.

    python scripts/small_model_ablations.py --data TEXT --output ablations.md [--only positions,optimizer] [--steps 150]

TEXT has a folder of text for each language. All runs see the same strips in the same order, drawn once; the held-out
loss is over single patches, a quarter of them, whatever a run itself removes, so that the columns compare. The same
command goes on where an interrupted one stopped. Runs that
change what a patch shows (strategy) cannot be compared by loss and are left to fine-tuning.
"""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pixlm import files, hub
from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import Encoded
from pixlm.data.masking import PUBLISHED_SPAN_WEIGHTS, RandomMasking, SpanMasking
from pixlm.models import PixelForPreTraining, preset
from pixlm.tasks.evaluation import evaluate
from pixlm.tasks.objectives import MaskedPatches
from pixlm.training import corpora
from pixlm.training.config import TextConfig, TrainConfig
from pixlm.training.schedule import learning_rate, make_optimizer

SPANS = SpanMasking(
    mask_ratio=0.25,
    max_span_length=6,
    spacing="span",
    cumulative_span_weights=PUBLISHED_SPAN_WEIGHTS,
    flavour="pixel-m4",
)
SINGLES = RandomMasking(0.25)


@dataclass
class Variant:
    """One run: fields of the model's configuration, of TrainConfig, and what is removed."""

    group: str
    name: str
    model: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    masking: SpanMasking | RandomMasking = SPANS
    preset: str = "pixel-nano"
    length: int | None = None  # patches of a strip in training, if fewer than all have


START = {"projection_init": "ink", "initializer_range": 0.05}
ROTARY = {"position_embedding_type": "rotary"}
BEST = {**START, **ROTARY}
MUON = {"optimizer": "muon", "learning_rate": 2e-3}
VARIANTS = [
    Variant("start", "as published (sin-cos, Xavier, 0.02)"),
    Variant("start", "ink projection", {"projection_init": "ink"}),
    Variant("start", "ink projection, initial weights 0.05", START),
    Variant("positions", "rotary", ROTARY),
    Variant("positions", "rotary, ink projection, 0.05", BEST),
    Variant("optimizer", "AdamW 1e-3", BEST),
    Variant("optimizer", "AdamW 3e-3", BEST, {"learning_rate": 3e-3}),
    Variant("optimizer", "Muon 8e-3 beside AdamW 2e-3", BEST, MUON),
    Variant("optimizer", "Muon, positions as published", START, MUON),
    Variant("masking", "spans, a quarter", BEST, MUON),
    Variant("masking", "singles, a quarter", BEST, MUON, SINGLES),
    Variant("masking", "singles, 40 %", BEST, MUON, RandomMasking(0.4)),
    Variant("masking", "singles, 15 %", BEST, MUON, RandomMasking(0.15)),
    Variant("decoder", "1 layer", {**BEST, "decoder_num_hidden_layers": 1}, MUON, SINGLES),
    Variant("decoder", "2 layers", BEST, MUON, SINGLES),
    Variant("decoder", "4 layers", {**BEST, "decoder_num_hidden_layers": 4}, MUON, SINGLES),
    Variant("batch", "16 strips", BEST, {**MUON, "batch_size": 16}, SINGLES),
    Variant("batch", "64 strips", BEST, {**MUON, "batch_size": 64}, SINGLES),
    Variant("length", "32 strips of 128", BEST, MUON, SINGLES),
    Variant("length", "64 strips of 64", BEST, {**MUON, "batch_size": 64}, SINGLES, length=64),
    Variant("size", "pixel-tiny", BEST, MUON, SINGLES, "pixel-tiny"),
]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", default="", help="groups, by comma")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--length", type=int, default=128, help="patches to which strips of 255 are cut")
    parser.add_argument("--strips", type=int, default=6000, help="strips to train on, drawn at random")
    parser.add_argument("--heldout", type=int, default=12, help="strips of each language to evaluate on")
    options = parser.parse_args()
    groups = options.only.split(",") if options.only else list(dict.fromkeys(one.group for one in VARIANTS))
    encoder = hub.load_encoder("pixel-nano", strategy="grapheme-bigrams", max_seq_length=255)
    data = TextConfig(path=options.data, temperature=2.0)
    sources, _ = corpora.find(data)
    corpus = corpora.load(data, sources, encoder, workers=2)
    mixture = corpora.mix(data, corpus["train"], 42, encoder)
    rows = np.random.default_rng(0).choice(mixture.rows(0)[0], options.strips, replace=False)
    train = [cut(encoder.encode(corpus["train"][int(row)]), options.length) for row in rows]
    parts = [corpus["dev"].part(name) for name in corpus["dev"].names]
    dev = [
        cut(encoder.encode(part[row]), options.length)
        for part in parts
        for row in range(min(options.heldout, len(part)))
    ]
    lines = ["| | run | parameters | steps | held-out loss |", "|---|---|---|---|---|"]
    done = {tuple(line.split(" | ")[:2]): line for line in before(options.output)}
    results: dict[str, str] = {}  # of the same settings under another name
    for variant in VARIANTS:
        if variant.group not in groups:
            continue
        same = repr(dataclasses.replace(variant, group="", name=""))
        line = done.get((f"| {variant.group}", variant.name))
        if line is not None:
            results[same] = " | ".join(line.split(" | ")[2:])
        if same not in results:
            loss, count = run(variant, encoder, train, dev, options.steps)
            results[same] = f"{count / 1e6:.1f} M | {options.steps} | {loss:.4f} |"
        lines.append(f"| {variant.group} | {variant.name} | {results[same]}")
        print(lines[-1], flush=True)
        files.write_text(options.output, "\n".join(lines) + "\n")


def before(output: Path) -> list[str]:
    """The rows of a table that was begun."""
    return output.read_text().splitlines()[2:] if output.is_file() else []


def cut(strip: Encoded, length: int) -> Encoded:
    """Its first patches, without what ends a text."""
    pixels = strip.units["pixel_values"][:, : 16 * length]
    return Encoded({"pixel_values": pixels}, min(strip.length, length), None, None, 0)


def run(variant: Variant, encoder: Any, train: list[Any], dev: list[Any], steps: int) -> tuple[float, int]:
    """(held-out loss, parameters) of one run."""
    settings = TrainConfig(
        **{"learning_rate": 1e-3, "adam_betas": (0.9, 0.98), "weight_decay": 0.05, "schedule": "constant"}
        | variant.train
    )
    torch.manual_seed(0)
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = PixelForPreTraining(preset(variant.preset, mask_ratio=variant.masking.mask_ratio, **still, **variant.model))
    optimizer = make_optimizer(model, settings, fused=False)
    objective = MaskedPatches(encoder, variant.masking, seed=0)
    if variant.length is not None:
        train = [cut(strip, variant.length) for strip in train]
    generator = np.random.default_rng(0)
    for step in range(steps):
        rows = generator.choice(len(train), settings.batch_size, replace=False)
        batch = objective.collate([Drawn(Draw(step, int(row)), train[row]) for row in rows])
        model.train()
        with torch.autocast("cpu", torch.bfloat16):
            loss = objective.loss(model, batch)
        (loss.sum / loss.count).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step + 1, steps=steps, warmup_steps=40) * group["scale"]
        optimizer.step()
        optimizer.zero_grad()
    model.config.mask_ratio = SINGLES.mask_ratio
    judged = evaluate(model, MaskedPatches(encoder, SINGLES, seed=0), dev, [one.length for one in dev], batch_size=32)
    return judged.scores["loss"], sum(value.numel() for value in model.parameters() if value.requires_grad)


if __name__ == "__main__":
    main()
