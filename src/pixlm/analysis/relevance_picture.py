"""Relevance drawn over the text: the paper behind the ink takes the colour of each unit's value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixlm import files
from pixlm.analysis.captions import caption_strip, own_renderer, xml_text
from pixlm.analysis.explanation import Explanation
from pixlm.analysis.tint import colours, tinted
from pixlm.rendering.picture import Pixels, data_uri, enlarge, save_png, stack, wrap


def draw(explanations: Sequence[Explanation], *, columns: int = 40, scale: int = 2) -> Pixels:
    """An RGB picture [height, width, 3]: a caption and the text of each explanation, wrapped to ``columns`` patches.

    Models that read tokens have no strip: their tokens are drawn each by itself.
    """
    pages: list[Pixels] = []
    for one in explanations:
        strip, values, patch = _strip(one)
        page = wrap(tinted(strip, values, patch), min(columns, len(values)), patch)
        pages += [caption_strip(caption(one)), enlarge(page, scale)]
    return stack(pages)


def draw_svg(explanations: Sequence[Explanation], *, columns: int = 40, scale: int = 2) -> str:
    """The same as SVG, without anything outside it; pointing at a unit shows its characters and value."""
    parts: list[str] = []
    top, right = 0, 0
    for one in explanations:
        strip, values, patch = _strip(one)
        side, count = patch * scale, len(values)
        wide = min(columns, count)
        lines = -(-count // wide)
        parts.append(f'<text x="12" y="{top + 24}">{xml_text(caption(one))}</text>')
        top += 36
        titles = _titles(one, count)
        cells = [
            (12 + number % wide * side, top + number // wide * side, number, colour)
            for number, colour in enumerate(colours(values))
        ]
        for x, y, _, (red, green, blue) in cells:
            parts.append(f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="rgb({red},{green},{blue})"/>')
        page = wrap(strip, wide, patch)
        parts.append(
            f'<image x="12" y="{top}" width="{wide * side}" height="{lines * side}" preserveAspectRatio="none" '
            f'style="image-rendering:pixelated" href="{data_uri(_ink(page))}"/>'
        )
        for x, y, number, _ in cells:
            title = f"<title>{xml_text(titles[number])}</title>"
            parts.append(f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill-opacity="0">{title}</rect>')
        top, right = top + lines * side + 12, max(right, wide * side + 24)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right} {top}" width="{right}" height="{top}" '
        f'font-family="sans-serif" font-size="16"><rect width="{right}" height="{top}" fill="white"/>'
        + "".join(parts)
        + "</svg>\n"
    )


def save(explanations: Sequence[Explanation], stem: Path, *, columns: int = 40, scale: int = 2) -> list[Path]:
    """Write ``stem``.png and ``stem``.svg."""
    png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    save_png(draw(explanations, columns=columns, scale=scale), png)
    files.write_text(svg, draw_svg(explanations, columns=columns, scale=scale))
    return [png, svg]


def caption(one: Explanation) -> str:
    """What was said, in a line."""
    answer = f"{one.label} {one.score:.0%}" if one.label else f"{one.score:.3f}"
    return answer if one.word is None else f"{one.part(one.word)}: {answer}"


def _strip(one: Explanation) -> tuple[Pixels, NDArray[np.float32], int]:
    """(strip, the value of each of its patches, pixels of a patch)"""
    if one.pixels is not None:
        patch = one.pixels.shape[0]
        return one.pixels[:, : len(one.values) * patch], one.values, patch
    renderer = own_renderer()
    patch = renderer.pixels_per_patch
    strips: list[Pixels] = []
    values: list[float] = []
    for span, value in zip(one.spans, one.values, strict=True):
        if span is None:
            continue
        rendered = renderer.render(one.part(span[0])[span[1] : span[2]], padding=False)
        count = rendered.num_text_patches
        strips.append(rendered.pixel_values[:, : count * patch])
        values += [float(value)] * count
    if not strips:
        return np.full((patch, patch), 255, np.uint8), np.zeros(1, np.float32), patch
    return np.concatenate(strips, axis=1), np.array(values, np.float32), patch


def _titles(one: Explanation, count: int) -> list[str]:
    """What each patch of the strip shows, with its value."""
    shown = [
        (one.part(span[0])[span[1] : span[2]] if span else "", float(value))
        for span, value in zip(one.spans, one.values, strict=True)
    ]
    if one.pixels is None:
        renderer = own_renderer()
        pieces = [piece for piece, span in zip(shown, one.spans, strict=True) if span is not None]
        shown = [pair for pair in pieces for _ in range(renderer.render(pair[0], padding=False).num_text_patches)]
    shown += [("", 0.0)] * (count - len(shown))
    return [f"{text}: {value:.4g}" for text, value in shown]


def _ink(page: Pixels) -> Pixels:
    """RGBA: black where there is ink, and nothing where there is paper; coloured ink keeps its colour."""
    darkness = 255 - page.min(axis=2)
    return np.dstack([page if np.ptp(page, axis=2).any() else np.zeros_like(page), darkness])
