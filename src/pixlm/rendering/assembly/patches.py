"""Patches by number: what cells are kept as."""

from __future__ import annotations

import numpy as np

ID = np.dtype(np.int32)


class PatchTable:
    """Patches by number: number 0 is black.

    Args:
        patch: P, height and width.
        channels: 1 or 3.
        given: uint8 [patches, P * P * channels], the first patches of the table; they may be read-only.
    """

    number_size = ID.itemsize  # bytes

    def __init__(self, patch: int, channels: int, given: np.ndarray | None = None) -> None:
        self._row = np.dtype((np.void, patch * channels))
        self._patch = patch
        # Two arrays [patches, P] of patch rows: what was given, and what came later.
        self._given = np.zeros((0, patch), self._row) if given is None else self._rows_of(given)
        self._own = np.zeros((1024, patch), self._row)
        self.count = len(self._given) or 1

    def _rows_of(self, patches: np.ndarray) -> np.ndarray:
        size = self._patch * self._row.itemsize
        return np.ascontiguousarray(patches).reshape(len(patches), size).view(self._row)

    def add(self, patches: np.ndarray) -> np.ndarray:
        """Numbers of new patches. ``patches``: uint8 [n, P, P(, 3)], each a list of columns."""
        return self.add_rows(np.ascontiguousarray(patches.swapaxes(1, 2)).tobytes())

    def add_rows(self, data: bytes) -> np.ndarray:
        """Numbers of new patches, each of which is a list of rows."""
        first = self.count
        self.extend(data)
        return np.arange(first, self.count, dtype=ID)

    def extend(self, data: bytes) -> None:
        """New patches, each a list of rows, whose numbers go on from ``count``."""
        size = self._patch * self._row.itemsize
        start = (self.count - len(self._given)) * size
        end = start + len(data)
        if end > self._own.nbytes:
            grown = np.empty((max(2 * len(self._own), -(-end // size)), self._patch), self._row)
            grown.view(np.uint8).ravel()[:start] = self._own.view(np.uint8).ravel()[:start]
            self._own = grown
        self._own.view(np.uint8).ravel().data[start:end] = data
        self.count += len(data) // size

    def pixels(self) -> np.ndarray:
        """All patches, as they may be given to a new table."""
        rows = np.concatenate([self._given, self._own[: self.count - len(self._given)]])
        return rows.view(np.uint8).reshape(self.count, -1)

    def _take(self, index: np.ndarray) -> np.ndarray:
        given = len(self._given)
        if not given:
            return self._own.take(index, axis=0)
        found = self._given.take(np.minimum(index, given - 1), axis=0)
        late = index >= given
        if late.any():
            found[late] = self._own.take(index[late] - given, axis=0)
        return found

    def is_white(self, number: int, columns: int) -> bool:
        """Whether the first (or, if negative, the last) ``columns`` of a patch are white."""
        pixels = self._take(np.array([number])).view(np.uint8).reshape(self._patch, self._patch, -1)
        return int((pixels[:, :columns] if columns > 0 else pixels[:, columns:]).min()) == 255

    def put(self, image: np.ndarray, numbers: bytes) -> None:
        """Draw patches on an image from its left end on."""
        index = np.frombuffer(numbers, ID)
        rows = image.reshape(len(image), -1).view(self._row)
        rows[:, : len(index)] = self._take(index).T
