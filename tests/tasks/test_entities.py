"""Entities: the guesses that stand beside a model's score."""

from __future__ import annotations

import pytest

from pixlm.data.examples import WordExample
from pixlm.tasks import find_task
from pixlm.tasks.base import Prediction


def sentence(text: str) -> WordExample:
    """``Maria/B-PER sang``"""
    cells = [cell.partition("/") for cell in text.split()]
    return WordExample(id=text, words=[word for word, _, _ in cells], labels=[tag or "O" for _, _, tag in cells])


def test_known_entities_are_the_longest_of_the_train_split_with_their_usual_type():
    train = [
        sentence("New/B-LOC York/I-LOC and York/B-LOC won"),
        sentence("Maria/B-PER met Maria/B-PER in Maria/B-LOC ."),
        sentence("the York/B-ORG Times/I-ORG"),
    ]
    tried = [
        sentence("New/B-LOC York/I-LOC met Maria/B-PER in York/B-LOC"),
        sentence("New songs of Maria/B-LOC by the York/B-ORG Times/I-ORG of Rome/B-LOC"),
    ]
    task = find_task("ner")
    guesses = task.baseline(train, [Prediction(one, ["O"] * len(one.words)) for one in tried])
    # Found: New York, Maria, York; Maria with the wrong type, York Times; not Rome. 4 right of 5 found and 6 there.
    assert guesses["known_f1"] == pytest.approx(8 / 11)
    # A word's usual tag makes Maria a PER, and New an entity by itself.
    assert guesses["lexical_f1"] < guesses["known_f1"]
    assert "known_f1" not in task.baseline([sentence("none here")], [Prediction(tried[0], ["O"] * 6)])
