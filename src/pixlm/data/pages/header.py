"""Prompts drawn above a page, and boxes drawn onto it: what Pix2Struct reads (Lee et al. 2023, section 2)."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from pixlm.data.pages.example import PageBox
from pixlm.rendering import TextRenderer

FONT_PIXELS = 36
"""Height of the header's letters before it is scaled to the width of the page."""
_COLUMNS = 80  # characters of a line
_PADDING = 5
_MOST_LINES = 40  # more of a prompt would leave no room for the page
_MOST_PIXELS = 80_000_000  # of a page with its header


def header_renderer(**overrides: object) -> TextRenderer:
    """A renderer that draws headers in letters of 36 pixels."""
    arguments: dict[str, object] = {"font_size": FONT_PIXELS, "dpi": 72, "rgb": False, "missing_glyph": "box"}
    return TextRenderer(**{**arguments, **overrides})  # type: ignore[arg-type]


def draw_header(text: str, renderer: TextRenderer) -> tuple[Image.Image, int]:
    """(black letters on white, wrapped at 80 characters and cut to the ink; characters that did not fit)."""
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, _COLUMNS)] or [""]
    shown, lost = lines[:_MOST_LINES], sum(len(line) for line in lines[_MOST_LINES:])
    width = max(renderer.text_width(line) for line in shown) + 2 * _PADDING + FONT_PIXELS
    height = (len(shown) * 2 + 1) * FONT_PIXELS + 2 * _PADDING
    page = renderer.render_page("\n".join(shown), size=(width, height), margins=_PADDING)
    bottom = max((line.y1 for line in page.lines), default=FONT_PIXELS) + _PADDING
    right = max((line.x1 for line in page.lines), default=FONT_PIXELS) + _PADDING
    return Image.fromarray(np.ascontiguousarray(page.pixel_values[:bottom, :right])), lost + page.lost


def with_header(image: Image.Image, text: str, renderer: TextRenderer) -> tuple[Image.Image, int]:
    """(the page below its prompt, both scaled to the wider one's width; characters of the prompt that did not fit).

    Of pages that are mere strips both are scaled to less, so that there are 80 million pixels at most.
    """
    header, lost = draw_header(text, renderer)
    width = max(header.width, image.width)
    pixels = width * width * (image.height / image.width + header.height / header.width)
    # A strip a thousand times as high as it is wide would become a bomb on the way.
    if pixels > _MOST_PIXELS:
        width = max(int(width * math.sqrt(_MOST_PIXELS / pixels)), 1)
    below = max(int(image.height * (width / image.width)), 1)
    above = max(int(header.height * (width / header.width)), 1)
    page = Image.new("RGB", (width, below + above), "white")
    page.paste(header.convert("RGB").resize((width, above)), (0, 0))
    page.paste(image.resize((width, below)), (0, above))
    return page, lost


def with_boxes(
    image: Image.Image, boxes: Sequence[PageBox], *, colour: str = "blue", fill: str | None = None, width: int = 3
) -> Image.Image:
    """A copy of the page with boxes drawn round regions, or over them (``fill``)."""
    page = image.convert("RGB")
    draw = ImageDraw.Draw(page)
    for box in boxes:
        # Pillow goes over every row of a box, also of those far beyond the page.
        left, right = (min(max(x, -width), page.width + width) for x in sorted((box.left, box.right)))
        top, bottom = (min(max(y, -width), page.height + width) for y in sorted((box.top, box.bottom)))
        draw.rectangle((left, top, right, bottom), outline=colour if fill is None else fill, fill=fill, width=width)
    return page
