"""Configurations of document models, from presets and from the files of checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import Pix2StructConfig, PretrainedConfig, VisionEncoderDecoderConfig

from pixlm.errors import UsageError
from pixlm.models.document.donut import donut_config
from pixlm.models.document.pali import PaliConfig
from pixlm.models.document.presets import DOCUMENT_PRESETS

KINDS = {"vision-encoder-decoder": "donut", "pix2struct": "pix2struct", "pali": "pali"}
"""``model_type`` in configurations, and the architecture that it stands for."""


def is_document_type(model_type: object) -> bool:
    """Whether models of this type read pages."""
    return isinstance(model_type, str) and model_type in KINDS


def document_config(fields: Mapping[str, Any], **overrides: Any) -> PretrainedConfig:
    """From the fields of a preset or of a ``config.json``, with their ``model_type``.

    Raises:
        UsageError: they do not fit.
    """
    fields = {key: value for key, value in {**fields, **overrides}.items() if key not in ("pages", "auto_map")}
    model_type = fields.pop("model_type")
    try:
        if model_type == "pali":
            return PaliConfig(**fields)
        if model_type == "pix2struct":
            # Its generation needs the cache, which the class leaves off unless told.
            text = {**dict(fields.pop("text_config", None) or {}), "use_cache": True, "is_decoder": True}
            return Pix2StructConfig(text_config={**text, "add_cross_attention": True}, **fields)
        vision, text = dict(fields.pop("encoder")), dict(fields.pop("decoder"))
        config: VisionEncoderDecoderConfig = donut_config(vision, text)
        for name, value in fields.items():
            setattr(config, name, value)
        return config
    except UsageError:
        raise
    except Exception as error:  # transformers checks fields in several ways, with exceptions of its own
        raise UsageError(f"not the configuration of a document model: {' '.join(str(error).split())}") from error


def document_preset(name: str, **overrides: Any) -> PretrainedConfig:
    """The configuration of a preset (:data:`~pixlm.models.document.presets.DOCUMENT_PRESETS`)."""
    return document_config(DOCUMENT_PRESETS[name], **overrides)


def page_fields(name: str) -> dict[str, Any]:
    """What a page becomes before the preset's model sees it: fields of ``PageSettings``."""
    return dict(DOCUMENT_PRESETS[name]["pages"])
