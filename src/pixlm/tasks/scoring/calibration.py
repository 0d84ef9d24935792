"""Whether a classifier is right as often as it says (Guo et al. 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


def bin_of(confident: NDArray[np.floating[Any]], bins: int = BINS) -> NDArray[np.intp]:
    """The number of each probability's bin: (low, high], as in the paper; a probability of 1 is in the last one."""
    return np.clip(np.ceil(confident * bins).astype(np.intp) - 1, 0, bins - 1)


def expected_calibration_error(confident: NDArray[np.floating[Any]], right: NDArray[Any], *, bins: int = BINS) -> float:
    """The distance of accuracy and mean confidence in bins of equal width, weighted by their sizes.

    Args:
        confident: [examples] the probability of each answer; right: whether it is right.
    """
    gaps = np.bincount(bin_of(confident, bins), weights=np.asarray(right, float) - confident, minlength=bins)
    return float(np.abs(gaps).sum() / len(confident))
