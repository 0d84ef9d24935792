"""Classes and numbers of texts: the metrics of GLUE, NLI and SIB-200, by scikit-learn and SciPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Values = Sequence[Any]


def accuracy(gold: Values, predicted: Values) -> float:
    """Share of right classes."""
    return sum(one == other for one, other in zip(gold, predicted, strict=True)) / len(gold)


def f1(gold: Values, predicted: Values, *, positive: Any) -> float:
    """F1 of the class ``positive``, of two: MRPC's "equivalent", QQP's "duplicate"."""
    from sklearn.metrics import f1_score

    return float(f1_score([one == positive for one in gold], [one == positive for one in predicted], zero_division=0))


def macro_f1(gold: Values, predicted: Values) -> float:
    """Mean F1 of the classes that occur in either."""
    from sklearn.metrics import f1_score

    return float(f1_score(list(gold), list(predicted), average="macro", zero_division=0))


def matthews(gold: Values, predicted: Values) -> float:
    """Matthews' correlation coefficient, -1..1; 0 where one side is constant."""
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(list(gold), list(predicted)))


def pearson(gold: Values, predicted: Values) -> float:
    """Pearson's correlation, -1..1; 0 where one side is constant, and for fewer than two rows."""
    from scipy.stats import pearsonr

    return 0.0 if _constant(gold, predicted) else float(pearsonr(gold, predicted).statistic)


def spearman(gold: Values, predicted: Values) -> float:
    """Spearman's rank correlation, -1..1; 0 where one side is constant, and for fewer than two rows."""
    from scipy.stats import spearmanr

    return 0.0 if _constant(gold, predicted) else float(spearmanr(gold, predicted).statistic)


def _constant(gold: Values, predicted: Values) -> bool:
    return len(gold) < 2 or bool(np.ptp(np.asarray(gold)) == 0 or np.ptp(np.asarray(predicted)) == 0)


Metric = Callable[[Values, Values], float]

GLUE_METRICS: Mapping[str, Mapping[str, Metric]] = {
    "cola": {"matthews": matthews},
    "sst2": {"accuracy": accuracy},
    "mrpc": {"accuracy": accuracy, "f1": lambda gold, given: f1(gold, given, positive="equivalent")},
    "qqp": {"accuracy": accuracy, "f1": lambda gold, given: f1(gold, given, positive="duplicate")},
    "stsb": {"pearson": pearson, "spearman": spearman},
    "mnli": {"accuracy": accuracy},
    "qnli": {"accuracy": accuracy},
    "rte": {"accuracy": accuracy},
    "wnli": {"accuracy": accuracy},
}
"""The official metrics of each task, by the names of its labels; PIXEL's table has F1 for MRPC and QQP, Spearman."""

CLASS_METRICS: Mapping[str, Metric] = {"accuracy": accuracy, "macro_f1": macro_f1}
NUMBER_METRICS: Mapping[str, Metric] = {"pearson": pearson, "spearman": spearman}


def class_scores(gold: Values, predicted: Values, metrics: Mapping[str, Metric]) -> dict[str, float]:
    """Each metric of rows whose label is known (not None); empty where there is none."""
    rows = [(one, other) for one, other in zip(gold, predicted, strict=True) if one is not None]
    if not rows:
        return {}
    known, given = [one for one, _ in rows], [other for _, other in rows]
    return {name: metric(known, given) for name, metric in metrics.items()}
