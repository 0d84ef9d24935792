"""Text that was rendered beforehand: Parquet files of pictures, as PIXEL's pretraining sets are published.

Columns ``pixel_values`` (a PNG: one row of patches, grey) and ``num_patches`` (those with text, without the closing
black one), as in ``Team-PIXEL/rendered-wikipedia-english``.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from pixlm.data.digests import cache_folder
from pixlm.data.readers.problems import Problems
from pixlm.errors import UsageError

_KEPT_GROUPS = 4
_MAX_PATCHES = 65536
"""Widest picture that is decoded; a small file can claim a huge one."""


@dataclass(frozen=True)
class PrerenderedText:
    """pixel_values: uint8 [P, P * L] or [P, P * L, 3], white is 255; num_patches: of text; where: file and row."""

    pixel_values: np.ndarray
    num_patches: int
    where: str


class PrerenderedParquet(Sequence[PrerenderedText]):
    """A map-style view of Parquet files; it reads one row group at a time and keeps the last few.

    Args:
        paths: the files, in the order of their rows.
        min_patches: rows with fewer patches of text are left out (PIXEL leaves out those below 22).
        pixels_per_patch: the height every picture must have.
        rgb: three channels, whatever the pictures have; else grey.
        problems: files that cannot be read are bad input. A picture that cannot be decoded is an error when it is
            asked for.

    Raises:
        UsageError: a file is missing, is no Parquet file, or lacks a column.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        *,
        min_patches: int = 0,
        pixels_per_patch: int = 16,
        rgb: bool = False,
        problems: Problems | None = None,
    ):
        self.paths = [Path(path) for path in paths]
        self.pixels_per_patch = pixels_per_patch
        self.mode = "RGB" if rgb else "L"
        self._rows = rows_of(self.paths, _index, min_patches, problems or Problems())
        self.lengths = self._rows[:, 3] + 1
        """Attended patches of each row: those with text and the closing one."""
        self._groups: dict[tuple[int, int], Any] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number, group, row, patches = (int(value) for value in self._rows[index])
        cell = self._group(number, group)[row].as_py()
        where = f"{self.paths[number]}, row group {group}, row {row + 1}"
        return PrerenderedText(self._decode(cell, where), patches, where)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_groups": {}}

    def _group(self, number: int, group: int) -> Any:
        import pyarrow.parquet

        key = (number, group)
        if key not in self._groups:
            while len(self._groups) >= _KEPT_GROUPS:
                self._groups.pop(next(iter(self._groups)))
            with pyarrow.parquet.ParquetFile(self.paths[number]) as file:
                self._groups[key] = file.read_row_group(group, columns=["pixel_values"]).column("pixel_values")
        return self._groups[key]

    def _decode(self, cell: Any, where: str) -> np.ndarray:
        data: Any = cell.get("bytes") if isinstance(cell, dict) else cell
        side = self.pixels_per_patch
        try:
            with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
                width, height = picture.size
                if height != side or width % side or not 0 < width <= side * _MAX_PATCHES:
                    raise UsageError(
                        f"{where}: a picture of {width} x {height} pixels is no row of {side}-pixel patches"
                    )
                return np.asarray(picture.convert(self.mode))
        except (TypeError, UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise UsageError(f"{where}: no PNG: {error}") from None


def rows_of(
    paths: Sequence[Path], read: Callable[[Path], np.ndarray], min_patches: int, problems: Problems
) -> np.ndarray:
    """The rows of files that have enough patches: int32 [rows, 4]: file, group, row in it, patches of text.

    Args:
        read: finds the last three in a file; see `index_of`.
        problems: files that cannot be read are bad input.
    """
    found = [np.empty((0, 4), np.int32)]
    for number, path in enumerate(paths):
        try:
            rows = index_of(path, read)
        except UsageError as error:
            problems.skip(str(path), str(error).removeprefix(f"{path}: "))
            continue
        rows = rows[rows[:, 2] >= min_patches]
        found.append(np.concatenate([np.full((len(rows), 1), number, np.int32), rows], 1))
    every = np.concatenate(found)
    if not len(every):
        raise UsageError(f"{', '.join(map(str, paths[:3]))}: no row with {min_patches} patches or more")
    return every


def index_of(path: Path, read: Callable[[Path], np.ndarray]) -> np.ndarray:
    """What ``read`` finds in a file, int32 [rows, n]; kept in the cache, so that a large set is gone through once."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    identity = f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ino}"
    note = cache_folder("shards") / f"{hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()}.npy"
    with contextlib.suppress(OSError, ValueError):
        return np.asarray(np.load(note, allow_pickle=False))
    found = read(path)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
        note.parent.mkdir(parents=True, exist_ok=True)
        aside = note.with_name(f".{os.getpid()}-{note.name}")
        np.save(aside, found)
        aside.replace(note)
    return found


def _index(path: Path) -> np.ndarray:
    """(row group, row in it, num_patches) of every row of a file, int32 [rows, 3]."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            missing = {"pixel_values", "num_patches"} - set(file.schema_arrow.names)
            if missing:
                raise UsageError(
                    f"{path}: no column {', '.join(sorted(missing))}; it has: {', '.join(file.schema_arrow.names)}"
                )
            found = [np.empty((0, 3), np.int32)]
            for group in range(file.metadata.num_row_groups):
                column = file.read_row_group(group, columns=["num_patches"]).column("num_patches")
                patches = column.to_numpy().astype(np.int32)
                rows = np.arange(len(patches), dtype=np.int32)
                found.append(np.stack([np.full_like(patches, group), rows, patches], 1))
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(
            f"{path}: no Parquet file, or one that is cut off: {' '.join(str(error).split())[:160]}"
        ) from None
    return np.concatenate(found)
