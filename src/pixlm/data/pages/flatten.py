"""Pix2Struct's patches: an image at variable resolution, flattened (Lee et al. 2023, section 2)."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image

from pixlm.data.pages.geometry import Size, grid_size, pixels


def standardise(image: np.ndarray) -> np.ndarray:
    """float32 of the same shape with mean 0 and standard deviation 1, as far as the image is not of one colour."""
    values = image.astype(np.float32)
    deviation = max(float(values.std()), 1 / math.sqrt(values.size))
    return (values - values.mean()) / deviation


def flatten(image: Image.Image, patch: Size, max_patches: int) -> np.ndarray:
    """float32 [rows * columns, 2 + patch height * patch width * channels]: row and column (from 1), then the pixels.

    Patches go row by row; inside one, the channels of a pixel are neighbours.
    """
    values = torch.from_numpy(standardise(pixels(image)))[None]
    rows, columns = grid_size((image.height, image.width), patch, max_patches)
    size = (rows * patch[0], columns * patch[1])
    resized = torch.nn.functional.interpolate(values, size=size, mode="bilinear", align_corners=False, antialias=True)
    channels = resized.shape[1]
    parts = resized[0].reshape(channels, rows, patch[0], columns, patch[1]).permute(1, 3, 2, 4, 0)
    flat = parts.reshape(rows * columns, -1).numpy()
    row_ids, column_ids = np.divmod(np.arange(rows * columns), columns)
    return np.concatenate([np.stack([row_ids + 1, column_ids + 1], 1).astype(np.float32), flat], axis=1)
