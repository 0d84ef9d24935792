"""Short names of models and files for tables and plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def short_names(names: Sequence[str]) -> list[str]:
    """As many last parts of paths as tell them apart; of a checkpoint also the run's."""
    paths = [Path(name).parts for name in names]
    fewest = 2 if any(parts and parts[-1].startswith("checkpoint-") for parts in paths) else 1
    for count in range(fewest, max([fewest, *map(len, paths)]) + 1):
        shown = ["/".join(parts[-count:]) for parts in paths]
        if len(set(shown)) == len(shown):
            return shown
    return list(names)
