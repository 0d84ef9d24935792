"""Which model class learns which kind of output, for every family of models."""

from __future__ import annotations

import enum
from typing import Any

from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_QUESTION_ANSWERING_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    MODEL_MAPPING,
    PretrainedConfig,
    PreTrainedModel,
)

from pixlm.errors import UsageError
from pixlm.models.document import (
    DonutForClassification,
    DonutModel,
    PaliForClassification,
    PaliModel,
    Pix2StructForClassification,
    Pix2StructModel,
)
from pixlm.models.pixel import (
    PixelForDependencyParsing,
    PixelForPreTraining,
    PixelForQuestionAnswering,
    PixelForSequenceClassification,
    PixelForTokenClassification,
)
from pixlm.models.pixelgpt import PixelGPTForCausalLM, PixelGPTForSequenceClassification, PixelGPTModel
from pixlm.models.token_parsing import PREFIXES, TokenForDependencyParsing


class Head(enum.Enum):
    """A kind of output; the value is what messages call it."""

    PRETRAINING = "pretraining"
    TOKEN_CLASSIFICATION = "labels of units"
    SEQUENCE_CLASSIFICATION = "labels of texts"
    QUESTION_ANSWERING = "answers in a text"
    DEPENDENCY_PARSING = "dependency trees"
    SEQUENCE_TO_SEQUENCE = "text about pages"
    PAGE_CLASSIFICATION = "labels of pages"


_HEADS: dict[str, dict[Head, type[PreTrainedModel]]] = {
    "pixel": {
        Head.PRETRAINING: PixelForPreTraining,
        Head.TOKEN_CLASSIFICATION: PixelForTokenClassification,
        Head.SEQUENCE_CLASSIFICATION: PixelForSequenceClassification,
        Head.QUESTION_ANSWERING: PixelForQuestionAnswering,
        Head.DEPENDENCY_PARSING: PixelForDependencyParsing,
    },
    "ernie-pixel": {
        Head.PRETRAINING: PixelGPTForCausalLM,
        Head.SEQUENCE_CLASSIFICATION: PixelGPTForSequenceClassification,
    },
    "vision-encoder-decoder": {
        Head.SEQUENCE_TO_SEQUENCE: DonutModel,
        Head.PAGE_CLASSIFICATION: DonutForClassification,
    },
    "pix2struct": {
        Head.SEQUENCE_TO_SEQUENCE: Pix2StructModel,
        Head.PAGE_CLASSIFICATION: Pix2StructForClassification,
    },
    "pali": {
        Head.SEQUENCE_TO_SEQUENCE: PaliModel,
        Head.PAGE_CLASSIFICATION: PaliForClassification,
    },
}

CAUSAL = ("ernie-pixel", "llama")
"""Types of models that predict what comes next."""

_PIXELGPT_NAMES = {
    "ErniePixelForCausalLM": PixelGPTForCausalLM,
    "ErniePixelForSequenceClassification": PixelGPTForSequenceClassification,
    "ErniePixelModel": PixelGPTModel,
    "PixelGPTModel": PixelGPTModel,
}

# transformers' own classes, of whatever text encoder it has them for.
_TEXT_HEADS: dict[Head, Any] = {
    Head.TOKEN_CLASSIFICATION: MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    Head.SEQUENCE_CLASSIFICATION: MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    Head.QUESTION_ANSWERING: MODEL_FOR_QUESTION_ANSWERING_MAPPING,
}


def head_class(model_type: str, head: Head) -> type[PreTrainedModel]:
    """The class for models of ``model_type`` with this head: ours, or that of transformers for a text encoder.

    Raises:
        UsageError: there is none.
    """
    if model_type in _HEADS:
        found = _HEADS[model_type].get(head)
    else:
        found = _text_head(model_type, head)
    if found is None:
        raise UsageError(f"models of type {model_type!r} have no head for {head.value}")
    return found


def _text_head(model_type: str, head: Head) -> type[PreTrainedModel] | None:
    if head is Head.PRETRAINING:
        return _mapped(MODEL_FOR_CAUSAL_LM_MAPPING, model_type) if model_type in CAUSAL else None
    if head is Head.DEPENDENCY_PARSING:
        return TokenForDependencyParsing if model_type in PREFIXES else None
    return _mapped(_TEXT_HEADS[head], model_type) if head in _TEXT_HEADS else None


def _mapped(mapping: Any, model_type: str) -> type[PreTrainedModel] | None:
    if model_type not in CONFIG_MAPPING or CONFIG_MAPPING[model_type] not in mapping:
        return None
    found = mapping[CONFIG_MAPPING[model_type]]
    return found[0] if isinstance(found, tuple) else found


def saved_class(config: PretrainedConfig) -> type[PreTrainedModel]:
    """The class that a text encoder or a PixelGPT model was saved with; without a head, or with one that no task uses,
    the bare encoder. A causal model that does not say is one for language modelling."""
    if config.model_type in CAUSAL and not config.architectures:
        return head_class(config.model_type, Head.PRETRAINING)
    # PIXEL's scripts called their parsers BertForBiaffineParsing and RobertaForBiaffineParsing.
    parser = TokenForDependencyParsing.__name__
    names = [parser if name.endswith("ForBiaffineParsing") else name for name in config.architectures or []]
    for head in Head:
        found = _HEADS.get(config.model_type, {}).get(head) or _text_head(config.model_type, head)
        if found is not None and found.__name__ in names:
            return found
    if config.model_type == "ernie-pixel":
        known = next((_PIXELGPT_NAMES[name] for name in names if name in _PIXELGPT_NAMES), None)
        if known is None:
            raise UsageError(
                f"the model is a {names[0]}, which pixlm cannot load; it knows {', '.join(_PIXELGPT_NAMES)}"
            )
        return known
    bare = _mapped(MODEL_MAPPING, config.model_type)
    assert bare is not None, "every text encoder has a class without a head"
    return bare
