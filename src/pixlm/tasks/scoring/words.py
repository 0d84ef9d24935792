"""Labelled words: accuracy, and precision, recall and F1 of entities."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from pixlm.tasks.scoring import Scoring

Labels = Sequence[str]
Predictions = Sequence[str | None]


def accuracy(gold: Sequence[Labels], predicted: Sequence[Predictions], *, scoring: Scoring = "all") -> float:
    """Right labels by words; 0 where no word counts. A prediction is None for a word that was lost."""
    pairs = [
        (label, given)
        for labels, predictions in zip(gold, predicted, strict=True)
        for label, given in zip(labels, predictions, strict=True)
        if given is not None or scoring == "all"
    ]
    return sum(label == given for label, given in pairs) / len(pairs) if pairs else 0.0


def entities_of(labels: Labels) -> list[tuple[str, int, int]]:
    """(type, first word, last word) of the entities of one sentence, by seqeval."""
    from seqeval.metrics.sequence_labeling import get_entities

    return [(str(kind), first, last) for kind, first, last in get_entities(list(labels))]


def entity_scores(
    gold: Sequence[Labels], predicted: Sequence[Predictions], *, strict: bool = False, scoring: Scoring = "all"
) -> dict[str, float]:
    """Micro-averaged ``f1``, ``precision`` and ``recall`` of entities, and ``accuracy`` of tags, by seqeval.

    Args:
        gold, predicted: per sentence, tags in BIO. A lost word (None) has no entity; with ``scoring="upstream"`` it is
            left out on both sides.
        strict: an entity begins with "B-" (IOB2); by default, as PIXEL and most published figures have it, an "I-"
            that continues nothing begins one, too (``conlleval``).
    """
    from seqeval.metrics import f1_score, precision_score, recall_score
    from seqeval.scheme import IOB2

    pairs = [
        [
            (label, "O" if given is None else given)
            for label, given in zip(labels, predictions, strict=True)
            if given is not None or scoring == "all"
        ]
        for labels, predictions in zip(gold, predicted, strict=True)
    ]
    pairs = [sentence for sentence in pairs if sentence]
    golden = [[label for label, _ in sentence] for sentence in pairs]
    given = [[tag for _, tag in sentence] for sentence in pairs]
    options = {"zero_division": 0, **({"mode": "strict", "scheme": IOB2} if strict else {})}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns of splits without entities, and of labels that are not BIO
        scores = {
            "f1": f1_score(golden, given, **options),
            "precision": precision_score(golden, given, **options),
            "recall": recall_score(golden, given, **options),
        }
    return {name: float(value) for name, value in scores.items()} | {
        "accuracy": accuracy(gold, predicted, scoring=scoring)
    }
