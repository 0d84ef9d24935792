"""What people pass to `read`, as strips of ink; which patches are separators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pixlm.errors import UsageError
from pixlm.rendering.rendered import Rendered, RenderedBatch

#: Weights of red, green and blue in luminance (ITU-R BT.601).
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)

#: A patch with more ink than this, on average, is a separator; the densest letters stay below a half.
_SEPARATOR = 0.75
#: Ink of a patch, on average, below which it counts as white when it comes to where a text without separator ends.
_WHITE = 0.01


def strips(pixel_values: Any, patch: int) -> tuple[list[np.ndarray], bool]:
    """Ink of each image, float32 [W, P], column by column, 0 white and 1 black; and whether several were passed.

    Raises:
        UsageError: the shape is none that a renderer with patches of ``patch`` pixels makes.
    """
    if isinstance(pixel_values, RenderedBatch):
        pixel_values = pixel_values["pixel_values"]
    if isinstance(pixel_values, Rendered):
        pixel_values = pixel_values.pixel_values
    if isinstance(pixel_values, Sequence) and not isinstance(pixel_values, str | bytes):
        return [strip for one in pixel_values for strip in strips(one, patch)[0]], True
    array = as_array(pixel_values)
    if array.ndim == 4 or (array.ndim == 3 and array.shape[1] == patch and array.shape[0] not in (1, 3)):
        return [_ink(one, patch) for one in array], True
    return [_ink(array, patch)], False


def as_array(value: Any) -> np.ndarray:
    """A numpy array of an array or a tensor on any device."""
    if hasattr(value, "detach"):  # a torch tensor; torch need not be imported to take one
        value = value.detach().cpu()
        value = (value.float() if value.is_floating_point() else value).numpy()
    array = np.asarray(value)
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise UsageError(f"pixel_values are {array.dtype}, but must be uint8 (white is 255) or float (white is 1)")
    return array


def _ink(image: np.ndarray, patch: int) -> np.ndarray:
    shape = image.shape
    if image.ndim == 3 and shape[0] in (1, 3) and shape[1] == patch:
        image = image.transpose(1, 2, 0)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[0] != patch or image.shape[2] not in (1, 3) or image.shape[1] % patch:
        raise UsageError(
            f"pixel_values of shape {list(shape)} are no row of patches of {patch} pixels; "
            f"pass [{patch}, {patch}*L], [{patch}, {patch}*L, 3], [C, {patch}, {patch}*L] or a batch of the latter"
        )
    return ink_of(image)


def ink_of(image: np.ndarray) -> np.ndarray:
    """Ink of a picture [rows, columns], [rows, columns, 1] or [rows, columns, 3]: float32 [columns, rows]."""
    values = image.astype(np.float32) / (255 if image.dtype == np.uint8 else 1)
    if image.ndim == 3:
        values = values[:, :, 0] if image.shape[2] == 1 else values @ _LUMINANCE
    values = np.ascontiguousarray(values.T)
    return 1 - np.clip(np.nan_to_num(values, nan=1.0), 0, 1)


def segments(strip: np.ndarray, patch: int) -> list[tuple[int, int]]:
    """The stretches of text of a strip, first and one past the last patch: what separators close.

    Without any separator the text ends with the last patch that has ink.
    """
    density = strip.reshape(-1, patch * patch).mean(axis=1)
    separators = np.flatnonzero(density > _SEPARATOR)
    if not len(separators):
        inked = np.flatnonzero(density > _WHITE)
        return [(0, int(inked[-1]) + 1)] if len(inked) else []
    starts = [0, *(separators[:-1] + 1).tolist()]
    return [(start, end) for start, end in zip(starts, separators.tolist(), strict=True) if start < end]
