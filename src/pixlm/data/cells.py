"""Known cells: the patches that a renderer draws again and again, which a model can choose from.

With ``mono`` and ``bigrams`` the same characters give the same patch wherever they stand, so that a text is a sequence
over a finite alphabet of pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlm.data.encoders import Encoded, RenderedText
from pixlm.errors import UsageError

_ROWS = 20_000


def learn_cells(encoder: RenderedText, examples: Sequence[Any], most: int, channels: int) -> NDArray[np.uint8]:
    """[K, P * P * channels] the ``most`` frequent patches of texts (or strips), values by row, column and channel.

    The black patch that ends a text is always among them, and the white one. Of long corpora 20,000 texts are looked
    at, spread evenly. The same texts give the same cells in the same order.

    Raises:
        UsageError: ``most`` is less than 3.
    """
    if most < 3:
        raise UsageError(f"{most} cells: give 3 or more, of which two are the blank and the black one")
    side = encoder.renderer.pixels_per_patch
    counts: Counter[bytes] = Counter()
    chosen = np.unique(np.linspace(0, len(examples) - 1, min(len(examples), _ROWS)).astype(np.int64))
    for index in chosen:
        example = examples[int(index)]
        code = example if isinstance(example, Encoded) else encoder.encode(example)
        counts.update(patch.tobytes() for patch in _patches(code.units["pixel_values"], side, channels))
    values = side * side * channels
    plain = [bytes(values), b"\xff" * values]
    ranked = sorted((patch for patch in counts if patch not in plain), key=lambda patch: (-counts[patch], patch))
    return np.frombuffer(b"".join([*plain, *ranked[: most - 2]]), np.uint8).reshape(-1, values)


def _patches(image: np.ndarray, side: int, channels: int) -> np.ndarray:
    """[P, P * L] or [P, P * L, 3] -> [L, P, P, channels]"""
    colours = image[..., None] if image.ndim == 2 else image
    if colours.shape[-1] != channels:
        if channels == 1:
            raise UsageError("cells of a grey model from colour strips: say --render.mode grey")
        colours = np.repeat(colours, channels, axis=-1)
    return np.moveaxis(colours.reshape(side, -1, side, channels), 1, 0)
