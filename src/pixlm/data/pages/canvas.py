"""A page on a canvas of one size: Donut's way, pixparse's two ways."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image

from pixlm.data.pages.augment import Augment
from pixlm.data.pages.geometry import Fit, Size, align_long_axis, paste, pixels, ratio_size


def to_canvas(
    image: Image.Image,
    size: Size,
    fit: Fit,
    *,
    align: bool = False,
    rng: np.random.Generator | None = None,
    augment: Augment = Augment.NONE,
) -> np.ndarray:
    """float32 [C, H, W] in 0..1 (a little beyond with "stretch", whose bicubic filter overshoots).

    rng: in training; the page is distorted, and padded on random sides instead of all around.
    """
    if align:
        image = align_long_axis(image, size)
    if fit == "stretch":
        return _stretched(image if rng is None else augment.distort(image, rng), size)
    if fit == "donut":
        image, fill = _donut(image, size), 0
    else:
        image, fill = _kept_ratio(image, size, rng if augment is not Augment.NONE else None), 255
    if rng is not None:
        image = augment.distort(image, rng)
    room = size[1] - image.width, size[0] - image.height
    if rng is None:
        left, top = (space // 2 if space > 0 else -round(-space / 2) for space in room)
    else:
        left, top = (int(rng.integers(space + 1)) if space > 0 else -round(-space / 2) for space in room)
    return pixels(paste(image, size, (left, top), fill)).astype(np.float32) / 255


def _stretched(image: Image.Image, size: Size) -> np.ndarray:
    values = torch.from_numpy(pixels(image).astype(np.float32) / 255)[None]
    return torch.nn.functional.interpolate(values, size=size, mode="bicubic", align_corners=False, antialias=True)[
        0
    ].numpy()


def _donut(image: Image.Image, size: Size) -> Image.Image:
    """The shorter side becomes the canvas's shorter side (torchvision's ``resize``), then a thumbnail."""
    short = min(size)
    if image.width <= image.height:
        wanted = short, max(int(short * image.height / image.width), 1)
    else:
        wanted = max(int(short * image.width / image.height), 1), short
    # A strip a thousand times as long as it is high would become a bomb on the way.
    if wanted[0] * wanted[1] > _MOST_PIXELS:
        factor = math.sqrt(_MOST_PIXELS / (wanted[0] * wanted[1]))
        wanted = max(int(wanted[0] * factor), 1), max(int(wanted[1] * factor), 1)
    resized = image.resize(wanted, Image.Resampling.BILINEAR)
    resized.thumbnail((size[1], size[0]))
    return resized


_MOST_PIXELS = 100_000_000


def _kept_ratio(image: Image.Image, size: Size, rng: np.random.Generator | None) -> Image.Image:
    factor = (1.0, 1.0)
    if rng is not None:
        if rng.random() < 0.05:
            factor = (rng.uniform(0.85, 1.04),) * 2
        if rng.random() < 0.05:
            aspect = math.sqrt(math.exp(rng.uniform(math.log(0.9), math.log(1.11))))
            factor = factor[0] / aspect, factor[1] * aspect
    height, width = ratio_size((image.height, image.width), size, factor=factor)
    return image.resize((max(width, 1), max(height, 1)), Image.Resampling.BICUBIC)
