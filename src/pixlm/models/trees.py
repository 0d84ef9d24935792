"""From the scores of a dependency parser to heads.

Suffixes: W words, H candidate heads (W + 1, the root first), R relations.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class HeadDecoding(StrEnum):
    """How heads are chosen."""

    GREEDY = "greedy"
    """Each word its best head, as upstream does: the result need not be a tree."""
    TREE = "tree"
    """The best tree with one word attached to the root, as Universal Dependencies asks for."""


def decode_heads(
    arc_logits_WH: NDArray[np.floating], decoding: HeadDecoding = HeadDecoding.GREEDY
) -> NDArray[np.int64]:
    """The head of each word [W]: 0 = root, j = word j - 1. Give the rows and columns of real words only."""
    if decoding == HeadDecoding.TREE:
        return maximum_spanning_tree(arc_logits_WH)
    return np.asarray(arc_logits_WH.argmax(axis=1), np.int64)


def maximum_spanning_tree(scores_WH: NDArray[np.floating]) -> NDArray[np.int64]:
    """Heads [W] of the tree with the highest sum of scores in which exactly one word hangs on the root.

    Chu-Liu/Edmonds on the dense matrix. Adding a constant to all scores of a word changes no tree, so logits serve as
    well as log-probabilities.

    Args:
        scores_WH: [W, W + 1]; column 0 is the root. Not finite scores count as very low.
    """
    num_words = len(scores_WH)
    if scores_WH.shape != (num_words, num_words + 1):
        raise ValueError(f"scores must be [words, words + 1], not {list(scores_WH.shape)}")
    if num_words == 0:
        return np.zeros(0, np.int64)
    known = np.where(np.isfinite(scores_WH), scores_WH, np.nan).astype(np.float64)
    lowest, highest = (np.nanmin(known), np.nanmax(known)) if not np.isnan(known).all() else (0.0, 0.0)
    spread = highest - lowest + 1
    scores = np.zeros((num_words + 1, num_words + 1))
    scores[1:] = np.nan_to_num(known - lowest, nan=-spread)
    # A penalty that outweighs all else leaves one word at the root (Zmigrod et al. 2020, "Please Mind the Root").
    scores[1:, 0] -= 2 * spread * (num_words + 1)
    return _arborescence(scores)[1:]


def _arborescence(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Best incoming edge of every node of a graph rooted at node 0; ``scores[dependent, head]``."""
    scores = scores.copy()
    np.fill_diagonal(scores, -np.inf)
    heads = scores.argmax(axis=1)
    heads[0] = 0
    cycle = _cycle(heads)
    if cycle is None:
        return heads
    rest = np.setdiff1d(np.arange(len(heads)), cycle)
    # The cycle becomes one node, the last of the smaller graph. Entering it at a node costs that node's cycle edge.
    entering = scores[cycle] - scores[cycle, heads[cycle]][:, None]
    smaller = np.full((len(rest) + 1, len(rest) + 1), -np.inf)
    smaller[:-1, :-1] = scores[np.ix_(rest, rest)]
    smaller[-1, :-1] = entering[:, rest].max(axis=0)
    smaller[:-1, -1] = scores[np.ix_(rest, cycle)].max(axis=1)
    best = _arborescence(smaller)
    for node, head in zip(rest[1:], best[1:-1], strict=True):
        heads[node] = rest[head] if head < len(rest) else cycle[scores[node, cycle].argmax()]
    source = rest[best[-1]]
    broken = cycle[entering[:, source].argmax()]
    heads[broken] = source
    return heads


def _cycle(heads: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The nodes of one cycle among the edges node -> head; None for a tree rooted at 0."""
    done = np.zeros(len(heads), bool)
    done[0] = True
    for start in range(1, len(heads)):
        path: list[int] = []
        node = start
        while not done[node]:
            done[node] = True
            path.append(node)
            node = int(heads[node])
        if node in path:
            return np.array(path[path.index(node) :])
    return None
