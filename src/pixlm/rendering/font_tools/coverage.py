"""Which characters of a corpus no font has."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pixlm.errors import UsageError
from pixlm.rendering.unicode import script

_PIECE = 1 << 20  # characters read at a time


@dataclass(frozen=True)
class Uncovered:
    """A character that no font has."""

    char: str
    count: int

    @property
    def code(self) -> str:
        return f"U+{ord(self.char):04X}"

    @property
    def name(self) -> str:
        """Its name in Unicode; "" if this Python's tables have none."""
        return unicodedata.name(self.char, "")

    @property
    def script(self) -> str:
        return script(self.char)


def count_characters(pieces: Iterable[str]) -> Counter[str]:
    """How often each character occurs that is to be drawn: no white space."""
    counts: Counter[str] = Counter()
    for piece in pieces:
        counts.update(piece)
    for char in [char for char in counts if char.isspace()]:
        del counts[char]
    return counts


def uncovered(counts: Counter[str], covers: Callable[[str], bool]) -> list[Uncovered]:
    """What ``covers`` says no to, most frequent first."""
    missing = [Uncovered(char, count) for char, count in counts.items() if not covers(char)]
    return sorted(missing, key=lambda one: (-one.count, one.char))


def text_of(source: str) -> Iterator[str]:
    """A text: the contents of a file, of all text files below a folder, or the source itself. Files are read piece by
    piece, as UTF-8; bytes that are none count as U+FFFD. Files with NUL bytes are no text and left out.

    Raises:
        UsageError: the source looks like a path, but there is nothing; or a file cannot be read.
    """
    path = Path(source).expanduser() if len(source) < 4096 and "\0" not in source and "\n" not in source else None
    try:
        is_folder, is_file = (path.is_dir(), path.is_file()) if path is not None else (False, False)
    except OSError:  # too long for a name
        is_folder = is_file = False
    if path is not None and is_folder:
        files = sorted(file for file in path.rglob("*") if file.is_file())
        if not files:
            raise UsageError(f"{path} is a folder without files")
        for file in files:
            yield from _pieces(file, skip_binary=True)
    elif path is not None and is_file:
        yield from _pieces(path, skip_binary=False)
    elif not any(char.isspace() for char in source) and ("/" in source or source.endswith((".txt", ".conllu", ".tsv"))):
        raise UsageError(f"{source}: no such file or folder")
    else:
        yield source


def _pieces(path: Path, *, skip_binary: bool) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            piece = file.read(_PIECE)
            if "\0" in piece:
                if skip_binary:
                    return
                raise UsageError(f"{path} is no text: it holds NUL bytes")
            while piece:
                yield piece
                piece = file.read(_PIECE)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
