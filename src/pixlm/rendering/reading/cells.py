"""Cells that may be on a line, what each costs, and the cheapest ones that cover the line.

Costs are in nats: squared errors over twice the variance of the noise, and how implausible the text is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pixlm.rendering.reading.context import Plausibility
from pixlm.rendering.reading.spelling import Spelt

#: Squared error below which a picture is the one that was drawn; one grey level of one pixel is 1.5e-5.
EXACT = 1e-3
NOISE_FLOOR = (1 / 255) ** 2
ERR_TOGETHER = 16  # pixels that count as one where a picture differs in its shape
_BLANK_COST = 10.0  # white patches inside a text are rare
_TOGETHER = 24  # fits of each of two cells that are compared together

BLANK = Spelt((), np.zeros((0, 1), np.float32))


@dataclass(frozen=True)
class Fit:
    """A cell that may be what is on the strip, and its squared error."""

    error: float
    spelt: Spelt

    def cost(self, plausibility: Plausibility, noise: float) -> float:
        return self.error / (2 * noise) + self.prior(plausibility)

    def prior(self, plausibility: Plausibility) -> float:
        return plausibility.of_units(self.spelt.texts) if self.spelt.texts else _BLANK_COST


@dataclass(frozen=True)
class Found:
    """A cell at patch ``start`` and what fits there, best first; ``energy``: the square of its ink."""

    start: int
    patches: int
    pixels: int
    fits: tuple[Fit, ...]
    energy: float

    def ranked(self, plausibility: Plausibility, noise: float) -> Found:
        """The same with the fits in order of their cost."""
        if len(self.fits) == 1:
            return self
        return replace(self, fits=tuple(sorted(self.fits, key=lambda fit: fit.cost(plausibility, noise))))


def choose(found: Sequence[Found], line: np.ndarray, plausibility: Plausibility, noise: float) -> list[Found]:
    """The cells that cover a line, uint8 [W, P], at the least cost; those whose ink overlaps, compared together."""
    ranked = [cell.ranked(plausibility, noise) for cell in found]
    path = _cheapest(ranked, len(line) // line.shape[1], plausibility, noise)
    for place in range(len(path) - 1):
        one, two = path[place], path[place + 1]
        if any(fit.spelt.reaches_right for fit in one.fits) or any(fit.spelt.reaches_left for fit in two.fits):
            path[place : place + 2] = _together(one, two, line, plausibility, noise)
    return path


def noise_on_white(line: np.ndarray) -> float:
    """Variance of the noise where a line is white, at its upper and lower edge. What is whiter than white is clipped:
    three quarters of such noise are below 0.674 standard deviations."""
    edges = np.concatenate([line[:, :2], line[:, -2:]], axis=1) / 255
    return max(float(np.quantile(edges, 0.75) / 0.674) ** 2, NOISE_FLOOR)


def noise_of(path: Sequence[Found], white: float) -> float:
    """Variance of the error of a pixel. What is more than the noise on white is none, and there pixels err together."""
    residual = float(np.median([cell.fits[0].error / cell.pixels for cell in path])) if path else 0.0
    return max(residual, NOISE_FLOOR) + ERR_TOGETHER * max(residual - white, 0.0)


def _cheapest(found: Sequence[Found], length: int, plausibility: Plausibility, noise: float) -> list[Found]:
    cost = [0.0] + [math.inf] * length
    back: list[Found | None] = [None] * (length + 1)
    for cell in sorted(found, key=lambda cell: cell.start):
        end, total = cell.start + cell.patches, cost[cell.start] + cell.fits[0].cost(plausibility, noise)
        if total < cost[end]:
            cost[end], back[end] = total, cell
    path: list[Found] = []
    while length > 0 and (last := back[length]) is not None:
        path.append(last)
        length = last.start
    return path[::-1]


def _together(
    one: Found, two: Found, line: np.ndarray, plausibility: Plausibility, noise: float
) -> tuple[Found, Found]:
    """Two neighbours with the errors and the order of their fits beside each other."""
    patch = line.shape[1]
    ones, twos = one.fits[:_TOGETHER], two.fits[:_TOGETHER]
    border = two.start * patch
    ink = line[border - patch : border + patch].astype(np.float32) / 255
    lefts = np.stack([_edge(fit.spelt, slice(-2 * patch, None), patch) for fit in ones])
    rights = np.stack([_edge(fit.spelt, slice(0, 2 * patch), patch) for fit in twos])
    both = lefts[:, None] + rights[None] - lefts[:, None] * rights[None]
    joint = np.square(ink - both).sum(axis=3)  # [ones, twos, columns]
    # Every fit's error already holds what it does on its own columns of the two patches.
    own_left = np.square(ink - lefts)[:, :patch].sum(axis=(1, 2))
    own_right = np.square(ink - rights)[:, patch:].sum(axis=(1, 2))
    left_errors = np.array([fit.error for fit in ones])[:, None] - own_left[:, None] + joint[:, :, :patch].sum(axis=2)
    right_errors = np.array([fit.error for fit in twos]) - own_right + joint[:, :, patch:].sum(axis=2)
    costs = (left_errors + right_errors) / (2 * noise)
    costs += np.array([fit.prior(plausibility) for fit in ones])[:, None]
    costs += np.array([fit.prior(plausibility) for fit in twos])
    row, column = np.unravel_index(int(costs.argmin()), costs.shape)
    return (
        _with_errors(one, ones, left_errors[:, column], plausibility, noise),
        _with_errors(two, twos, right_errors[row], plausibility, noise),
    )


def _with_errors(
    cell: Found, fits: Sequence[Fit], errors: np.ndarray, plausibility: Plausibility, noise: float
) -> Found:
    changed = (replace(fit, error=max(error, 0.0)) for fit, error in zip(fits, errors.tolist(), strict=True))
    return replace(cell, fits=tuple(changed)).ranked(plausibility, noise)


def _edge(spelt: Spelt, columns: slice, patch: int) -> np.ndarray:
    """The ink of a cell on its first or last patch and the one beside it: float32 [2*P, P]."""
    return spelt.drawn[columns] if len(spelt.drawn) else np.zeros((2 * patch, patch), np.float32)
