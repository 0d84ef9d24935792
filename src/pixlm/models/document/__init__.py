"""Models that read pages and write text: Donut, Pix2Struct and PaLI behind one interface (:class:`DocumentModel`)."""

from .base import DocumentModel, text_config
from .checkpoint import load_document_checkpoint, take_part, with_parts
from .classification import DonutForClassification, PageClassifier, PaliForClassification, Pix2StructForClassification
from .config import KINDS, document_config, is_document_type, page_fields
from .cruller import from_cruller, load_cruller, to_cruller
from .donut import DonutModel, donut_config
from .generation import Writing, write
from .pali import PaliConfig, PaliModel
from .pix2struct import Pix2StructModel
from .presets import DOCUMENT_PRESETS
from .vision import PageVisionConfig, PageVisionModel

__all__ = [
    "DOCUMENT_PRESETS",
    "DocumentModel",
    "DonutForClassification",
    "DonutModel",
    "KINDS",
    "PageClassifier",
    "PageVisionConfig",
    "PageVisionModel",
    "PaliConfig",
    "PaliForClassification",
    "PaliModel",
    "Pix2StructForClassification",
    "Pix2StructModel",
    "Writing",
    "document_config",
    "donut_config",
    "from_cruller",
    "is_document_type",
    "load_cruller",
    "load_document_checkpoint",
    "page_fields",
    "take_part",
    "text_config",
    "to_cruller",
    "with_parts",
    "write",
]
