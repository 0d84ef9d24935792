"""Tasks over texts and pairs of texts: GLUE, entailment, topics, and one's own data."""

from .classify import CLASSIFY
from .glue import GLUE
from .nli import NLI, XNLI
from .topic import TOPIC

__all__ = ["CLASSIFY", "GLUE", "NLI", "TOPIC", "XNLI"]
