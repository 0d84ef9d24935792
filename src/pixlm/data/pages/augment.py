"""Distortions of pages in training: the presets of pixparse ("better") and of Nougat (Blecher et al. 2023, section 3).

Everything is drawn from the generator that is given; images are grey or RGB, and what comes in from outside is white.
"""

from __future__ import annotations

import enum
import io
import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from scipy import ndimage

Distortion = Callable[[Image.Image, np.random.Generator], Image.Image]

_WHITE = 255


class Augment(enum.StrEnum):
    """none: pages as they are; better: pixparse's mild list; nougat: Nougat's longer one."""

    NONE = "none"
    BETTER = "better"
    NOUGAT = "nougat"

    def distort(self, image: Image.Image, rng: np.random.Generator) -> Image.Image:
        """The page of the same size, each distortion of the preset applied with its probability."""
        for probability, distortion in _PRESETS[self]:
            if rng.random() < probability:
                image = distortion(image, rng)
        return image


def bitmap(image: Image.Image, threshold: int = 200) -> Image.Image:
    """Values below ``threshold`` become 0, channel by channel; the others stay."""
    return image.point([0 if value < threshold else value for value in range(256)] * len(image.getbands()))


def _thicken_or_thin(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    kind = ImageFilter.MinFilter if rng.random() < 0.5 else ImageFilter.MaxFilter
    return image.filter(kind(3))


def _affine(image: Image.Image, matrix: np.ndarray, shift: tuple[float, float] = (0.0, 0.0)) -> Image.Image:
    """Points p of the page go to ``matrix @ (p - centre) + centre + shift``."""
    centre = np.array([image.width / 2, image.height / 2])
    inverse = np.linalg.inv(matrix)
    offset = centre - inverse @ (centre + np.array(shift))
    data = (inverse[0, 0], inverse[0, 1], offset[0], inverse[1, 0], inverse[1, 1], offset[1])
    fill = (_WHITE,) * len(image.getbands())
    return image.transform(image.size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC, fillcolor=fill)


def _shear(x: tuple[float, float], y: tuple[float, float]) -> Distortion:
    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        angles = np.radians([rng.uniform(*x), rng.uniform(*y)])
        return _affine(image, np.array([[1, math.tan(angles[0])], [math.tan(angles[1]), 1]]))

    return apply


def _place(
    *, degrees: float, right: tuple[float, float], down: tuple[float, float], scale: tuple[float, float] = (1.0, 1.0)
) -> Distortion:
    """Rotation, shift (fractions of the sides) and scale together."""

    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        angle, factor = math.radians(rng.uniform(-degrees, degrees)), rng.uniform(*scale)
        turn = factor * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return _affine(image, turn, (rng.uniform(*right) * image.width, rng.uniform(*down) * image.height))

    return apply


def _move(image: Image.Image, rows: np.ndarray, columns: np.ndarray) -> Image.Image:
    """The page whose pixel [y, x] is taken from [rows, columns] of the old one."""
    pixels = np.asarray(image)
    layers = pixels[..., None] if pixels.ndim == 2 else pixels
    moved = [
        ndimage.map_coordinates(layers[..., band], (rows, columns), order=1, mode="constant", cval=_WHITE)
        for band in range(layers.shape[-1])
    ]
    return Image.fromarray(moved[0] if pixels.ndim == 2 else np.stack(moved, -1), image.mode)


def _elastic(alpha: float, sigma: float) -> Distortion:
    """Smooth random shifts of every pixel (Simard et al. 2003); alpha: their size, sigma: their smoothness."""

    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        shape = (image.height, image.width)
        shifts = [ndimage.gaussian_filter(rng.uniform(-1, 1, shape), sigma, mode="constant") * alpha for _ in range(2)]
        rows, columns = np.indices(shape, dtype=np.float64)
        return _move(image, rows + shifts[0], columns + shifts[1])

    return apply


def _grid(limit: float, steps: int = 5) -> Distortion:
    """The cells of a coarse grid get wider or narrower, by ``limit`` of their width at most."""

    def axis(length: int, rng: np.random.Generator) -> np.ndarray:
        widths = 1 + rng.uniform(-limit, limit, steps)
        edges = np.concatenate([[0], np.cumsum(widths)]) / steps * (length - 1)
        return np.interp(np.arange(length), np.linspace(0, length - 1, steps + 1), edges)

    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        columns, rows = axis(image.width, rng), axis(image.height, rng)
        shape = (image.height, image.width)
        return _move(image, np.broadcast_to(rows[:, None], shape), np.broadcast_to(columns[None], shape))

    return apply


def _translated_elastic(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    shift = (rng.uniform(0, 5), rng.uniform(0, 5))
    return _elastic(50, 12)(_affine(image, np.eye(2), shift), rng)


def _jitter(limit: float) -> Distortion:
    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast):
            image = kind(image).enhance(rng.uniform(1 - limit, 1 + limit))
        return image

    return apply


def _blur(sigma: tuple[float, float]) -> Distortion:
    return lambda image, rng: image.filter(ImageFilter.GaussianBlur(rng.uniform(*sigma)))


def _compress(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(rng.integers(95, 101)))
    with Image.open(file) as again:
        return again.convert(image.mode)


def _noise(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image).astype(np.float32)
    noisy = pixels + rng.normal(0, math.sqrt(20), pixels.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8), image.mode)


_PRESETS: dict[Augment, Sequence[tuple[float, Distortion]]] = {
    Augment.NONE: (),
    Augment.BETTER: (
        (0.05, lambda image, rng: bitmap(image)),
        (0.02, _thicken_or_thin),
        (0.05, _shear((-3, 3), (-3, 3))),
        (0.05, _place(degrees=3, right=(0, 0), down=(0, 0.04))),
        (0.05, _elastic(50, 12)),
        (0.05, _jitter(0.1)),
        (0.05, _blur((0.1, 0.5))),
    ),
    Augment.NOUGAT: (
        (0.05, lambda image, rng: bitmap(image)),
        (0.02, _thicken_or_thin),
        (0.03, _shear((0, 3), (-3, 0))),
        (0.03, _place(degrees=2, right=(0, 0.04), down=(0, 0.03), scale=(0.85, 1.03))),
        (0.04, _grid(0.05)),
        (0.04, _translated_elastic),
        (0.03, _jitter(0.1)),
        (0.07, _compress),
        (0.08, _noise),
        (0.03, _blur((0.5, 0.8))),
    ),
}
