"""The page encoder that belongs to a model: the stored one, one for a published checkpoint, or a new one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from transformers import PretrainedConfig, PreTrainedTokenizerFast

from pixlm.data.encoders import Text
from pixlm.data.pages.encoders import PAGE_ENCODERS, PAGE_FILE, PageEncoder, PageSettings, load_page_encoder
from pixlm.data.pages.header import header_renderer
from pixlm.data.tokenizer_files import load_tokenizer
from pixlm.data.vocabulary import train_byte_level
from pixlm.errors import UsageError
from pixlm.settings import from_dict

PREPROCESSOR_FILE = "preprocessor_config.json"
"""Where transformers' image processors keep what :data:`PAGE_FILE` holds for us."""


def stored_page_encoder(
    folder: Path, kind: str, text: PretrainedConfig, pages: Mapping[str, Any], header: Mapping[str, Any]
) -> PageEncoder:
    """Of a folder: with the settings that pixlm saved there, or else those of transformers' image processor.

    Args:
        kind: the architecture, as :data:`~pixlm.data.pages.encoders.PAGE_ENCODERS` names it.
        text: the configuration of the model's text part.
        pages: settings that win over the stored ones.
        header: parameters of the renderer of Pix2Struct's headers that win over the stored ones.

    Raises:
        UsageError: there is no tokenizer, or settings that do not fit; names the file.
    """
    tokenizer = load_tokenizer(folder, text)
    if (folder / PAGE_FILE).is_file():
        # Checked as settings are, for flags may hold anything.
        encoder = load_page_encoder(folder, tokenizer)
        if encoder.kind != kind:
            raise UsageError(f"{folder / PAGE_FILE}: is for models of kind {encoder.kind}, and this one is {kind}")
        encoder.settings = from_dict(dict(pages), encoder.settings, "--page")
        encoder.max_length = encoder.settings.max_target_length
        if header and kind == "pix2struct":
            encoder.renderer = header_renderer(**header)  # type: ignore[attr-defined]
        return encoder
    return make_page_encoder(kind, tokenizer, text, {**_published(folder, kind, text), **pages}, header)


def make_page_encoder(
    kind: str,
    tokenizer: PreTrainedTokenizerFast,
    text: PretrainedConfig,
    pages: Mapping[str, Any],
    header: Mapping[str, Any],
) -> PageEncoder:
    """A new one; arguments as in :func:`stored_page_encoder`."""
    settings = from_dict(dict(pages), PageSettings(), "--page")
    options: dict[str, Any] = {"decoder_start": getattr(text, "decoder_start_token_id", None)}
    start = options["decoder_start"]
    if start is not None and start >= len(tokenizer):
        options["decoder_start"] = None
    if header and kind == "pix2struct":
        options["renderer"] = header_renderer(**header)
    return PAGE_ENCODERS[kind](tokenizer, settings, **options)


def page_tokenizer(
    name: str, text: PretrainedConfig, folder: str | Path | None, texts: Iterable[Text] | None
) -> PreTrainedTokenizerFast:
    """The tokenizer of a model that starts from scratch: the one in ``folder``, or byte pairs learnt from ``texts``.

    Raises:
        UsageError: neither is given.
    """
    if folder is not None:
        return load_tokenizer(Path(folder).expanduser(), text)
    if texts is None:
        raise UsageError(f"{name} learns its tokens from the texts of a run; give the folder of such a run")
    return train_byte_level(texts, int(text.vocab_size))


def _published(folder: Path, kind: str, text: PretrainedConfig) -> dict[str, Any]:
    """Settings of a checkpoint that pixlm did not write."""
    path = folder / PREPROCESSOR_FILE
    positions = getattr(text, "max_position_embeddings", None)
    found: dict[str, Any] = {} if positions is None else {"max_target_length": min(int(positions), 1536)}
    if not path.is_file():
        return found
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if kind == "pix2struct":
            found["max_patches"] = int(stored.get("max_patches", 2048))
            return found
        size = stored["size"]
        if isinstance(size, Mapping):
            found["size"] = (int(size["height"]), int(size["width"]))
        else:  # Donut's first files have [width, height]
            found["size"] = (int(size[1]), int(size[0]))
        found["mean"] = tuple(map(float, stored.get("image_mean", (0.5,))))
        found["std"] = tuple(map(float, stored.get("image_std", (0.5,))))
        found["align_long_axis"] = bool(stored.get("do_align_long_axis", False))
        found["fit"] = "donut" if stored.get("do_thumbnail", False) else "stretch"
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UsageError(f"{path}: says nothing about pages that can be understood ({error})") from None
    return found
