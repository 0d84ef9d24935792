"""Plain text as training examples: files of lines, packed into blocks that fill a sequence.

One pass over the files makes an index of byte ranges (a few numbers a block); texts are read when they are asked for.
Lines of a document are joined with spaces while they fit; a line that is longer than a sequence is cut at a space, or
between characters where there is none; nothing is dropped. An empty line ends a document, and no block crosses it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pixlm.errors import UsageError

Measure = Callable[[str], float]


class TextCorpus(Sequence[str]):
    """A map-style sequence of text blocks of at most about ``max_units`` units.

    paths: UTF-8 text files; measure: units of a text (additive: an estimate per character is enough); min_units:
    blocks below it are left out (PIXEL leaves out blocks of fewer than 22 patches). Bytes that are not UTF-8 become
    U+FFFD. Raises UsageError for a file that is missing, binary or without text.
    """

    def __init__(self, paths: Iterable[Path], measure: Measure, *, max_units: float, min_units: float = 0):
        self.paths = [Path(path) for path in paths]
        self.invalid = 0
        """Bytes that were not UTF-8."""
        rows: list[tuple[int, int, int, float]] = []
        for number, path in enumerate(self.paths):
            before = len(rows)
            rows += ((number, *span) for span in _blocks(path, measure, max_units) if span[2] >= min_units)
            self.invalid += _invalid_bytes(path)
            if len(rows) == before:
                raise UsageError(f"{path}: holds no text" + (f" of {min_units:g} units or more" * (min_units > 0)))
        self._file = np.array([row[0] for row in rows], np.int32)
        self._start = np.array([row[1] for row in rows], np.int64)
        self._end = np.array([row[2] for row in rows], np.int64)
        self.lengths = np.array([row[3] for row in rows], np.float32)

    def __len__(self) -> int:
        return len(self._file)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        with self.paths[self._file[index]].open("rb") as file:
            file.seek(int(self._start[index]))
            data = file.read(int(self._end[index] - self._start[index]))
        return " ".join(data.decode("utf-8", errors="replace").split())


def _invalid_bytes(path: Path) -> int:
    """How many bytes of a file are not UTF-8."""
    with path.open("rb") as file:
        lines = (line.decode("utf-8", errors="surrogateescape") for line in file)
        return sum("\udc80" <= character <= "\udcff" for line in lines if not line.isascii() for character in line)


def _blocks(path: Path, measure: Measure, limit: float) -> Iterator[tuple[int, int, float]]:
    """(first byte, byte after the last, units) of each block of one file."""
    space = measure(" ")
    start = end = -1
    units = 0.0
    for piece in _pieces(path, measure, limit):
        if start >= 0 and (piece is None or units + space + piece[2] > limit):
            yield start, end, units
            start = -1
        if piece is None:
            continue
        if start < 0:
            start, end, units = piece
        else:
            end, units = piece[1], units + space + piece[2]
    if start >= 0:
        yield start, end, units


def _pieces(path: Path, measure: Measure, limit: float) -> Iterator[tuple[int, int, float] | None]:
    """(first byte, byte after the last, units) of each line, or of parts of it that fit; None at an empty line."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder, not a text file") from None
    with file:
        if b"\0" in file.read(65536):
            raise UsageError(f"{path}: holds NUL bytes, so it is no UTF-8 text file; convert or unpack it first")
        file.seek(0)
        offset = 0
        for line in file:
            text = line.decode("utf-8", errors="replace")
            units = measure(text.strip())
            if not text.strip():
                yield None
            elif units <= limit:
                yield offset, offset + len(line), units
            else:
                yield from _cut(line, offset, measure, limit)
            offset += len(line)


def _cut(line: bytes, offset: int, measure: Measure, limit: float) -> Iterator[tuple[int, int, float]]:
    """Parts of one long line, cut at spaces, or inside a word that is itself too long."""
    space = measure(" ")
    start, units, position = offset, 0.0, offset
    for word in line.split(b" "):
        wide = measure(word.decode("utf-8", errors="replace"))
        if units and units + space + wide > limit:
            yield start, position, units
            start, units = position, 0.0
        if wide > limit:
            for size, part in _cut_word(word, measure, limit):
                if units:
                    yield start, position, units
                start, position, units = position, position + size, part
            position += 1
        else:
            position += len(word) + 1
            units += wide + space * (units > 0)
    if units:
        yield start, offset + len(line), units


def _cut_word(word: bytes, measure: Measure, limit: float) -> Iterator[tuple[int, float]]:
    """(bytes, units) of parts of a word without spaces; a combining mark stays with its base."""
    size, units = 0, 0.0
    for character in word.decode("utf-8", errors="surrogateescape"):
        escaped = "\udc80" <= character <= "\udcff"
        wide = measure("�" if escaped else character)
        if units and units + wide > limit and not unicodedata.category(character).startswith("M"):
            yield size, units
            size, units = 0, 0.0
        size += 1 if escaped else len(character.encode("utf-8"))
        units += wide
    if size:
        yield size, units
