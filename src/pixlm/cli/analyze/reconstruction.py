"""`pixlm analyze reconstruction --model RUN --data DATA --output DIR`"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from pixlm import files, inference
from pixlm.analysis.filling import Filling, fill_in
from pixlm.cli.analyze.common import check, show
from pixlm.cli.parse import parse
from pixlm.data import splits
from pixlm.errors import UsageError
from pixlm.training import corpora
from pixlm.training.config import MaskConfig, TextConfig
from pixlm.training.pretrain import masking_for


@dataclass
class Reconstruction:
    """Loss over removed patches of held-out text, and characters read back from them, source by source."""

    model: str = ""
    """Folder of a pretraining run, or hub id."""
    output: str = ""
    """Folder for reconstruction.json and reconstruction.md."""
    split: str = "dev"
    """The held-out split: dev or test."""
    data: TextConfig = field(default_factory=TextConfig)
    """Where the text is, as in pretraining; the train split says what is common in a source."""
    mask: MaskConfig = field(default_factory=MaskConfig)
    """Which patches are removed."""
    seed: int = 42
    """Decides which patches go."""
    batch_size: int = 16
    """Strips per forward pass."""
    strips: int | None = None
    """Strips of a source at most; not given: all."""
    read_strips: int = 8
    """Strips of a source that are read back, which takes longest; 0: none."""


def main(arguments: list[str]) -> int:
    """Fill in, print the table, write both files."""
    what = Reconstruction.__doc__ or ""
    args = parse(Reconstruction, "analyze reconstruction", what, arguments)
    check("reconstruction", args, needs=("model", "output"), positive=("batch_size", "strips"))
    if args.split not in splits.SPLITS[1:]:
        raise UsageError(f"--split {args.split}: choose {' or '.join(splits.SPLITS[1:])}")
    if args.read_strips < 0:
        raise UsageError(f"--read-strips {args.read_strips}: must be 0 or more")
    sources, _ = corpora.find(args.data)
    model = inference.load(args.model)
    corpus = corpora.load(args.data, sources, model.encoder)
    if args.split not in corpus:
        raise UsageError(f"no {args.split} split given; name its file with --data.{args.split} FILE, or --data.heldout")
    output = Path(args.output).expanduser()
    output.mkdir(parents=True, exist_ok=True)
    found: dict[str, Filling] = {}
    filling = fill_in(
        model,
        corpus["train"],
        corpus[args.split],
        masking_for(args.mask),
        seed=args.seed,
        batch_size=args.batch_size,
        strips=args.strips,
        read_strips=args.read_strips,
    )
    for name, one in filling:
        found[name] = one
        # What is measured already is not lost when a long run is cut off.
        files.write_json(
            output / "reconstruction.json", {key: dataclasses.asdict(value) for key, value in found.items()}
        )
    show(_rows(found), output / "reconstruction.md")
    print(f"written to {output}")
    return 0


def _rows(found: dict[str, Filling]) -> list[list[str]]:
    """The table with its heading: losses, then shares of characters in per cent."""
    losses = list(next(iter(found.values())).loss)
    reads = list(dict.fromkeys(name for one in found.values() for name in one.read))
    heading = ["source", "patches", *(f"loss: {name}" for name in losses), "characters"]
    rows = [heading + [f"read: {name}" for name in reads]]
    for source, one in found.items():
        shares = [f"{one.read[name]:.1%}" if name in one.read else "-" for name in reads]
        rows.append(
            [source, str(one.patches), *(f"{value:.3f}" for value in one.loss.values()), str(one.characters), *shares]
        )
    return rows
