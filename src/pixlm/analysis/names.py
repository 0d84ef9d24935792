"""Short names of models and files for tables and plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def short_names(names: Sequence[str]) -> list[str]:
    """As many last parts of paths as tell them apart."""
    paths = [Path(name).parts for name in names]
    for count in range(1, max(map(len, paths), default=1) + 1):
        shown = ["/".join(parts[-count:]) for parts in paths]
        if len(set(shown)) == len(shown):
            return shown
    return list(names)
