"""Tables and plots of probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pixlm.analysis.plots import new_figure, save_plot, style
from pixlm.analysis.probing import Probed

_COLUMNS = 3

Key = tuple[str, str]
"""Language and task."""


def table(results: Sequence[Probed], majorities: Mapping[Key, float]) -> list[list[str]]:
    """The best layer (on dev) of each model for each task, with its heading; accuracies on test in per cent."""
    models = list(dict.fromkeys(each.model for each in results))
    rows = [["language", "task", "majority", *models]]
    for language, task in dict.fromkeys((each.language, each.task) for each in results):
        cells = []
        for model in models:
            own = [each for each in results if (each.language, each.task, each.model) == (language, task, model)]
            best = max(own, key=lambda each: each.dev, default=None)
            cells.append("-" if best is None else f"{best.test:.1%} (layer {best.layer})")
        rows.append([language, task, f"{majorities[language, task]:.1%}", *cells])
    return rows


def plot(results: Sequence[Probed], majorities: Mapping[Key, float], stem: Path) -> list[Path]:
    """A panel for each task and language: accuracy on test against the layer, and the most frequent label's.

    Dashed: the same architecture untrained, in the colour of its model.
    """
    panels = list(dict.fromkeys((each.language, each.task) for each in results))
    models = list(dict.fromkeys(each.model for each in results))
    trained = [model for model in models if not is_untrained(model)]
    columns = min(_COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    figure = new_figure(1.0 + 3.4 * columns, 1.0 + 2.6 * lines)
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis, (language, task) in zip(axes.flat, panels, strict=False):
        for model in models:
            own = [each for each in results if (each.language, each.task, each.model) == (language, task, model)]
            looks = style(trained.index(model.removesuffix(UNTRAINED)) if is_untrained(model) else trained.index(model))
            axis.plot(
                [each.layer for each in own],
                [100 * each.test for each in own],
                label=model,
                markersize=4,
                linestyle="--" if is_untrained(model) else "-",
                alpha=0.6 if is_untrained(model) else 1.0,
                **looks,
            )
        axis.axhline(100 * majorities[language, task], color="black", linestyle=":", label="most frequent label")
        axis.set_title(f"{language}: {task}", fontsize=10)
        axis.set_xlabel("layer")
        axis.set_ylabel("accuracy, %")
        axis.grid(alpha=0.3)
        axis.xaxis.get_major_locator().set_params(integer=True)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    handles, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(3, len(names)), fontsize=9, frameon=False)
    return save_plot(figure, stem)


UNTRAINED = " (untrained)"


def is_untrained(model: str) -> bool:
    return model.endswith(UNTRAINED)
