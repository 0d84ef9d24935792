"""Tasks over texts and pairs of texts: GLUE, entailment, topics, and one's own data."""

from .classify import CLASSIFY
from .emohate import EMOHATE
from .glue import GLUE
from .nli import NLI, XNLI
from .topic import TOPIC

__all__ = ["CLASSIFY", "EMOHATE", "GLUE", "NLI", "TOPIC", "XNLI"]
