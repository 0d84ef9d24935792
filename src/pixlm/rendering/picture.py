"""Strips of patches as pictures a person can look at: wrapped to lines, enlarged, with the patch grid on request."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

GRID = (215, 120, 90)
"""Colour of grid lines: seen on white and on black."""


def coloured(strip: Pixels) -> Pixels:
    """A grey picture [H, W] as an RGB one [H, W, 3]; an RGB one as it is."""
    return strip if strip.ndim == 3 else np.repeat(strip[:, :, None], 3, axis=2)


def wrap(strip: Pixels, columns: int, patch: int) -> Pixels:
    """A strip [P, P*L] or [P, P*L, 3] as lines of ``columns`` patches: [P*lines, P*columns, 3], filled with white."""
    image = coloured(strip)
    count = image.shape[1] // patch
    lines = max(1, -(-count // columns))
    page = np.full((patch * lines, patch * columns, 3), 255, np.uint8)
    for line in range(lines):
        part = image[:, line * columns * patch : (line + 1) * columns * patch]
        page[line * patch : line * patch + patch, : part.shape[1]] = part
    return page


def enlarge(page: Pixels, scale: int) -> Pixels:
    """Every pixel as a square of ``scale`` pixels."""
    return page.repeat(scale, axis=0).repeat(scale, axis=1)


def draw_grid(page: Pixels, patch: int, scale: int) -> None:
    """Draw one-pixel lines along the borders of the patches of an enlarged page, in place."""
    step = patch * scale
    page[::step] = GRID
    page[step - 1 :: step] = GRID
    page[:, ::step] = GRID
    page[:, step - 1 :: step] = GRID


def picture(strip: Pixels, *, patch: int = 16, columns: int = 40, scale: int = 2, grid: bool = False) -> Pixels:
    """One strip as an RGB picture [height, width, 3] of lines of up to ``columns`` patches."""
    columns = max(1, min(columns, strip.shape[1] // patch))
    page = enlarge(wrap(strip, columns, patch), scale)
    if grid:
        draw_grid(page, patch, scale)
    return page


def stack(pages: Sequence[Pixels], gap: int = 12) -> Pixels:
    """Pictures one below the other on white, left-aligned, with a margin of ``gap`` pixels around each."""
    width = max(page.shape[1] for page in pages) + 2 * gap
    height = sum(page.shape[0] + gap for page in pages) + gap
    sheet = np.full((height, width, 3), 255, np.uint8)
    top = gap
    for page in pages:
        sheet[top : top + page.shape[0], gap : gap + page.shape[1]] = page
        top += page.shape[0] + gap
    return sheet


def save_png(page: Pixels, path: Path) -> None:
    """Write an RGB picture as PNG, making folders on the way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(page).save(path, format="PNG", optimize=True)


def data_uri(pixels: Pixels) -> str:
    """A picture as the address of a PNG within a page: grey [H, W], RGB [H, W, 3] or RGBA [H, W, 4]."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
