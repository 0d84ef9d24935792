"""Entities: tags and the guesses that stand beside a model's score."""

from __future__ import annotations

import pytest

from pixlm.data.examples import WordExample
from pixlm.errors import UsageError
from pixlm.models import PixelConfig
from pixlm.tasks import find_task
from pixlm.tasks.base import Prediction
from pixlm.tasks.entities import EntityOptions


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


def test_numbers_stand_for_the_tags_that_are_named_in_order(tmp_path):
    rows = tmp_path / "train.jsonl"
    rows.write_text('{"tokens": ["Maria", "sang"], "ner_tags": [1, 0]}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"'1' is no tag.* needs the tags in their order \(--task\.labels FILE\)"):
        find_task("tag").read([rows])
    (tmp_path / "tags.txt").write_text("O\nB-PER\n", encoding="utf-8")
    task = find_task("tag").with_options(EntityOptions(labels=str(tmp_path / "tags.txt")))
    (example,) = task.read([rows])
    assert (example.labels, task.labels([example])) == (["B-PER", "O"], ["O", "B-PER"])
    # A model knows its tags without the file.
    (tmp_path / "tags.txt").unlink()
    learnt = find_task("tag").of_model(PixelConfig(**task.config_for(["O", "B-PER"])))
    assert learnt.read([rows])[0].labels == ["B-PER", "O"]


def test_a_train_split_without_entities_teaches_nothing():
    with pytest.raises(UsageError, match="there is nothing to learn"):
        find_task("ner").labels([sentence("none here")])
