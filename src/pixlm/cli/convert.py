"""`pixlm convert --model RUN --output DIR [--to upstream]`; of pixparse `--model checkpoint.pt --tokenizer FOLDER`"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from transformers import PreTrainedModel

from pixlm import hub
from pixlm.cli.parse import parse
from pixlm.data.pages.cruller_tokens import add_cruller_tokens
from pixlm.data.pages.for_model import make_page_encoder
from pixlm.data.tokenizer_files import load_tokenizer
from pixlm.errors import UsageError
from pixlm.models import PixelForSequenceClassification, preset
from pixlm.models.document import DonutModel, load_cruller, page_fields, text_config, to_cruller
from pixlm.models.upstream import save_upstream


@dataclass
class Convert:
    """Write a model in another form."""

    model: str = ""
    """Folder of a model, hub id, or a checkpoint file of pixparse (.pt)."""
    output: str = ""
    """Folder to write; it must be empty or not exist."""
    to: Literal["upstream", "pixlm"] = "upstream"
    """upstream: what the original code loads (PIXEL: pytorch_model.bin; pixparse: checkpoint.pt), in its names. pixlm:
    safetensors, our names."""
    preset: Literal["cruller-base", "cruller-large"] = "cruller-base"
    """Which of pixparse's models its checkpoint file is of."""
    tokenizer: str | None = None
    """Folder of the tokenizer (facebook/bart-large) that pixparse's checkpoint file was trained with."""
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
    if args.model.endswith(".pt"):
        return _from_cruller(args, output)
    model: PreTrainedModel = hub.load_model(args.model, revision=args.revision)
    if isinstance(model, DonutModel) and args.to == "upstream":
        return _to_cruller(model, output)
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


def _from_cruller(args: Convert, output: Path) -> int:
    """pixparse's checkpoint file as a folder."""
    if args.tokenizer is None:
        raise UsageError(
            f"{args.model} holds no tokenizer; name the folder of its own (facebook/bart-large): --tokenizer"
        )
    model = load_cruller(Path(args.model).expanduser(), preset(args.preset), DonutModel)
    text = text_config(model.config)
    tokenizer = load_tokenizer(Path(args.tokenizer).expanduser(), text)
    task = add_cruller_tokens(tokenizer, text.vocab_size)
    encoder = make_page_encoder("donut", tokenizer, text, page_fields(args.preset), {})
    hub.fit_encoder(model, encoder)
    hub.save(output, model, encoder)
    print(f"{output}: {args.preset} with the tokens of {task}")
    return 0


def _to_cruller(model: DonutModel, output: Path) -> int:
    """A Cruller model as a file that pixparse loads."""
    names = set(dict(model.named_parameters(remove_duplicate=False)))
    weights = to_cruller({name: value for name, value in model.state_dict().items() if name in names})
    output.mkdir(parents=True, exist_ok=True)
    torch.save(weights, output / "checkpoint.pt")
    print(f"{output / 'checkpoint.pt'}: for pixparse; its tokenizer is the model's own")
    return 0
