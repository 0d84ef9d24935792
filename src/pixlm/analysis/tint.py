"""Numbers as the colour of the paper behind the ink."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixlm.rendering.picture import Pixels, coloured

REMOVED = (255, 236, 170)
"""Paper of patches that a model did not see, so that an eye finds them."""
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


def on_paper(pixels: Pixels, paper: ArrayLike) -> Pixels:
    """RGB pixels [..., 3] with the white of their paper replaced by a colour; both broadcast."""
    return (pixels.astype(np.uint16) * np.asarray(paper, np.uint16) // 255).astype(np.uint8)


def tinted(strip: Pixels, values: NDArray[np.floating], patch: int) -> Pixels:
    """A strip [P, P*L] or [P, P*L, 3] in colour, each patch on the paper of its value [L]."""
    return on_paper(coloured(strip), np.array(colours(values)).repeat(patch, axis=0)[None])
