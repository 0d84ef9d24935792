"""Sizes of pages: how an image is fitted to a canvas or to a grid of patches.

Sizes are (height, width) as models give them; Pillow's (width, height) appears at its calls only.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from PIL import Image

Size = tuple[int, int]
"""(height, width) in pixels, or (rows, columns) of patches."""


Fit = Literal["stretch", "donut", "ratio"]
"""How a page comes to the size of the canvas.

stretch: both sides are stretched (pixparse's tasks); donut: the shorter side becomes that of the canvas, then all is
shrunk until it fits, and the rest is black (Donut); ratio: the side that is relatively longest fits, and the rest is
white (pixparse's "better" transforms).
"""


def is_sideways(size: Size, canvas: Size) -> bool:
    """Whether the long axes of a page and the canvas differ."""
    return (canvas[0] > canvas[1] and size[1] > size[0]) or (canvas[0] < canvas[1] and size[1] < size[0])


def align_long_axis(image: Image.Image, canvas: Size) -> Image.Image:
    """The page, turned by 90 degrees clockwise where its long axis is not the canvas's."""
    if is_sideways((image.height, image.width), canvas):
        return image.transpose(Image.Transpose.ROTATE_270)
    return image


def ratio_size(size: Size, canvas: Size, *, longest: float = 1.0, factor: tuple[float, float] = (1.0, 1.0)) -> Size:
    """The size of a page fitted to a canvas with its aspect kept (pixparse, ``ResizeKeepRatio``).

    longest: 1 fits the side that is relatively longest, 0 the other, between them a mean; factor: of height and width.
    """
    ratios = size[0] / canvas[0], size[1] / canvas[1]
    ratio = max(ratios) * longest + min(ratios) * (1 - longest)
    return round(size[0] * factor[0] / ratio), round(size[1] * factor[1] / ratio)


def grid_size(size: Size, patch: Size, max_patches: int) -> Size:
    """(rows, columns) of Pix2Struct's variable-resolution grid: the most patches that keep the aspect (section 2)."""
    scale = math.sqrt(max_patches * (patch[0] / size[0]) * (patch[1] / size[1]))
    rows = max(min(math.floor(scale * size[0] / patch[0]), max_patches), 1)
    columns = max(min(math.floor(scale * size[1] / patch[1]), max_patches), 1)
    return rows, columns


def paste(image: Image.Image, canvas: Size, corner: tuple[int, int], fill: int) -> Image.Image:
    """The page on a canvas of its mode; corner: (left, top), which may be outside, so that the page is cut."""
    page = Image.new(image.mode, (canvas[1], canvas[0]), (fill,) * len(image.getbands()))
    page.paste(image, corner)
    return page


def pixels(image: Image.Image) -> np.ndarray:
    """uint8 [C, H, W]."""
    array = np.asarray(image)
    return array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
