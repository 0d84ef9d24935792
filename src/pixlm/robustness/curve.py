"""Curves of a metric against the strength of attacks, as a PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pixlm.errors import UsageError

if TYPE_CHECKING:
    from pixlm.robustness.sweep import Point

_COLUMNS = 4
_MARKERS = "osD^vPX*"


def require_matplotlib() -> None:
    """Raise a UsageError where curves cannot be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        raise UsageError('curves need matplotlib, which is not installed: pip install "pixlm[robustness]"') from None


def draw_curves(points: Sequence[Point], metric: str, title: str, path: Path) -> None:
    """One panel an attack, one line a model; all panels share their axes."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    attacks = list(dict.fromkeys(point.attack for point in points))
    models = list(dict.fromkeys(point.model for point in points))
    labels = short_names(models)
    columns = min(_COLUMNS, len(attacks))
    rows = math.ceil(len(attacks) / columns)
    figure = Figure(figsize=(1.0 + 2.8 * columns, 1.2 + 2.4 * rows), layout="constrained", dpi=150)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place, (panel, attack) in enumerate(zip(panels.flat, attacks, strict=False)):
        for number, model in enumerate(models):
            line = sorted(
                (point.strength, point.scores[metric])
                for point in points
                if point.attack == attack and point.model == model and metric in point.scores
            )
            marker = _MARKERS[number % len(_MARKERS)]
            panel.plot(*zip(*line, strict=True), marker=marker, markersize=4, color=f"C{number}", label=labels[number])
        panel.set_title(attack, fontsize=10)
        panel.grid(alpha=0.3)
        panel.xaxis.set_major_formatter(PercentFormatter(1.0))
        if place + columns >= len(attacks):  # the lowest of its column
            panel.tick_params(labelbottom=True)
            panel.set_xlabel("strength")
    for panel in panels.flat[len(attacks) :]:
        panel.remove()
    figure.suptitle(title, fontsize=11)
    figure.supylabel(metric.replace("_", " "), fontsize=10)
    if len(models) > 1:
        handles, names = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=min(4, len(models)), fontsize=9, frameon=False)
    figure.savefig(path)


def short_names(models: Sequence[str]) -> list[str]:
    """As many last parts of the models' names as tell them apart."""
    paths = [Path(model).parts for model in models]
    for count in range(1, max(map(len, paths)) + 1):
        names = ["/".join(parts[-count:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    return list(models)
