"""Sentences as points in the plane: PCA, t-SNE (van der Maaten and Hinton 2008), UMAP (McInnes et al. 2018)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlm.analysis.plots import COLOURS, MARKERS, new_figure, save_plot
from pixlm.errors import UsageError
from pixlm.rendering.unicode.properties import SCRIPT
from pixlm.rendering.unicode.scripts import NO_SCRIPT

METHODS = ("tsne", "umap", "pca")
FEWEST = 5
"""Sentences that can be arranged at all."""
_SAME = 1e-6
"""Vectors of length 1 that differ by less are the same but for rounding."""
_COLUMNS = 4
_NEIGHBOURS = 10


@dataclass(frozen=True)
class Panel:
    """One layer of one model; points: [sentences, 2]; purity: how many of the ten nearest vectors (before they are
    arranged in the plane) have the same colour, on average; expected: the same if colours were dealt out at random."""

    model: str
    layer: int
    points: NDArray[np.float32]
    purity: float
    expected: float


def project(
    vectors: NDArray[np.float32], method: str, *, seed: int = 42, perplexity: float = 30.0
) -> NDArray[np.float32]:
    """Vectors [n, D] as points [n, 2]; the vectors get length 1 first, as in PIXEL-M4.

    Args:
        method: "tsne", "umap" or "pca".
        perplexity: how many neighbours count (t-SNE, UMAP), at most a third of the others.

    Raises:
        UsageError: too few vectors, vectors that are all the same, a package that is missing.
    """
    if len(vectors) < FEWEST:
        raise UsageError(f"{len(vectors)} sentences are too few for a projection; give {FEWEST} or more")
    near = min(perplexity, (len(vectors) - 1) / 3)
    unit = _unit(vectors)
    if np.ptp(unit, axis=0).max() < _SAME:  # scikit-learn's t-SNE divides by their spread, and ends the process
        raise UsageError(f"all {len(vectors)} sentences have the same vector: there is nothing to arrange")
    if method == "pca":
        from sklearn.decomposition import PCA

        return np.asarray(PCA(2, svd_solver="full").fit_transform(unit), np.float32)
    if method == "tsne":
        from sklearn.manifold import TSNE

        made = TSNE(2, perplexity=near, init="pca", learning_rate="auto", random_state=seed)
        return np.asarray(made.fit_transform(unit), np.float32)
    if method != "umap":
        raise UsageError(f"no projection {method!r}; choose {', '.join(METHODS)}")
    try:
        import umap
    except ModuleNotFoundError:
        raise UsageError('UMAP needs umap-learn, which is not installed: pip install "pixlm[analysis]"') from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a seed makes it use one thread, which it says every time
        made = umap.UMAP(n_components=2, n_neighbors=max(2, round(near)), metric="cosine", random_state=seed)
        return np.asarray(made.fit_transform(unit), np.float32)


def panel(
    vectors: NDArray[np.float32], colours: Sequence[str], model: str, layer: int, method: str, **options: Any
) -> Panel:
    """Arrange the vectors of one layer."""
    return Panel(model, layer, project(vectors, method, **options), *purity(vectors, colours))


def purity(vectors: NDArray[np.float32], colours: Sequence[str]) -> tuple[float, float]:
    """(share of the nearest vectors by cosine that have a vector's own colour, the same for colours at random)."""
    unit = _unit(vectors)
    close = unit @ unit.T
    np.fill_diagonal(close, -np.inf)
    count = min(_NEIGHBOURS, len(vectors) - 1)
    nearest = np.argsort(-close, axis=1, kind="stable")[:, :count]
    names = np.array(colours)
    _, sizes = np.unique(names, return_counts=True)
    chance = float((sizes * (sizes - 1)).sum() / (len(names) * (len(names) - 1)))
    return float((names[nearest] == names[:, None]).mean()), chance


def script_of(text: str) -> str:
    """The script of most of a text's characters, as an ISO 15924 tag."""
    found = [script for script in map(SCRIPT.__getitem__, text) if script not in NO_SCRIPT]
    return max(sorted(set(found)), key=found.count, default="Zyyy")


def plot(panels: Sequence[Panel], colours: Sequence[str], method: str, stem: Path) -> list[Path]:
    """A panel for each model and layer, a colour and a sign for each language, label or script."""
    kinds = sorted(set(colours))
    names = np.array(colours)
    models = list(dict.fromkeys(each.model for each in panels))
    widest = max(sum(each.model == model for each in panels) for model in models)
    columns = min(_COLUMNS, widest)
    lines = [[each for each in panels if each.model == model] for model in models]
    rows = [line[at : at + columns] for line in lines for at in range(0, len(line), columns)]
    figure = new_figure(1.0 + 3.0 * columns, 1.0 + 3.0 * len(rows))
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        for axis, each in zip(line, row, strict=False):
            for number, kind in enumerate(kinds):
                own = each.points[names == kind]
                axis.scatter(
                    own[:, 0],
                    own[:, 1],
                    s=10,
                    alpha=0.7,
                    linewidths=0,
                    color=COLOURS[number % len(COLOURS)],
                    marker=MARKERS[number // len(COLOURS) % len(MARKERS)],
                    label=kind,
                )
            axis.set_title(f"{each.model}, layer {each.layer}\n{each.purity:.0%} of neighbours alike", fontsize=9)
            axis.set_xticks([])
            axis.set_yticks([])
        for axis in line[len(row) :]:
            axis.remove()
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, fontsize=8, frameon=False, markerscale=1.5)
    figure.suptitle({"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}[method], fontsize=11)
    return save_plot(figure, stem)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
