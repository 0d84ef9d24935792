"""Attacks on examples keep labels, trees and answers true."""

from __future__ import annotations

import pytest

from pixlm.data.examples import Answer, Example, QuestionExample, TextExample, TreeExample, WordExample
from pixlm.errors import UsageError
from pixlm.robustness import ATTACKS, Target, attack_example

TEXT = [name for name, attack in ATTACKS.items() if attack.target is not Target.RENDERER]
ON_WORDS = [name for name, attack in ATTACKS.items() if attack.target is Target.WORDS]
CONTEXT = (
    "The bridge was opened in 1932, after eight years of work, by the engineer John Bradfield. It crosses the harbour "
    "of Sydney, and about 160,000 vehicles use it every day; the arch is made of steel from England."
)


@pytest.mark.parametrize("name", ON_WORDS)
def test_words_keep_labels_and_trees(name):
    words = ["Those", "children", "were", "playing", "happily", "outside", "."]
    tagged = WordExample(id="1", words=words, labels=list("ABCDEFG"), source=object())
    after = attack_example(tagged, name, 1.0)
    assert len(after.words) == len(words)
    assert after.words != words
    assert (after.labels, after.id, after.source) == (tagged.labels, "1", tagged.source)
    assert tagged.words == words
    tree = TreeExample(id="1", words=words, heads=[2, 4, 4, 0, 4, 4, 4], relations=list("abcdefg"))
    after_tree = attack_example(tree, name, 1.0)
    assert (after_tree.words, after_tree.heads, after_tree.relations) == (after.words, tree.heads, tree.relations)


@pytest.mark.parametrize("name", TEXT)
def test_texts_and_pairs(name):
    one = TextExample(id="1", text=CONTEXT, label="sport", group="en")
    after = attack_example(one, name, 0.5)
    assert after.text != CONTEXT
    assert (after.label, after.group, after.text_b) == ("sport", "en", None)
    pair = attack_example(TextExample(id="1", text=CONTEXT, text_b=CONTEXT, label=0.5), name, 0.5)
    assert pair.text == after.text
    assert pair.text_b not in (CONTEXT, pair.text)
    assert pair.label == 0.5


@pytest.mark.parametrize("name", TEXT)
def test_answers_are_found_in_attacked_contexts(name):
    found = ("1932", "John Bradfield", "about 160,000 vehicles", "steel", CONTEXT[-8:])
    answers = tuple(Answer(text, CONTEXT.index(text)) for text in found)
    example = QuestionExample(id="1", question="Who opened the bridge?", context=CONTEXT, answers=answers)
    after = attack_example(example, name, 1.0, part="context")
    assert after.context != CONTEXT
    assert after.question == example.question
    assert after.answers is not None
    assert len(after.answers) == len(found)
    for answer in after.answers:
        assert after.context[answer.start :].startswith(answer.text)
    asked = attack_example(example, name, 1.0)
    assert asked.question != example.question
    assert (asked.context, asked.answers) == (CONTEXT, answers)
    unknown = attack_example(QuestionExample(id="1", question="Who?", context=CONTEXT), name, 0.5, part="context")
    assert unknown.answers is None


def test_other_examples_are_refused():
    with pytest.raises(UsageError, match="no attack on examples of type Example"):
        attack_example(Example(id="1"), "swap", 0.5)
