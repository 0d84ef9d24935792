"""Metrics of documents against recorded values, against definitions written out, and against other scorers."""

from __future__ import annotations

import functools
import math

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden_documents import cases, name_of
from pixlm.tasks.scoring.short_answers import (
    anls,
    exact_match,
    normal_answer,
    relaxed_accuracy,
    soft_accuracy,
)
from pixlm.tasks.scoring.structures import field_f1, fields, normalise, tree_accuracy
from pixlm.tasks.scoring.transcripts import legacy_clean, legacy_transcript_scores, transcript_scores


@pytest.mark.parametrize("case", cases("text_metrics", "cer_wer"), ids=name_of)
def test_legacy_rates(case):
    assert legacy_transcript_scores(case["input"]["reference"], case["input"]["hypothesis"]) == case["output"]


@pytest.mark.parametrize("case", cases("text_metrics", "ocr_clean_truncate_score"), ids=name_of)
def test_legacy_cleaning(case):
    references, given_ = legacy_clean(case["input"]["decoded_reference"], case["input"]["decoded_prediction"])
    if case["output"] is None:
        assert not references
        return
    assert references == case["output"]["reference"]
    assert given_ == case["output"]["hypothesis"]
    assert legacy_transcript_scores(references, given_) == case["output"]["metrics"]


WORDS = st.text("abc é\n", max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(WORDS.filter(lambda text: text.strip()), WORDS), min_size=1, max_size=4))
def test_rates_are_those_of_jiwer(pairs):
    wanted = [" ".join(one.split()) for one, _ in pairs]
    found = [" ".join(other.split()) for _, other in pairs]
    scores = transcript_scores([one for one, _ in pairs], [other for _, other in pairs])
    assert scores["cer"] == pytest.approx(jiwer.cer(wanted, found))
    assert scores["wer"] == pytest.approx(jiwer.wer(wanted, found))


def test_rates_count_what_pixparse_left_out():
    # Its letters p, a, d, and everything behind the reference's length.
    assert transcript_scores(["a cat sat"], ["cat sat"])["wer"] == pytest.approx(1 / 3)
    assert transcript_scores(["short"], ["short and long"])["wer"] == 2
    assert transcript_scores([""], [""]) == {"cer": 0, "wer": 0}
    assert transcript_scores([""], ["x"]) == {"cer": 1, "wer": 1}
    assert transcript_scores([], []) == {"cer": 0, "wer": 0}


@pytest.mark.parametrize("case", cases("text_metrics", "anls"), ids=name_of)
def test_legacy_anls(case):
    score = anls(case["input"]["answers"], case["input"]["predictions"], threshold=case["input"]["tau"], legacy=True)
    # Without accepted answers pixparse broke off; there is nothing to be right about.
    assert score == pytest.approx(case.get("output", 0.0))


def test_anls():
    assert anls([["Total"]], ["total"]) == 1
    assert anls([["12 March"]], [" 12  march\n"]) == 1
    assert anls([["abcd"]], ["abxx"]) == 0  # exactly half
    assert anls([["abcd", "abxy"]], ["abxx"]) == 0.75
    assert anls([["a"], ["b"]], ["a", ""]) == 0.5
    assert anls([[""]], [""]) == 1
    assert anls([], []) == 0


def test_exact_match():
    assert exact_match([["Total ", "sum"], ["x"]], ["total", "y"]) == 0.5


@pytest.mark.parametrize(
    ("answer", "found", "score"),
    [
        ("100", "105", 1), ("100", "105.1", 0), ("100", "95", 1), ("-20", "-21", 1), ("50%", "0.5", 1),
        ("50%", "50", 0), ("0", "0", 1), ("0", "0.01", 0), ("Yes", "yes", 1), ("2016", "2017", 1),
        ("12", "twelve", 0), ("10", "nan", 0),
    ],
)  # fmt: skip
def test_relaxed_accuracy(answer, found, score):
    assert relaxed_accuracy([[answer]], [found]) == score
    assert relaxed_accuracy([["nothing", answer]], [found]) == score


def leave_one_out(answers: list[str], found: str) -> float:
    """VQA accuracy as its paper defines it."""
    rest = [[other for j, other in enumerate(answers) if j != i] for i in range(len(answers))]
    return sum(min(sum(other == found for other in others) / 3, 1) for others in rest) / len(answers)


@pytest.mark.parametrize("same", range(11))
def test_soft_accuracy(same):
    answers = ["red"] * same + ["blue"] * (10 - same)
    assert soft_accuracy([answers], ["Red"]) == pytest.approx(leave_one_out(answers, "red"))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Red Car.", "red car"), ("two", "2"), ("none", "0"), ("ten", "10"), ("dont", "don't"), ("1,000", "1000"),
        ("3.5", "3.5"), ("a b-c", "b c"), ("well - done", "well done"), ("what's up?", "what's up"), ("A", ""),
    ],
)  # fmt: skip
def test_normal_answers(text, normal):
    assert normal_answer(text) == normal


# pixparse gave 0 where nothing was wanted and nothing given.
DIFFERENT = {"structure_metrics-016": 1.0}


@pytest.mark.parametrize("case", cases("structure_metrics"), ids=name_of)
def test_structures(case):
    given_, wanted = case["input"], case["output"]
    match case["kind"]:
        case "ted_accuracy":
            score = tree_accuracy(given_["answer"], given_["pred"])
            assert score == pytest.approx(DIFFERENT.get(case["id"], wanted), abs=1e-12)
        case "field_f1_single":
            assert field_f1([given_["answer"]], [given_["pred"]]) == pytest.approx(wanted)
        case "field_f1_corpus":
            assert field_f1(given_["answers"], given_["preds"]) == pytest.approx(wanted)
        case "normalise":
            assert normalise(given_["obj"]) == wanted
            assert list(normalise(given_["obj"])) == list(wanted)
        case "flatten_normalised":
            assert [list(field) for field in fields(given_["obj"])] == wanted


def test_nothing_on_either_side():
    assert field_f1([{}], [{}]) == field_f1([], []) == tree_accuracy({}, {}) == 1
    assert tree_accuracy({}, {"a": "1"}) == field_f1([{}], [{"a": "1"}]) == 0


# The edit distance of ordered trees, written as its recursive definition (Zhang and Shasha 1989, section 3).


def tree_of(value, name="<root>"):
    if isinstance(value, dict):
        return name, False, tuple(tree_of(part, key) for key, part in value.items())
    if all(isinstance(item, dict) for item in value):
        return name, False, tuple(tree_of(item, "<subtree>") for item in value)
    return name, False, tuple((item, True, ()) for item in value)


@functools.cache
def letters(one: str, other: str) -> int:
    if not one or not other:
        return len(one) + len(other)
    step = min(letters(one[1:], other), letters(one, other[1:])) + 1
    return min(step, letters(one[1:], other[1:]) + (one[0] != other[0]))


def price(node) -> int:
    return len(node[0]) if node[1] else 1


def change(one, other) -> int:
    if one[1] and other[1]:
        return letters(one[0], other[0])
    if one[1] or other[1]:
        return 1 + len(one[0] if one[1] else other[0])
    return int(one[0] != other[0])


@functools.cache
def forests(one: tuple, other: tuple) -> int:
    if not one and not other:
        return 0
    options = []
    if one:
        options.append(forests(one[:-1] + one[-1][2], other) + price(one[-1]))
    if other:
        options.append(forests(one, other[:-1] + other[-1][2]) + price(other[-1]))
    if one and other:
        inner = forests(one[-1][2], other[-1][2]) + change(one[-1], other[-1])
        options.append(forests(one[:-1], other[:-1]) + inner)
    return min(options)


VALUES = st.dictionaries(
    st.sampled_from(["a", "bb", "menu"]),
    st.text("xyz", min_size=1, max_size=3)
    | st.lists(st.dictionaries(st.sampled_from(["nm", "cnt"]), st.text("xyz", max_size=2), max_size=2), max_size=2)
    | st.lists(st.text("xyz", max_size=2), max_size=2),
    max_size=2,
)


@settings(max_examples=100, deadline=None)
@given(VALUES, VALUES)
def test_tree_accuracy_is_its_definition(wanted, found):
    target, source = (tree_of(normalise(value)) for value in (wanted, found))
    effort = forests((tree_of({}),), (target,))
    if effort:
        score = max(0.0, 1 - forests((source,), (target,)) / effort)
        assert math.isclose(tree_accuracy(wanted, found), score, abs_tol=1e-12)
