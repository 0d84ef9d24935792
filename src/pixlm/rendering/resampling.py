"""Scaling colour bitmaps down as Cairo 1.16 with pixman does: a separable box filter in 16.16 fixed point.

The rounding of every step is part of the result, since the bitmaps are compared byte for byte.
"""

from __future__ import annotations

import math

import numpy as np

_ONE = 1 << 16  # 1.0 in 16.16 fixed point
_HALF = _ONE // 2


def scale_down(pixels: np.ndarray, left: int, top: int, scale: float) -> tuple[int, int, np.ndarray, np.ndarray]:
    """Scale a bitmap about its glyph origin.

    Args:
        pixels: uint8 [rows, columns, 4], straight alpha.
        left, top: position of the first column and row in pixels right of and above the origin.
        scale: target pixels per source pixel.

    Returns:
        left, top, alpha uint8 [rows, columns], colour uint8 [rows, columns, 3] (premultiplied) at the target size.
    """
    rows, columns = pixels.shape[:2]
    x0, x1 = math.floor(left * scale), math.ceil((left + columns) * scale)
    y0, y1 = math.floor(-top * scale), math.ceil((rows - top) * scale)
    weights_x, first_x = _taps(x1 - x0, x0, left, scale)
    weights_y, first_y = _taps(y1 - y0, y0, -top, scale)
    taps = weights_x.shape[1]
    padded = np.zeros((rows + 2 * taps, columns + 2 * taps, 4), np.int64)
    padded[taps : taps + rows, taps : taps + columns] = _premultiply(pixels)
    out = np.zeros((y1 - y0, x1 - x0, 4), np.uint8)
    for row, (fy, y) in enumerate(zip(weights_y, first_y, strict=True)):
        if not -taps <= y < rows + taps:
            continue
        for column, (fx, x) in enumerate(zip(weights_x, first_x, strict=True)):
            if not -taps <= x < columns + taps:
                continue
            window = padded[y + taps : y + 2 * taps, x + taps : x + 2 * taps]
            factors = (fy[:, None] * fx[None, :] + _HALF) >> 16
            height, width = window.shape[:2]
            total = (window * factors[:height, :width, None]).sum((0, 1))
            out[row, column] = np.clip((total + _HALF) >> 16, 0, 255)
    return x0, -y0, out[..., 3], out[..., :3]


def _premultiply(pixels: np.ndarray) -> np.ndarray:
    alpha = pixels[..., 3:].astype(np.int64)
    product = pixels[..., :3] * alpha + 0x80
    return np.concatenate([(product + (product >> 8)) >> 8, alpha], axis=2)


def _taps(length: int, start: int, origin: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """For each of ``length`` target pixels: its filter weights (16.16) and the source pixel of the first weight."""
    step = 1 / scale
    width = 2 if step < 1 else math.ceil(step + 1)
    phase_bits = 0
    while step * (1 << phase_bits) <= 128:
        phase_bits += 1
    kernels = _box_kernels(step, width, 1 << phase_bits)
    # Source position of the target pixels' centres. Cairo corrects the rounded transformation so that it is exact in
    # the middle of the picture.
    fixed_step, shift = round(step * _ONE), start * step - origin
    offset = round(shift * _ONE)
    middle = length / 2
    offset -= round(((round(middle * _ONE) * fixed_step + _HALF) >> 16) + offset - (middle * step + shift) * _ONE)
    first = ((_HALF * fixed_step + _HALF) >> 16) + offset
    position = first + fixed_step * np.arange(length, dtype=np.int64)
    phase_shift = 16 - phase_bits
    position = ((position >> phase_shift) << phase_shift) + ((1 << phase_shift) >> 1)
    phase = (position & (_ONE - 1)) >> phase_shift
    half_width = ((width << 16) - _ONE) >> 1
    return kernels[phase], (position - 1 - half_width) >> 16


def _box_kernels(radius: float, width: int, phases: int) -> np.ndarray:
    """A box as wide as one target pixel, convolved with one source pixel: int64 [phases, width], rows sum to 1.0."""
    kernels = np.zeros((phases, width), np.int64)
    for phase in range(phases):
        fraction = (phase + 0.5) / phases
        leftmost = math.ceil(fraction - width / 2 - 0.5) - fraction + 0.5
        x = leftmost + np.arange(width)
        values = np.maximum(0, np.minimum(min(radius, 1), np.minimum((radius + 1) / 2 - x, (radius + 1) / 2 + x)))
        fixed = (values * _ONE).astype(np.int64)
        fixed = (fixed * (1 / values.sum())).astype(np.int64)
        fixed[width // 2] += _ONE - fixed.sum()  # the rounding error goes to the middle
        kernels[phase] = fixed
    return kernels
