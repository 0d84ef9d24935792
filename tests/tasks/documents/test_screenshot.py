from __future__ import annotations

import json

import numpy as np
import pytest

from page_data import encoded, page
from pixlm.data.pages.example import PageBox
from pixlm.data.pages.facts import AnnotationError, Node, facts_of
from pixlm.tasks import find_task
from pixlm.tasks.base import Prediction
from pixlm.tasks.documents.screenshot import choose_part, cover, leaves, region, serialise


def leaf(text: str, top: int = 0, left: int = 0, **more) -> Node:
    return Node(box=PageBox(text, left, top, left + 6 * len(text), top + 8), **more)


TREE = Node(
    (
        Node((Node((leaf("Pro"),)), Node((leaf("$15", 10), leaf("</mo", 10, 30))))),
        leaf("20 users included", 20),
        leaf("", 25),
        leaf("img_src=a.png img_alt=A cat", 30, is_image=True),
    )
)


def test_nested_targets():
    assert serialise(TREE) == "<<<Pro> <<$15> <</mo>>> <20 users included> <img_src=a.png img_alt=A cat>>"
    assert serialise(Node((Node((leaf("x"),)),))) == "<x>"
    assert serialise(Node()) == ""


@pytest.mark.parametrize("most", [300, 60, 30, 12, 6])
def test_parts_fit(most):
    parts = [choose_part(TREE, np.random.default_rng(seed), most) for seed in range(30)]
    assert all(0 < len(serialise(part)) <= most for part in parts)
    texts = {serialise(part) for part in parts}
    assert (len(texts) == 1) == (most == 300)
    again = [serialise(choose_part(TREE, np.random.default_rng(seed), most)) for seed in range(30)]
    assert again == [serialise(part) for part in parts]


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_about_half_is_covered(ratio):
    texts = [one.box.text for one in leaves(TREE) if one.box and not one.is_image]
    total = sum(len(word) for text in texts for word in text.split())
    for seed in range(20):
        boxes = cover(TREE, np.random.default_rng(seed), ratio=ratio)
        covered = sum(len(box.text) for box in boxes)
        assert ratio * total <= covered < ratio * total + 8
        assert not any("cat" in box.text for box in boxes)
    line = Node((leaf("ab cde"),))
    spans = {(box.text, box.left, box.right) for box in cover(line, np.random.default_rng(0), ratio=1.0)}
    assert spans == {("ab", 0, 12), ("cde", 18, 36)}


def test_pages(tmp_path):
    tree = {"children": [{"text": f"line {n}", "box": [2, 10 * n, 40, 10 * n + 8]} for n in range(5)]}
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(encoded(page("x", size=(80, 60), colour="gray")))
        (tmp_path / f"{name}.json").write_text(json.dumps({"tree": tree}))
    task = find_task("screenshot").with_options({"max_characters": 30})
    first, second = task.read([tmp_path])
    sample = task.sample(first, None)
    assert sample.target == first.targets[0]
    assert sample.image.tobytes() == task.sample(first, None).image.tobytes()
    drawn = {task.sample(first, np.random.default_rng(seed)).target for seed in range(20)}
    assert len(drawn) > 1
    assert second.id != first.id
    area = region(choose_part(first.tree, np.random.default_rng(0), 30))
    image = task.sample(first, np.random.default_rng(0)).image
    assert image.getpixel((int(area.left), int(area.top))) == (0, 0, 255)
    whites = sum(count for count, colour in image.getcolors(100000) if colour == (255, 255, 255))
    assert whites > 50
    assert task.metrics([Prediction(first, first.targets[0]), Prediction(second, "")])["exact_match"] == 0.5


def test_pages_without_boxes(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(page()))
    (example,) = find_task("screenshot").read([tmp_path], labelled=False)
    assert find_task("screenshot").sample(example, None).target is None


@pytest.mark.parametrize(
    "tree",
    [
        {"text": "x"},
        {"text": "x", "box": [1, 2, 3]},
        {"children": ["x"]},
        {"children": "xy"},
        {"text": "x", "box": "left"},
    ],
)
def test_trees_that_make_no_sense(tree):
    with pytest.raises(AnnotationError, match="tree"):
        facts_of({"tree": tree})


def test_trees_without_end():
    tree: dict = {"text": "x", "box": [0, 0, 1, 1]}
    for _ in range(300):
        tree = {"children": [tree]}
    with pytest.raises(AnnotationError, match="deeper than"):
        facts_of({"tree": tree})


def test_the_lines_of_a_text_are_one_leaf():
    lines = [{"text": "a b", "box": [0, 0, 9, 9]}, {"text": "c", "box": [0, 10, 9, 19]}]
    (facts,) = facts_of({"tree": {"children": [{"lines": lines}, {"text": "d", "box": [0, 20, 9, 29]}]}})
    assert facts.tree is not None
    assert serialise(facts.tree) == "<<a b c> <d>>"
    rng = np.random.default_rng(0)
    assert {serialise(choose_part(facts.tree, rng, 6)) for _ in range(20)} == {"<a b>", "<c>", "<d>"}
    covered = {box.text for _ in range(20) for box in cover(facts.tree, rng, ratio=0.5)}
    assert covered == {"a", "b", "c", "d"}
    with pytest.raises(AnnotationError, match="no leaves"):
        facts_of({"tree": {"lines": [{"children": lines}]}})


def test_words_are_covered_where_the_data_say_that_they_stand():
    words = [{"text": "first", "box": [50, 0, 90, 9]}, {"text": "second", "box": [0, 0, 45, 9]}]
    (facts,) = facts_of({"tree": {"children": [{"text": "first second", "box": [0, 0, 90, 9], "words": words}]}})
    assert facts.tree is not None
    found = cover(facts.tree, np.random.default_rng(0), ratio=1)
    assert {(box.text, box.left, box.right) for box in found} == {("first", 50, 90), ("second", 0, 45)}
    with pytest.raises(AnnotationError, match="box of four numbers"):
        facts_of({"tree": {"children": [{"text": "a", "box": [0, 0, 1, 1], "words": [{"text": "a"}]}]}})
