"""Scores of extracted JSON: Donut's tree accuracy and field F1 (Kim et al. 2022, section 3.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from apted import APTED, Config
from rapidfuzz.distance import Levenshtein


def normalise(value: Any) -> Any:
    """The form in which values are compared: keys by length and name, leaves as stripped strings in lists, without what
    is empty, zero or false; of lists that mix objects and scalars the scalars only."""
    if not value:
        return {}
    if isinstance(value, dict):
        parts = ((key, normalise(value[key])) for key in sorted(value, key=lambda key: (len(key), key)))
        return {key: part if isinstance(part, list) else [part] for key, part in parts if part}
    if not isinstance(value, list):
        return [str(value).strip()]
    if all(isinstance(item, dict) for item in value):
        return [part for item in value if (part := normalise(item))]
    return [str(item).strip() for item in value if type(item) in (str, int, float) and str(item).strip()]


def fields(value: Any) -> list[tuple[str, str]]:
    """The leaves of a value with their paths: ``("menu.nm", "cake")``."""
    return list(_leaves(normalise(value), ""))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(part, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, value


def field_f1(wanted: Sequence[Any], given: Sequence[Any]) -> float:
    """F1 of (path, leaf) pairs over all pages together. The order of list items does not matter; 1 where there is
    nothing on either side."""
    right = sides = 0
    for one, other in zip(wanted, given, strict=True):
        expected, found = Counter(fields(one)), Counter(fields(other))
        right += (expected & found).total()
        sides += expected.total() + found.total()
    return 2 * right / sides if sides else 1.0


def tree_accuracy(wanted: Any, given: Any) -> float:
    """1 - (edits from what is given to what is wanted) / (edits from nothing), 0 at least, of the two as trees.

    Edits of leaves count characters, those of keys count 1. The order of list items matters. Where nothing is wanted
    it is 1 if nothing is given, else 0.
    """
    target = _tree("<root>", normalise(wanted))
    effort = _distance(_tree("<root>", {}), target)
    if effort == 0:
        return float(not normalise(given))
    return max(0.0, 1 - _distance(_tree("<root>", normalise(given)), target) / effort)


@dataclass
class _Node:
    """name: of a key, or the text of a leaf."""

    name: str
    is_leaf: bool = False
    children: list[_Node] = field(default_factory=list)


def _tree(name: str, value: Any) -> _Node:
    node = _Node(name)
    if isinstance(value, dict):
        node.children = [_tree(key, part) for key, part in value.items()]
    elif all(isinstance(item, dict) for item in value):
        node.children = [_tree("<subtree>", item) for item in value]
    else:
        node.children = [_Node(item, is_leaf=True) for item in value]
    return node


class _Costs(Config):
    def delete(self, node: _Node) -> int:
        return len(node.name) if node.is_leaf else 1

    insert = delete

    def rename(self, node1: _Node, node2: _Node) -> int:
        if node1.is_leaf and node2.is_leaf:
            return Levenshtein.distance(node1.name, node2.name)
        if node1.is_leaf or node2.is_leaf:
            return 1 + len(node1.name if node1.is_leaf else node2.name)
        return int(node1.name != node2.name)

    def children(self, node: _Node) -> list[_Node]:
        return node.children


def _distance(given: _Node, wanted: _Node) -> float:
    return float(APTED(given, wanted, _Costs()).compute_edit_distance())
