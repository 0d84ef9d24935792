"""Dependency trees: labelled and unlabelled attachment score (LAS, UAS)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pixlm.tasks.scoring import Scoring


@dataclass(frozen=True)
class Tree:
    """heads: words counted from 1, 0 the root; relations: one a word. None for words that were lost."""

    heads: Sequence[int | None]
    relations: Sequence[str | None]


def attachment_scores(
    gold: Sequence[Tree], predicted: Sequence[Tree], *, scoring: Scoring = "all", max_words: int | None = None
) -> dict[str, float]:
    """``las``, ``uas`` and the number of ``words`` they are shares of.

    The definition of the CoNLL 2018 shared task (Zeman et al. 2018) for gold segmentation: all words count,
    punctuation included; relations are compared without their subtypes. Words that were lost are wrong.

    PIXEL's parsing script differs in this, taken with ``scoring="upstream"``: words are those among the first
    ``max_words`` (its sequence length) whose head is also among them; and lost words are left out, which happens to its
    text baselines only, since its pixel models predict something for every one of those words.
    """
    words = right_heads = right = 0
    for one, other in zip(gold, predicted, strict=True):
        rows = zip(one.heads, one.relations, other.heads, other.relations, strict=True)
        for number, (head, relation, given_head, given_relation) in enumerate(rows, start=1):
            if scoring == "upstream":
                if given_head is None:
                    continue
                if max_words is not None and (number > max_words or (head or 0) > max_words):
                    continue
            words += 1
            if given_head is not None and head == given_head:
                right_heads += 1
                right += universal(relation) == universal(given_relation)
    if not words:
        return {"las": 0.0, "uas": 0.0, "words": 0}
    return {"las": right / words, "uas": right_heads / words, "words": words}


def universal(relation: str | None) -> str | None:
    """A relation without its subtype: "nsubj" of "nsubj:pass"."""
    return None if relation is None else relation.partition(":")[0]
