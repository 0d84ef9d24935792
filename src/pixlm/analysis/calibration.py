"""Whether a classifier is right as often as it says: calibration error and reliability diagrams (Guo et al. 2017)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pixlm.analysis.plots import new_figure, save_plot, style
from pixlm.data.lines import read_lines
from pixlm.errors import UsageError
from pixlm.tasks.scoring.calibration import BINS, bin_of, expected_calibration_error

_LEAST = 1e-12
_ROUNDING = 0.02
"""By which probabilities may differ from 1 together: some may have been written with two digits."""


@dataclass(frozen=True)
class Bin:
    """Answers given with a probability in (low, high]; confidence, accuracy: their means, 0 for an empty bin."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """expected: the mean distance of accuracy and confidence over bins of equal width, weighted by their sizes (ECE);
    maximum: the largest of a bin; adaptive: as expected, over bins of equal size; brier: the squared error of the
    probabilities, summed over classes; likelihood: the mean negative log-likelihood of the labels, in nats."""

    examples: int
    accuracy: float
    confidence: float
    expected: float
    maximum: float
    adaptive: float
    brier: float
    likelihood: float
    bins: tuple[Bin, ...]


def calibration(scores: Sequence[Mapping[str, float]], labels: Sequence[str], *, bins: int = BINS) -> Calibration:
    """Measure probabilities against labels.

    Args:
        scores: of each example, the probability of every class; labels: the right ones.
    """
    assert len(scores) == len(labels) > 0
    guesses = [max(row, key=lambda name: row[name]) for row in scores]
    confident = np.array([row[guess] for row, guess in zip(scores, guesses, strict=True)])
    right = np.array([guess == label for guess, label in zip(guesses, labels, strict=True)], float)
    places = bin_of(confident, bins)
    found = tuple(_bin(number, bins, confident[places == number], right[places == number]) for number in range(bins))
    gaps = np.array([abs(each.accuracy - each.confidence) for each in found])
    order = np.argsort(confident, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    adaptive = sum(len(part) * abs(right[part].mean() - confident[part].mean()) for part in parts) / len(labels)
    pairs = list(zip(scores, labels, strict=True))
    return Calibration(
        examples=len(labels),
        accuracy=float(right.mean()),
        confidence=float(confident.mean()),
        expected=expected_calibration_error(confident, right, bins=bins),
        maximum=float(gaps.max()),
        adaptive=float(adaptive),
        brier=sum(sum((p - (name == label)) ** 2 for name, p in row.items()) for row, label in pairs) / len(pairs),
        likelihood=-sum(math.log(max(row.get(label, 0.0), _LEAST)) for row, label in pairs) / len(pairs),
        bins=found,
    )


def _bin(number: int, bins: int, confident: np.ndarray, right: np.ndarray) -> Bin:
    if not len(right):
        return Bin(number / bins, (number + 1) / bins, 0, 0.0, 0.0)
    return Bin(number / bins, (number + 1) / bins, len(right), float(confident.mean()), float(right.mean()))


def read_predictions(path: Path) -> tuple[list[dict[str, float]], list[str]]:
    """(probabilities, labels) of a predictions.jsonl; examples without a label are left out.

    Raises:
        UsageError: a file of another kind (names file and line), without probabilities or without labels.
    """
    scores: list[dict[str, float]] = []
    labels: list[str] = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            row: Any = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise UsageError(f"{path}:{number}: not a line of predictions.jsonl")
        given = row.get("scores")
        if not isinstance(given, dict) or not given or not all(isinstance(p, float | int) for p in given.values()):
            raise UsageError(
                f"{path}:{number}: has no probabilities (scores); calibration is for tasks that give texts a class: "
                "glue, nli, xnli, topic, classify"
            )
        whole = sum(given.values())
        if (
            not all(-1e-6 <= p <= 1 + 1e-6 for p in given.values()) or not 1 - _ROUNDING <= whole <= 1 + _ROUNDING
        ):  # NaN is neither
            raise UsageError(f"{path}:{number}: scores are no probabilities: they must be from 0 to 1, and 1 together")
        if row.get("label") is not None:
            scores.append({str(name): float(p) for name, p in given.items()})
            labels.append(str(row["label"]))
    if not labels:
        raise UsageError(f"{path}: no example has a label to compare with")
    return scores, labels


def plot(found: Mapping[str, Calibration], stem: Path) -> list[Path]:
    """A reliability diagram for each set of predictions: accuracy against confidence; grey: how many answers."""
    columns = min(3, len(found))
    lines = -(-len(found) // columns)
    figure = new_figure(1.0 + 3.2 * columns, 0.6 + 3.4 * lines)
    axes = figure.subplots(lines, columns, squeeze=False)
    for number, (axis, (name, one)) in enumerate(zip(axes.flat, found.items(), strict=False)):
        used = [each for each in one.bins if each.count]
        axis.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1)
        most = max(each.count for each in used)
        width = 1 / len(one.bins)
        axis.bar(
            [each.low + width / 2 for each in one.bins],
            [0.25 * each.count / most for each in one.bins],
            width=width,
            color="0.85",
            label="answers",
        )
        axis.plot([each.confidence for each in used], [each.accuracy for each in used], markersize=5, **style(number))
        axis.set_xlim(0, 1)
        axis.set_ylim(0, 1)
        axis.set_title(f"{name}\nECE {one.expected:.3f}, accuracy {one.accuracy:.1%}", fontsize=9)
        axis.set_xlabel("confidence")
        axis.set_ylabel("accuracy")
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(found) :]:
        axis.remove()
    return save_plot(figure, stem)
