"""Curves as SVG: lines over steps, with the ends of both axes written."""

from __future__ import annotations

import html
from collections.abc import Sequence

_WIDTH, _HEIGHT = 420, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 12, 28
_MOST = 600
"""Points of a line; of longer ones every so many are drawn, and always the last."""


def curve_svg(points: Sequence[tuple[float, float]]) -> str:
    """A line through (step, value), in order; a point for a single one. Without anything outside it."""
    step = max(1, -(-len(points) // _MOST))
    kept = [*points[::step], *([points[-1]] if (len(points) - 1) % step else [])]
    steps, values = [x for x, _ in points], [y for _, y in points]
    left, right, low, high = min(steps), max(steps), min(values), max(values)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / (right - left) if right > left else 0.5
        up = (y - low) / (high - low) if high > low else 0.5
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in kept))
    dots = ""
    if len(kept) < 40:
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in (place(*point) for point in kept))
    labels = (
        (_LEFT - 6, _HEIGHT - _BOTTOM + 4, "end", f"{low:.4g}"),
        (_LEFT - 6, _TOP + 6, "end", f"{high:.4g}"),
        (_LEFT, _HEIGHT - 8, "start", f"{left:g}"),
        (_WIDTH - _RIGHT, _HEIGHT - 8, "end", f"step {right:g}"),
    )
    text = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{html.escape(said)}</text>' for x, y, anchor, said in labels
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="sans-serif" font-size="11" fill="#444"><rect width="{_WIDTH}" '
        f'height="{_HEIGHT}" fill="#fff"/><path d="M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}" '
        f'stroke="#aab" fill="none"/><polyline points="{line}" fill="none" stroke="#2f6db5" stroke-width="1.5"/>'
        f'<g fill="#2f6db5">{dots}</g>{text}</svg>'
    )
