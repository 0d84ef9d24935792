"""`pixlm convert --model RUN --output DIR [--to upstream]`"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transformers import PreTrainedModel

from pixlm import hub
from pixlm.cli.parse import parse
from pixlm.errors import UsageError
from pixlm.models import PixelForSequenceClassification
from pixlm.models.upstream import save_upstream


@dataclass
class Convert:
    """Write a model in another form."""

    model: str = ""
    """Folder of a model, or hub id."""
    output: str = ""
    """Folder to write; it must be empty or not exist."""
    to: Literal["upstream", "pixlm"] = "upstream"
    """upstream: what the original PIXEL code loads (pytorch_model.bin, its names). pixlm: safetensors, our names."""
    revision: str | None = None
    """Branch, tag or commit of a hub id."""


def main(arguments: list[str]) -> int:
    """Convert and say what was written."""
    args = parse(Convert, "convert", "Write a model for the original PIXEL code, or for pixlm.", arguments)
    for flag in ("model", "output"):
        if not getattr(args, flag):
            raise UsageError(f"pixlm convert needs --{flag}; see pixlm convert --help")
    output = Path(args.output).expanduser()
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} is not empty; choose another --output")
    model: PreTrainedModel = hub.load_model(args.model, revision=args.revision)
    if args.to == "upstream":
        save_upstream(model, output)
    else:
        hub.save(output, model)
    with_renderer = hub.has_renderer(args.model, revision=args.revision)
    if with_renderer:
        hub.load_renderer(args.model, revision=args.revision).save_pretrained(str(output))
    print(f"{output}: {type(model).__name__} for {args.to}, {'with' if with_renderer else 'without'} renderer")
    if args.to == "upstream" and isinstance(model, PixelForSequenceClassification):
        mode = f"{model.config.pooling_mode}{model.config.pma_heads or ''}"
        print(f"upstream has to be told: pooling_mode={mode!r}, add_layer_norm={model.config.add_layer_norm}")
    return 0
