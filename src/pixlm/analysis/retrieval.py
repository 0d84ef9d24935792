"""Finding a sentence's translation among those of another language by the cosine of mean vectors (PIXEL-M4, section on
retrieval; the task is that of Tatoeba, Artetxe and Schwenk 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pixlm.analysis.plots import new_figure, save_plot, style

Centre = Literal["all", "language", "none"]


@dataclass(frozen=True)
class Retrieved:
    """How often the translation is among the nearest: ``recalls`` by the number of sentences looked at (1: accuracy).

    Queries are the sentences of ``source``, looked up among all of ``target``; layer 0: the embeddings.
    """

    model: str
    layer: int
    source: str
    target: str
    recalls: dict[int, float]


def retrieve(
    vectors: Mapping[str, NDArray[np.float32]], name: str, layer: int, *, ks: Sequence[int] = (1, 5), centre: Centre
) -> list[Retrieved]:
    """Every ordered pair of languages, of one layer of the model called ``name``.

    Args:
        vectors: [sentences, D] of each language; row i says the same in all.
        centre: what is subtracted before: the mean of "all" vectors (as PIXEL-M4), of each "language", or "none".
    """
    unit = dict(zip(vectors, _unit(list(vectors.values()), centre), strict=True))
    found = []
    for source, target in permutations(unit, 2):
        ranks = _ranks(unit[source] @ unit[target].T)
        recalls = {k: float((ranks < k).mean()) for k in ks}
        found.append(Retrieved(name, layer, source, target, recalls))
    return found


def _unit(vectors: list[NDArray[np.float32]], centre: Centre) -> list[NDArray[np.float64]]:
    whole = np.concatenate(vectors).astype(np.float64).mean(axis=0) if centre == "all" else 0.0
    found = []
    for each in vectors:
        moved = each.astype(np.float64) - (each.mean(axis=0, dtype=np.float64) if centre == "language" else whole)
        found.append(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12))
    return found


def _ranks(similarities: NDArray[np.float64]) -> NDArray[Any]:
    """How many other sentences are as near as the right one: with equal vectors nothing is found by chance."""
    right = np.diagonal(similarities)[:, None]
    return (similarities >= right - 1e-12).sum(axis=1) - 1


def best_layer(results: Sequence[Retrieved], model: str) -> int:
    """The layer with the highest mean accuracy over all pairs."""
    layers = sorted({each.layer for each in results if each.model == model})
    return max(layers, key=lambda layer: _mean(results, model, layer))


def table(results: Sequence[Retrieved], chance: float) -> list[list[str]]:
    """Accuracy of every pair at the best layer of each model, in per cent, with its heading; last the mean."""
    models = list(dict.fromkeys(each.model for each in results))
    best = {model: best_layer(results, model) for model in models}
    rows = [["from", "to", *(f"{model} (layer {best[model]})" for model in models), "chance"]]
    for source, target in dict.fromkeys((each.source, each.target) for each in results):
        cells = [
            f"{each.recalls[1]:.1%}"
            for model in models
            for each in results
            if (each.model, each.layer, each.source, each.target) == (model, best[model], source, target)
        ]
        rows.append([source, target, *cells, f"{chance:.1%}"])
    rows.append(["mean", "", *(f"{_mean(results, model, best[model]):.1%}" for model in models), f"{chance:.1%}"])
    return rows


def plot(results: Sequence[Retrieved], chance: float, stem: Path) -> list[Path]:
    """Mean accuracy against the layer, and a heat map of all pairs for each model at its best layer."""
    models = list(dict.fromkeys(each.model for each in results))
    languages = list(dict.fromkeys(each.source for each in results))
    side = max(2.6, 0.42 * len(languages) + 1.6)
    figure = new_figure(4.2 + (side + 0.4) * len(models), max(side, 3.2))
    lines, *maps = figure.subplots(1, 1 + len(models), width_ratios=[4.2, *[side] * len(models)])
    most = max(max(each.recalls[1] for each in results), 1e-9)
    for number, (model, axis) in enumerate(zip(models, maps, strict=True)):
        layers = sorted({each.layer for each in results if each.model == model})
        means = [100 * _mean(results, model, layer) for layer in layers]
        lines.plot(layers, means, label=model, markersize=4, **style(number))
        best = best_layer(results, model)
        cells = np.full((len(languages), len(languages)), np.nan)
        for each in results:
            if (each.model, each.layer) == (model, best):
                cells[languages.index(each.source), languages.index(each.target)] = each.recalls[1]
        shown = axis.imshow(100 * cells, vmin=0, vmax=100 * most, cmap="viridis")
        axis.set_title(f"{model}, layer {best}", fontsize=10)
        axis.set_xticks(range(len(languages)), languages, rotation=60, ha="right", fontsize=8)
        axis.set_yticks(range(len(languages)), languages, fontsize=8)
        axis.set_xlabel("found in")
        if len(languages) <= 12:
            for (row, column), value in np.ndenumerate(cells):
                if not np.isnan(value):
                    colour = "white" if value < 0.6 * most else "black"
                    axis.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=8, color=colour)
    lines.axhline(100 * chance, color="black", linestyle=":", label="chance")
    lines.set_xlabel("layer")
    lines.set_ylabel("accuracy@1, %, mean over pairs")
    lines.grid(alpha=0.3)
    lines.xaxis.get_major_locator().set_params(integer=True)
    lines.legend(fontsize=8, frameon=False)
    figure.colorbar(shown, ax=maps, label="accuracy@1, %")
    return save_plot(figure, stem)


def _mean(results: Sequence[Retrieved], model: str, layer: int) -> float:
    own = [each.recalls[1] for each in results if (each.model, each.layer) == (model, layer)]
    return sum(own) / len(own)
