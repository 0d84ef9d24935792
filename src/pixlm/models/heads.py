"""Which model class learns which kind of output, for every family of models."""

from __future__ import annotations

import enum

from transformers import PreTrainedModel

from pixlm.errors import UsageError
from pixlm.models.pixel import (
    PixelForDependencyParsing,
    PixelForPreTraining,
    PixelForQuestionAnswering,
    PixelForSequenceClassification,
    PixelForTokenClassification,
)


class Head(enum.Enum):
    """A kind of output; the value is what messages call it."""

    PRETRAINING = "pretraining"
    TOKEN_CLASSIFICATION = "labels of units"
    SEQUENCE_CLASSIFICATION = "labels of texts"
    QUESTION_ANSWERING = "answers in a text"
    DEPENDENCY_PARSING = "dependency trees"


_HEADS: dict[str, dict[Head, type[PreTrainedModel]]] = {
    "pixel": {
        Head.PRETRAINING: PixelForPreTraining,
        Head.TOKEN_CLASSIFICATION: PixelForTokenClassification,
        Head.SEQUENCE_CLASSIFICATION: PixelForSequenceClassification,
        Head.QUESTION_ANSWERING: PixelForQuestionAnswering,
        Head.DEPENDENCY_PARSING: PixelForDependencyParsing,
    },
}


def head_class(model_type: str, head: Head) -> type[PreTrainedModel]:
    """The class for models of ``model_type`` with this head; UsageError where there is none."""
    try:
        return _HEADS[model_type][head]
    except KeyError:
        raise UsageError(f"models of type {model_type!r} have no head for {head.value}") from None
