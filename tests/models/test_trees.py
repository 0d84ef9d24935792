"""From scores to trees: against networkx and against trying all trees."""

from __future__ import annotations

import itertools

import networkx
import numpy as np
import pytest

from pixlm.models import HeadDecoding, decode_heads, maximum_spanning_tree


def is_tree(heads) -> bool:
    for word in range(1, len(heads) + 1):
        seen = set()
        while word:
            if word in seen:
                return False
            seen.add(word)
            word = heads[word - 1]
    return True


def total(scores, heads) -> float:
    return sum(scores[word, head] for word, head in enumerate(heads))


@pytest.mark.parametrize("seed", range(20))
def test_best_of_all_trees_with_one_root(seed):
    words = 1 + seed % 5
    scores = np.random.default_rng(seed).normal(size=(words, words + 1)) * 3
    trees = [
        heads for heads in itertools.product(range(words + 1), repeat=words) if heads.count(0) == 1 and is_tree(heads)
    ]
    best = max(trees, key=lambda heads: total(scores, heads))
    assert maximum_spanning_tree(scores).tolist() == list(best)


@pytest.mark.parametrize("seed", range(5))
def test_long_sentences_against_networkx(seed):
    words = 25
    scores = np.random.default_rng(seed).normal(size=(words, words + 1))
    scores[:, 1:] += 5 * np.random.default_rng(seed + 100).random((words, words)) > 4  # cycles
    graph = networkx.DiGraph()
    for word in range(words):
        for head in range(words + 1):
            if head != word + 1:
                penalty = 1000 if head == 0 else 0
                graph.add_edge(head, word + 1, weight=scores[word, head] - penalty)
    tree = networkx.maximum_spanning_arborescence(graph)
    expected = [next(iter(tree.predecessors(word + 1))) for word in range(words)]
    heads = maximum_spanning_tree(scores)
    assert heads.tolist() == expected
    assert is_tree(heads)


def test_greedy_may_not_be_a_tree():
    scores = np.array([[0.0, -9, 5], [1, 5, -9]])
    assert decode_heads(scores).tolist() == [2, 1]
    assert decode_heads(scores, HeadDecoding.TREE).tolist() == [2, 0]


def test_odd_scores():
    assert maximum_spanning_tree(np.zeros((0, 1))).tolist() == []
    assert maximum_spanning_tree(np.full((3, 4), np.nan)).shape == (3,)
    assert is_tree(maximum_spanning_tree(np.full((4, 5), -np.inf)))
    assert is_tree(maximum_spanning_tree(np.full((6, 7), np.finfo(np.float32).min, np.float32)))
    with pytest.raises(ValueError, match=r"\[words, words \+ 1\]"):
        maximum_spanning_tree(np.zeros((3, 3)))
