"""Rows of several sources as one map-style sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class Corpus(Sequence[Any]):
    """Sources one after the other: what a mixture draws from.

    rows: of each source, texts or :class:`~pixlm.data.encoders.Encoded` strips; lengths: [n] units of each row, the
    closing separator included; names, sizes: of the sources.
    """

    def __init__(self, rows: Mapping[str, Sequence[Any]], lengths: Sequence[np.ndarray]):
        self.names = tuple(rows)
        self._rows = list(rows.values())
        self.sizes = tuple(len(each) for each in self._rows)
        self._begins = np.cumsum([0, *self.sizes])
        self.lengths = np.concatenate([np.empty(0, np.int32), *lengths])
        assert len(self.lengths) == len(self)

    def __len__(self) -> int:
        return int(self._begins[-1])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        source = int(self.source_of(index))
        return self._rows[source][int(index) - int(self._begins[source])]

    def source_of(self, indices: Any) -> Any:
        """The number of the source that each index belongs to: what ``names`` and ``sizes`` are indexed by."""
        return np.searchsorted(self._begins, indices, side="right") - 1

    def counts(self, indices: Any) -> dict[str, int]:
        """How many of these rows each source has given: for logs."""
        found = np.bincount(self.source_of(np.asarray(indices, np.int64)), minlength=len(self.names))
        return dict(zip(self.names, map(int, found), strict=True))

    def part(self, name: str) -> Corpus:
        """One source alone."""
        source = self.names.index(name)
        begin, end = int(self._begins[source]), int(self._begins[source + 1])
        return Corpus({name: self._rows[source]}, [self.lengths[begin:end]])
