"""What a model has read, drawn beside the page and, where the data say where its lines are, onto it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image, ImageDraw

from pixlm.data.pages.example import PageBox
from pixlm.rendering import TextRenderer

COLOURS = ("#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#17becf")
_HEIGHT = 1000
"""Of the picture, in pixels; larger pages are scaled down, smaller ones stay as they are."""
_PANEL = 460
_TEXT_PIXELS = 16


def draw_reading(
    page: Image.Image, value: Any, boxes: Sequence[PageBox] = (), renderer: TextRenderer | None = None
) -> Image.Image:
    """The page, and on its right the text or the fields of a JSON value; RGB.

    A field that stands in one or more ``boxes`` is framed there in its colour. Only what the value says is looked for:
    models do not tell where they have read something.
    """
    renderer = renderer or TextRenderer(font_size=_TEXT_PIXELS, dpi=72, missing_glyph="box")
    scale = min(_HEIGHT / page.height, 1.0)
    size = (max(round(page.width * scale), 1), max(round(page.height * scale), 1))
    left = page.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    fields = list(fields_of(value))
    panel = _panel(fields, left.height, renderer)
    picture = Image.new("RGB", (left.width + panel.width, max(left.height, panel.height)), "white")
    picture.paste(left, (0, 0))
    picture.paste(panel, (left.width, 0))
    draw = ImageDraw.Draw(picture)
    for number, (_, text) in enumerate(fields):
        for box in boxes:
            if stands_in(text, box.text):
                corners = [side * scale for side in (box.left, box.top, box.right, box.bottom)]
                draw.rectangle(corners, outline=COLOURS[number % len(COLOURS)], width=2)
    return picture


def fields_of(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(name, text) of every leaf; names of parts within parts are joined by full stops, items of lists numbered."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from fields_of(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for number, part in enumerate(value, start=1):
            yield from fields_of(part, f"{name} {number}".strip())
    else:
        yield name, str(value)


def stands_in(text: str, line: str) -> bool:
    """Whether a field's text is in a line of the page, or the line is a part of it (an address over several lines);
    spaces, case and signs do not count."""
    wanted, found = (re.sub(r"\W", "", one.casefold()) for one in (text, line))
    return bool(wanted and found) and (wanted in found or (len(found) > 5 and found in wanted))


def _panel(fields: Sequence[tuple[str, str]], height: int, renderer: TextRenderer) -> Image.Image:
    """Fields below each other, each with a bar of its colour."""
    parts = []
    for name, text in fields:
        shown = f"{name}: {text}" if name else text
        lines = max(sum(1 + renderer.text_width(line) // (_PANEL - 60) for line in shown.split("\n")), 1)
        drawn = renderer.render_page(shown, size=(_PANEL - 24, lines * 3 * _TEXT_PIXELS + 16), margins=8)
        bottom = max((line.y1 for line in drawn.lines), default=_TEXT_PIXELS) + 8
        parts.append(Image.fromarray(drawn.pixel_values[:bottom]).convert("RGB"))
    panel = Image.new("RGB", (_PANEL, max(sum(part.height for part in parts) + 8, height)), "white")
    draw = ImageDraw.Draw(panel)
    top = 4
    for number, part in enumerate(parts):
        panel.paste(part, (20, top))
        draw.rectangle((8, top + 4, 13, top + part.height - 4), fill=COLOURS[number % len(COLOURS)])
        top += part.height
    return panel
