"""Reading words letter by letter: the chain of units that explains a line's pixels best (Viterbi over its columns).

For the strategy "words", where a cell is a whole word and no list of words is ever complete. A unit begins where the
one before it ends, give or take a pixel of kerning; a word begins at a patch border and ends with a space's width.
That of a right-to-left word is on its left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pixlm.rendering.reading.units import UnitBank

MARGIN = 2  # pixels left of the first word of a line and right of the last
_OF_UNIT = 0.02  # squared ink: of two explanations the one with fewer units
_KERNING = {0: 0.0, -1: 0.1, 1: 0.1, -2: 0.3}  # the same, for units that stand closer or wider by so many pixels


@dataclass(frozen=True)
class Chain:
    """A word: its patches, and its units with the columns at which they begin, from the left end of the word."""

    start: int
    patches: int
    units: tuple[int, ...]
    columns: tuple[int, ...]


def read_chains(line: np.ndarray, bank: UnitBank, space: int, rtl: bool) -> list[Chain]:
    """The words of a line.

    Args:
        line: ink, float32 [L*P, P].
        bank: letters, clusters and their contextual forms.
        space: width of a space in pixels.
        rtl: words have it on the left.
    """
    width, patch = line.shape
    energy = np.append(0.0, np.cumsum(np.square(line).sum(axis=1, dtype=np.float64))).tolist()
    matches = _matches(line, bank)
    # Cheapest way to the end of a unit (``inside``) and to the beginning of a word (``outside``), and how it came
    # there: the last unit with its column and whether it is the first of its word, or the column where a word ended.
    inside = [math.inf] * (width + 1)
    outside = [math.inf] * (width + 1)
    unit_before = [(0, 0, False)] * (width + 1)
    word_before = [0] * (width + 1)
    outside[0] = 0.0
    outside[MARGIN] = energy[MARGIN]  # the first word of a line begins after a margin
    befores = (0, space) if rtl else (0,)
    for x in range(width + 1):
        if inside[x] < math.inf:
            # The last word of a line has a margin in place of the space; its end need not be at hand.
            after = 0 if rtl else space
            for behind in (after, MARGIN) if x + space + patch >= width else (after,):
                border = min(-(-(x + behind) // patch) * patch, width)
                cost = inside[x] + energy[border] - energy[x]
                if cost < outside[border]:
                    outside[border], word_before[border] = cost, x
        at_start = min(
            (
                outside[start] + energy[x] - energy[start]
                for before in befores
                if (start := x - before) >= 0 and (start % patch == 0 or start == MARGIN)
            ),
            default=math.inf,
        )
        cost, is_first = (at_start, True) if at_start <= inside[x] else (inside[x], False)
        if cost == math.inf:
            continue
        for advance, (units, errors) in matches.items():
            if x >= len(units):
                continue
            total = cost + errors[x] + _OF_UNIT
            for shift, penalty in _KERNING.items():
                end = x + advance + shift
                if end <= x or end > width:
                    continue
                value = total + penalty + (energy[end] - energy[x + advance] if shift > 0 else 0.0)
                if value < inside[end]:
                    inside[end], unit_before[end] = value, (x, units[x], is_first)
    return _back(width, patch, outside, word_before, unit_before)


def _matches(line: np.ndarray, bank: UnitBank) -> dict[int, tuple[list[int], list[float]]]:
    """For each advance: the unit that fits best at each column, and its squared error on its columns."""
    squares = np.append(0.0, np.cumsum(np.square(line).sum(axis=1, dtype=np.float64)))
    found = {}
    for advance, group in bank.groups.items():
        if advance > len(line):
            continue
        windows = sliding_window_view(line, advance, axis=0).transpose(0, 2, 1).reshape(len(line) - advance + 1, -1)
        errors = group.norms - 2 * (windows @ group.ink.T)
        best = errors.argmin(axis=1)
        own = squares[advance:] - squares[:-advance]
        values = np.maximum(errors[np.arange(len(best)), best] + own, 0)
        found[advance] = group.units[best].tolist(), values.tolist()
    return found


def _back(
    width: int,
    patch: int,
    outside: list[float],
    word_before: list[int],
    unit_before: list[tuple[int, int, bool]],
) -> list[Chain]:
    if outside[width] == math.inf:
        return []
    chains = []
    border = width
    while border > 0:
        x = word_before[border]
        units: list[int] = []
        columns: list[int] = []
        first = False
        while not first:
            x, unit, first = unit_before[x]
            units.append(unit)
            columns.append(x)
        start = x - x % patch
        chains.append(
            Chain(
                start // patch, (border - start) // patch, tuple(units[::-1]), tuple(c - start for c in columns[::-1])
            )
        )
        border = start
    return chains[::-1]
