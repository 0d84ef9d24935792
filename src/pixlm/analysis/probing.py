"""What a linear classifier can read off each layer about words (LINSPECTOR; Şahin et al. 2020), beside controls.

The probe is logistic regression on standardised vectors; its L2 penalty is chosen on dev among :data:`PENALTIES`.
Beside it stand the train split's most frequent label, the same architecture untrained, and a control task (Hewitt and
Liang 2019): a random label for every word. Words of LINSPECTOR's test splits are not in train, so nobody could guess
their random labels; what is compared is how well the *train* split is fitted with real and with random labels.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from pixlm.analysis.features import features
from pixlm.data.readers.probing import ProbeExample, ProbeTask
from pixlm.errors import UsageError
from pixlm.inference import PixelLM

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2)
"""On the mean cross entropy; PIXEL-M4's grid."""
STEPS = 200
"""Of L-BFGS at most."""


@dataclass(frozen=True)
class Probed:
    """What was read off one layer (0: the embeddings) of one model; accuracies.

    train, dev, test: with the real labels; control: on train, with a random label a word; penalty: chosen on dev.
    """

    task: str
    language: str
    model: str
    layer: int
    train: float
    dev: float
    test: float
    control: float | None
    penalty: float

    @property
    def selectivity(self) -> float | None:
        """How much better real labels are fitted than random ones."""
        return None if self.control is None else self.train - self.control


def limited(task: ProbeTask, limit: int | None, seed: int) -> ProbeTask:
    """A task with ``limit`` rows of each split at most, drawn with ``seed``: all that is measured is measured on
    these.

    Raises UsageError where that leaves nothing to tell apart.
    """
    splits = {
        split: rows
        if limit is None or len(rows) <= limit
        else [rows[place] for place in np.sort(np.random.default_rng(seed).permutation(len(rows))[:limit])]
        for split, rows in task.splits.items()
    }
    if len({example.label for example in splits["train"]}) < 2:
        raise UsageError(f"--limit {limit} leaves {task.language} {task.name} one label only; give more")
    return dataclasses.replace(task, splits=splits)


def majority(task: ProbeTask) -> float:
    """Accuracy on test of the most frequent label of train."""
    counts = Counter(example.label for example in task.splits["train"])
    guess = max(sorted(counts), key=lambda label: counts[label])
    test = task.splits["test"]
    return sum(example.label == guess for example in test) / len(test)


def probe(
    model: PixelLM,
    task: ProbeTask,
    name: str,
    *,
    seed: int = 42,
    pairs: Literal["together", "apart"] = "together",
    control: bool = True,
    batch_size: int = 64,
    on_batch: Callable[[int], None] | None = None,
) -> list[Probed]:
    """Probe every layer of a model for one task.

    Args:
        name: what the model is called in the results.
        pairs: tasks about two words: "together" as one text, as PIXEL-M4 does, or "apart", one vector beside the other.
        control: also fit random labels.
    """
    splits = task.splits
    rows = [example for part in splits.values() for example in part]
    vectors = _vectors(model, rows, task.contextual, pairs, batch_size, on_batch)
    known = sorted({example.label for example in splits["train"]})
    # A label that train does not have cannot be right.
    gold = np.array([known.index(example.label) if example.label in known else -1 for example in rows])
    ends = np.cumsum([len(part) for part in splits.values()])
    places = dict(zip(splits, np.split(np.arange(len(rows)), ends[:-1]), strict=True))
    drawn = random_labels([rows[place] for place in places["train"]], gold[places["train"]], seed) if control else None
    found = []
    for layer, each in enumerate(vectors):
        scaled = _standardised(each, places["train"])
        fits = [_fit(scaled[places["train"]], gold[places["train"]], penalty) for penalty in PENALTIES]
        scores = [_accuracy(fit, scaled[places["dev"]], gold[places["dev"]]) for fit in fits]
        best = int(np.argmax(scores))
        memorised = None
        if drawn is not None:
            fit = _fit(scaled[places["train"]], drawn, PENALTIES[best])
            memorised = _accuracy(fit, scaled[places["train"]], drawn)
        found.append(
            Probed(
                task=task.name,
                language=task.language,
                model=name,
                layer=layer,
                train=_accuracy(fits[best], scaled[places["train"]], gold[places["train"]]),
                dev=scores[best],
                test=_accuracy(fits[best], scaled[places["test"]], gold[places["test"]]),
                control=memorised,
                penalty=PENALTIES[best],
            )
        )
    return found


def units_of(task: ProbeTask, pairs: str) -> int:
    """How many texts :func:`probe` encodes for a task: what its progress counts to."""
    rows = [row for part in task.splits.values() for row in part]
    return sum(len(row.words) if pairs == "apart" and row.place is None else 1 for row in rows)


def random_labels(examples: Sequence[ProbeExample], gold: NDArray[Any], seed: int) -> NDArray[Any]:
    """A label for every row, the same for the same word, distributed as the real ones."""
    types = sorted({example.type for example in examples})
    drawn = np.random.default_rng(seed).choice(gold, size=len(types))
    label = dict(zip(types, drawn.tolist(), strict=True))
    return np.array([label[example.type] for example in examples])


def _vectors(
    model: PixelLM,
    rows: Sequence[ProbeExample],
    contextual: bool,
    pairs: str,
    batch_size: int,
    on_batch: Callable[[int], None] | None,
) -> NDArray[np.float32]:
    if contextual:
        places = [row.place or 0 for row in rows]
        sentences = [list(row.words) for row in rows]
        return features(model, sentences, words=places, batch_size=batch_size, on_batch=on_batch).vectors
    if pairs == "together":
        return features(model, [row.type for row in rows], batch_size=batch_size, on_batch=on_batch).vectors
    parts = [
        features(model, [row.words[at] for row in rows], batch_size=batch_size, on_batch=on_batch).vectors
        for at in range(len(rows[0].words))
    ]
    return np.concatenate(parts, axis=2)


def _standardised(vectors: NDArray[np.float32], train: NDArray[Any]) -> NDArray[np.float32]:
    mean, deviation = vectors[train].mean(axis=0), vectors[train].std(axis=0)
    return (vectors - mean) / np.maximum(deviation, 1e-6)


def _fit(vectors: NDArray[np.float32], labels: NDArray[Any], penalty: float) -> Any:
    if np.ptp(labels) == 0:  # as random labels of few words can be
        return DummyClassifier().fit(vectors, labels)
    with warnings.catch_warnings():
        # The last bit of a fit changes no prediction worth having.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=1 / (2 * len(labels) * penalty), max_iter=STEPS).fit(vectors, labels)


def _accuracy(fit: Any, vectors: NDArray[np.float32], labels: NDArray[Any]) -> float:
    return float((fit.predict(vectors) == labels).mean())
