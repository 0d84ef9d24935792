"""Plots as PNG and SVG: no display needed, the same bytes for the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pixlm.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22", "#7f7f7f")
MARKERS = "osD^vPX*<>"


def require_matplotlib() -> None:
    """Raise a UsageError where nothing can be plotted."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        raise UsageError('plots need matplotlib, which is not installed: pip install "pixlm[analysis]"') from None


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def save_plot(figure: Figure, stem: Path) -> list[Path]:
    """Write ``stem``.png and ``stem``.svg, with text as text."""
    import matplotlib

    png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    stem.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": stem.name, "svg.fonttype": "none"}):
        figure.savefig(png, metadata={"Software": None})
        figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return [png, svg]


def style(number: int) -> dict[str, str]:
    """Colour and marker of a line, so that colour-blind eyes can tell them apart."""
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
