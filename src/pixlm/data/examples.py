"""What readers give and tasks learn from: one dataclass per shape of example.

``labels`` and the like are None where a file has none (text to be labelled). ``group`` is the part of a split that is
also scored by itself (a language, a genre, "mismatched"), "" where there is one part only. ``where`` says where an
example was read, for messages: ``train.tsv, line 12``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Example:
    """What all examples have."""

    id: str
    group: str = ""
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class WordExample(Example):
    """Words with one label each.

    source: the reader's own object, for writers that give back the file as it was but for the labels.
    """

    words: list[str]
    labels: list[str] | None = None
    source: Any = None


@dataclass(frozen=True, kw_only=True)
class TreeExample(Example):
    """Words with a dependency tree: ``heads`` counts words from 1, and 0 is the root."""

    words: list[str]
    heads: list[int] | None = None
    relations: list[str] | None = None
    source: Any = None


@dataclass(frozen=True, kw_only=True)
class TextExample(Example):
    """A text or a pair of texts with a class, or with a number to be estimated.

    image: the strip that came with it, an encoded picture, of which ``num_patches`` hold text.
    """

    text: str
    text_b: str | None = None
    label: str | float | None = None
    image: bytes | None = None
    num_patches: int = 0


@dataclass(frozen=True)
class Answer:
    """A stretch of a context; ``start`` counts code points."""

    text: str
    start: int


@dataclass(frozen=True, kw_only=True)
class QuestionExample(Example):
    """A question about a context.

    answers: accepted ones; empty for a question without an answer, None where answers are not known.
    """

    question: str
    context: str
    answers: tuple[Answer, ...] | None = None
