"""`pixlm embed TEXT ... --model RUN --output FILE`"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from pixlm import inference
from pixlm.cli.parse import parse
from pixlm.data.lines import read_lines
from pixlm.errors import UsageError

SUFFIXES = (".npy", ".npz", ".jsonl")


@dataclass
class Embed:
    """One vector per text."""

    texts: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Texts to embed."""
    model: str = ""
    """Folder of a model, or hub id."""
    data: str = ""
    """File with a text a line, instead of TEXTS; - reads standard input."""
    output: str = ""
    """.npy: the vectors; .npz: `vectors`, compressed; .jsonl: a text and its vector a line."""
    pooling: Literal["mean", "max", "cls"] = "mean"
    """What a text's vector is made of: its patches, or the class token."""
    layer: int | None = None
    """Which layer: 0 = embeddings, 1 ... as they are; not given: the last, after the final norm."""
    batch_size: int = 32
    """Texts per forward pass."""
    packing: Literal["auto", "on", "off"] = "auto"
    """Whether short texts share a row."""


def main(arguments: list[str]) -> int:
    """Embed and write the vectors."""
    args = parse(Embed, "embed", "Turn texts into vectors.", arguments)
    for flag in ("model", "output"):
        if not getattr(args, flag):
            raise UsageError(f"pixlm embed needs --{flag}; see pixlm embed --help")
    output = Path(args.output).expanduser()
    if output.suffix not in SUFFIXES:
        raise UsageError(f"--output {args.output}: name a file that ends in {', '.join(SUFFIXES)}")
    if bool(args.texts) == bool(args.data):
        raise UsageError("pixlm embed needs either TEXTS or --data FILE; see pixlm embed --help")
    texts = list(args.texts) or read_lines(args.data)
    vectors = inference.load(args.model).embed(
        texts, pooling=args.pooling, layer=args.layer, batch_size=args.batch_size, packing=args.packing
    )
    _write(output, texts, vectors)
    print(f"{output}: {len(vectors)} vectors of {vectors.shape[1]} numbers")
    return 0


def _write(path: Path, texts: list[str], vectors: NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, vectors)
    elif path.suffix == ".npz":
        np.savez_compressed(path, vectors=vectors)
    else:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for text, vector in zip(texts, vectors.tolist(), strict=True):
                file.write(json.dumps({"text": text, "vector": vector}, ensure_ascii=False) + "\n")
