"""Numbers as the colour of the paper behind the ink."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

FOR = (255, 96, 32)
"""Paper of the patch with the largest value."""
AGAINST = (64, 128, 255)
"""Paper of one whose value is as large, but negative."""


def colours(values: NDArray[np.floating]) -> list[tuple[int, int, int]]:
    """White at 0, full colour at the largest value on either side."""
    most = float(np.abs(values).max(initial=0.0)) or 1.0
    mixed = []
    for value in values.tolist():
        colour, share = (FOR if value >= 0 else AGAINST), abs(value) / most
        red, green, blue = (round(255 + (side - 255) * share) for side in colour)
        mixed.append((red, green, blue))
    return mixed


def tinted(strip: Pixels, values: NDArray[np.floating], patch: int) -> Pixels:
    """A strip [P, P*L] or [P, P*L, 3] in colour, each patch on the paper of its value [L]."""
    paper = np.array(colours(values), np.uint16).repeat(patch, axis=0)[None]
    whole = strip if strip.ndim == 3 else np.repeat(strip[:, :, None], 3, axis=2)
    return (whole.astype(np.uint16) * paper // 255).astype(np.uint8)
