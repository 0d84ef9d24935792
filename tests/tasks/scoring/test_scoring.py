"""Scorers against second definitions on real files, and against cases worked out by hand."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from pixlm.data.readers.questions import read_questions
from pixlm.data.readers.treebank import read_trees
from pixlm.data.readers.words import read_entities
from pixlm.tasks.scoring import answers as scoring
from pixlm.tasks.scoring import classes
from pixlm.tasks.scoring.trees import Tree, attachment_scores
from pixlm.tasks.scoring.words import accuracy, entity_scores

EXCERPTS = Path(__file__).resolve().parents[2] / "data" / "excerpts"


# Trees


@pytest.fixture(scope="module")
def trees():
    return [
        one
        for name in ("ud", "ud_en", "ud_cop")
        for path in sorted((EXCERPTS / name).glob("*.conllu"))
        for one in read_trees(path, subtypes=True)
    ]


def perturbed(trees, seed, rate):
    rng = random.Random(seed)
    found = []
    for one in trees:
        heads = [rng.randrange(len(one.words) + 1) if rng.random() < rate else head for head in one.heads]
        relations = [rng.choice(["nsubj", "obj:x", "punct"]) if rng.random() < rate else name for name in one.relations]
        found.append(Tree(heads, relations))
    return found


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_attachment_against_sets_of_edges(trees, rate):
    """The shared task's words are the edges (sentence, word, head, relation); with gold words F1 is their share."""
    gold = [Tree(one.heads, one.relations) for one in trees]
    given = perturbed(trees, 1, rate)

    def edges(all_trees, labelled):
        return {
            (s, w, head, relation.split(":")[0] if labelled else "")
            for s, tree in enumerate(all_trees)
            for w, (head, relation) in enumerate(zip(tree.heads, tree.relations, strict=True))
        }

    scores = attachment_scores(gold, given)
    for name, labelled in (("las", True), ("uas", False)):
        right, system = edges(gold, labelled), edges(given, labelled)
        shared = len(right & system)
        f1 = 2 * (shared / len(system)) * (shared / len(right)) / (shared / len(system) + shared / len(right))
        assert scores[name] == pytest.approx(f1, abs=1e-12)
    assert scores["words"] == sum(len(one.words) for one in trees)
    if rate == 0:
        assert scores["las"] == scores["uas"] == 1
    if rate == 0.3:
        assert 0 < scores["las"] < scores["uas"] < 1


def test_attachment_by_hand():
    gold = [Tree([2, 0, 2, 3], ["nsubj:pass", "root", "obj", "punct"])]
    given = [Tree([2, 0, 1, None], ["nsubj", "dep", "obj", None])]
    assert attachment_scores(gold, given) == {"las": 1 / 4, "uas": 2 / 4, "words": 4}
    assert attachment_scores(gold, given, scoring="upstream") == {"las": 1 / 3, "uas": 2 / 3, "words": 3}
    # Of the first two words both heads are among them; the third's is, but it is itself behind the limit.
    assert attachment_scores(gold, given, scoring="upstream", max_words=2) == {"las": 1 / 2, "uas": 1.0, "words": 2}
    far = [Tree([3, 3, 0], ["a", "b", "root"])]
    assert attachment_scores(far, far, scoring="upstream", max_words=2)["words"] == 0
    assert attachment_scores([], []) == {"las": 0.0, "uas": 0.0, "words": 0}


# Entities


def spans(tags):
    """Entities as (type, first, end), an "I-" that continues nothing beginning one: a second definition."""
    found, start, kind = set(), None, None
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if kind is not None and (prefix != "I" or name != kind):
            found.add((kind, start, i))
            kind = None
        if prefix == "B" or (prefix == "I" and kind is None):
            start, kind = i, name
    return found


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.7])
def test_entities_against_sets_of_spans(rate):
    rng = random.Random(2)
    gold = [one.labels for one in read_entities(EXCERPTS / "uner" / "en_ewt-ud-train.iob2")]
    tags = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
    given = [[rng.choice(tags) if rng.random() < rate else tag for tag in sentence] for sentence in gold]
    right = {(i, *span) for i, sentence in enumerate(gold) for span in spans(sentence)}
    system = {(i, *span) for i, sentence in enumerate(given) for span in spans(sentence)}
    shared = len(right & system)
    scores = entity_scores(gold, given)
    assert scores["precision"] == pytest.approx(shared / len(system))
    assert scores["recall"] == pytest.approx(shared / len(right))
    assert scores["f1"] == pytest.approx(2 * shared / (len(system) + len(right)))


def test_strict_entities_begin_with_b():
    gold, given = [["B-PER", "I-PER", "O"]], [["I-PER", "I-PER", "O"]]
    assert entity_scores(gold, given)["f1"] == 1
    assert entity_scores(gold, given, strict=True)["f1"] == 0
    assert entity_scores(gold, gold, strict=True)["f1"] == 1


def test_lost_words():
    gold, given = [["B-PER", "O", "B-LOC"], ["O"]], [["B-PER", None, None], [None]]
    scores = entity_scores(gold, given)
    assert (scores["precision"], scores["recall"], scores["accuracy"]) == (1, 1 / 2, 1 / 4)
    scores = entity_scores(gold, given, scoring="upstream")
    assert (scores["precision"], scores["recall"], scores["accuracy"]) == (1, 1, 1)
    assert accuracy([["A"]], [[None]]) == 0
    assert accuracy([["A"]], [[None]], scoring="upstream") == 0
    assert entity_scores([["O"]], [["O"]]) == {"f1": 0, "precision": 0, "recall": 0, "accuracy": 1}


# Answers: the definitions' own corner cases, worked out by hand


@pytest.mark.parametrize(
    ("prediction", "answer", "exact", "f1"),
    [
        ("The Cat!", "a cat", 1, 1),
        ("cat sat", "cat", 0, 2 / 3),
        ("the cat sat on", "cat on mat", 0, 2 * 2 / (3 + 3)),
        ("cat cat", "cat", 0, 2 / 3),  # units are counted, not collected
        ("U.S.A.", "USA", 1, 1),
        ("24–10", "2410", 0, 0),  # only ASCII punctuation goes
        ("the", "a", 1, 0),  # nothing is left of either: equal, but they share no word
        ("dog", "cat", 0, 0),
    ],
)
def test_squad_by_hand(prediction, answer, exact, f1):
    scores = scoring.answer_scores([[answer]], [prediction])
    assert scores == {"exact_match": exact, "f1": pytest.approx(f1)}


def test_the_best_accepted_answer_counts():
    scores = scoring.answer_scores([["x", "cat sat", "cat"], ["y"]], ["the cat", "cat"])
    assert scores == {"exact_match": 0.5, "f1": 0.5}


def test_squad2_questions_without_an_answer():
    answers = [["cat"], ["the"], [], [], ["dog"]]
    scores = scoring.answer_scores(answers, ["a cat", "", "", "cat", ""])
    # "the" normalizes to nothing, so that question has no answer either, and "" is right.
    assert scores["exact_match"] == scores["f1"] == 3 / 5
    assert scores["no_answer_f1"] == 1 / 2
    assert scores["has_answer_f1"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("prediction", "answer", "exact", "f1"),
    [
        ("《서울》", "서울", 1, 1),
        ("서울시", "서울", 0, 2 * 2 / (3 + 2)),
        ("서울 특별시", "특별시 서울", 0, 1),  # the same characters
        ("the 서울", "서울", 0, 2 * 2 / (5 + 2)),  # no articles
    ],
)
def test_korquad_by_hand(prediction, answer, exact, f1):
    scores = scoring.answer_scores([[answer]], [prediction], scorer=scoring.KORQUAD)
    assert scores == {"exact_match": exact, "f1": pytest.approx(f1)}


@pytest.mark.parametrize(
    ("prediction", "answer", "exact", "f1"),
    [
        ("東大寺", "東大寺", 1, 1),
        ("東大", "東大寺", 0, 2 * 2 / (2 + 3)),
        ("「東大寺」", "東大寺", 0, 2 * 3 / (5 + 3)),  # nothing is normalized
        ("寺大東", "東 大寺", 1, 1),
        ("", "東", 0, 0),
    ],
)
def test_jaquad_by_hand(prediction, answer, exact, f1):
    scores = scoring.answer_scores([[answer]], [prediction], scorer=scoring.JAQUAD)
    assert scores == {"exact_match": exact, "f1": pytest.approx(f1)}


@pytest.mark.parametrize("name", scoring.SCORERS)
def test_gold_answers_are_right(name):
    for path in sorted(EXCERPTS.glob("*quad/*.json")):
        examples = read_questions(path)
        texts = [[answer.text for answer in one.answers] for one in examples]
        scores = scoring.answer_scores(texts, [one[0] for one in texts], scorer=scoring.SCORERS[name])
        assert scores == {"exact_match": 1, "f1": 1}


# Classes and numbers, against their textbook formulas


def test_two_classes():
    rng = random.Random(3)
    gold = [rng.choice(["duplicate", "not_duplicate", "not_duplicate"]) for _ in range(200)]
    given = [one if rng.random() < 0.7 else rng.choice(["duplicate", "not_duplicate"]) for one in gold]
    tp, fp, fn, tn = (
        sum((g == "duplicate") == a and (p == "duplicate") == b for g, p in zip(gold, given, strict=True))
        for a, b in ((True, True), (False, True), (True, False), (False, False))
    )
    scores = classes.class_scores(gold, given, classes.GLUE_METRICS["qqp"])
    assert scores["accuracy"] == (tp + tn) / 200
    assert scores["f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn))
    expected = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert classes.matthews(gold, given) == pytest.approx(expected)
    other = 2 * tn / (2 * tn + fp + fn)
    assert classes.macro_f1(gold, given) == pytest.approx((scores["f1"] + other) / 2)


def test_numbers():
    rng = random.Random(4)
    gold = [round(rng.uniform(0, 5), 1) for _ in range(100)]
    given = [round(one + rng.gauss(0, 1), 1) for one in gold]

    def correlation(x, y):
        mx, my = sum(x) / len(x), sum(y) / len(y)
        covariance = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
        return covariance / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))

    def ranks(x):
        return [sum(b < a for b in x) + (sum(b == a for b in x) + 1) / 2 for a in x]

    scores = classes.class_scores(gold, given, classes.GLUE_METRICS["stsb"])
    assert scores["pearson"] == pytest.approx(correlation(gold, given))
    assert scores["spearman"] == pytest.approx(correlation(ranks(gold), ranks(given)))


def test_constant_predictions_score_zero():
    assert classes.pearson([1.0, 2.0], [3.0, 3.0]) == classes.spearman([1.0, 2.0], [3.0, 3.0]) == 0
    assert classes.pearson([1.0], [2.0]) == 0
    assert classes.matthews(["a", "b"], ["a", "a"]) == 0
    assert classes.f1(["a", "a"], ["a", "a"], positive="b") == 0


def test_rows_without_a_label_are_left_out():
    assert classes.class_scores(["a", None, "b"], ["a", "a", "a"], classes.CLASS_METRICS)["accuracy"] == 0.5
    assert classes.class_scores([None], ["a"], classes.CLASS_METRICS) == {}
