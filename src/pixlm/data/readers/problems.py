"""What to do about bad input: stop at it with the file and line, or leave it out and count it."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar, cast

from pixlm.data.examples import Example
from pixlm.errors import UsageError

E = TypeVar("E", bound=Example)

_KEPT_MESSAGES = 20
_NOT_TEXT = re.compile("[\ud800-\udfff]")
"""Bytes that are no UTF-8 (read with "surrogateescape"), and lone surrogates that JSON can spell."""


@dataclass
class Problems:
    """A choice, and a record of what was met.

    on_error: "raise" makes bad input an error; "skip" leaves out the sentence, row or question it is in.
    commands: whether shell commands that data name as their source may be run.
    max_words: longest sentence that is taken for one; the longest in Universal Dependencies have some hundreds.
    skipped: what was left out as bad; left_out: what a format itself marks as not to be used (SNLI's "-");
    warnings: what is odd but used; messages: the first of all of these, one line each.
    """

    on_error: Literal["raise", "skip"] = "raise"
    max_words: int = 4096
    commands: bool = False
    skipped: int = 0
    left_out: int = 0
    warnings: int = 0
    messages: list[str] = field(default_factory=list)

    def skip(self, where: str, what: str) -> None:
        """Bad input: raise a UsageError, or count it."""
        if self.on_error == "raise":
            raise UsageError(f"{where}: {what}")
        self.skipped += 1
        self._note(f"{where}: left out: {what}")

    def leave_out(self, where: str, what: str) -> None:
        """Something that the format marks as not to be used."""
        self.left_out += 1
        self._note(f"{where}: left out: {what}")

    def warn(self, where: str, what: str) -> None:
        """Something odd that is used all the same."""
        self.warnings += 1
        self._note(f"{where}: {what}")

    def _note(self, message: str) -> None:
        if len(self.messages) < _KEPT_MESSAGES:
            self.messages.append(message)

    def summary(self) -> str:
        """One line for a log; "" if there is nothing to say."""
        counts = (
            (self.skipped, "left out as bad"),
            (self.left_out, "left out as the format marks them"),
            (self.warnings, "odd but used"),
        )
        said = ", ".join(f"{count} {what}" for count, what in counts if count)
        return f"{said}; first: {self.messages[0]}" if said else ""


def read_text(path: Path) -> str:
    """A file as text; bytes that are no UTF-8 become lone surrogates, which :func:`text_problem` finds.

    Line ends are kept as they are but for "\\r\\n". Raises UsageError for a file that is missing, a folder, or UTF-16.
    """
    with _open(path) as file:
        return file.read().decode("utf-8-sig", errors="surrogateescape").replace("\r\n", "\n")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, line) of every line of a file that is not blank, read as they are asked for.

    As :func:`read_text` has them.
    """
    try:
        with _open(path) as file:
            # Bytes are split at line feeds only: U+2028, form feeds and the like may stand inside a word.
            for number, data in enumerate(file, start=1):
                encoding = "utf-8-sig" if number == 1 else "utf-8"
                line = data.decode(encoding, errors="surrogateescape").removesuffix("\n").removesuffix("\r")
                if line.strip(" \t\r"):
                    yield number, line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{path}: is damaged or cut off ({error}); fetch or pack it again") from None


def _open(path: Path) -> BinaryIO:
    try:
        file = cast(BinaryIO, gzip.GzipFile(path)) if path.suffix.lower() == ".gz" else path.open("rb")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder, not a file") from None
    if path.suffix.lower() != ".gz" and file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
        file.close()
        raise UsageError(f"{path}: is UTF-16 text; save it as UTF-8")
    file.seek(0)
    return file


def text_problem(text: str) -> str | None:
    """What is wrong with a piece of text as text, None if nothing is."""
    found = None if text.isascii() else _NOT_TEXT.search(text)
    if found is None:
        return None
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"not UTF-8 text (byte 0x{code - 0xDC00:02x}); save the file as UTF-8"
    return f"a lone surrogate (U+{code:04X}), which is no character"


def blocks(lines: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """The stretches of numbered lines between blank lines."""
    block: list[tuple[int, str]] = []
    before = 0
    for number, line in lines:
        if block and number != before + 1:
            yield block
            block = []
        block.append((number, line))
        before = number
    if block:
        yield block


def words_problem(words: Sequence[str], problems: Problems) -> str | None:
    """What is wrong with the words of a sentence, None if nothing is."""
    if len(words) > problems.max_words:
        return (
            f"a sentence of {len(words)} words, more than {problems.max_words}; "
            "is the blank line between sentences missing?"
        )
    return None


def finish(examples: list[E], path: Path, problems: Problems, *, holds: str) -> list[E]:
    """The examples of one file, without those whose id came before in the same group.

    Raises UsageError where none is left; ``holds`` says what the file should hold.
    """
    kept = without_duplicates(examples, problems)
    if not kept:
        reason = f" ({problems.summary()})" if problems.skipped or problems.left_out else ""
        raise UsageError(f"{path}: holds no {holds}{reason}")
    return kept


def without_duplicates(examples: Sequence[E], problems: Problems) -> list[E]:
    """The examples whose (group, id) is new; a second one is bad input."""
    first: dict[tuple[str, str], E] = {}
    for example in examples:
        key = (example.group, example.id)
        if key in first:
            problems.skip(
                example.where, f"the id {example.id!r} again; it was first in {first[key].where or 'this file'}"
            )
        else:
            first[key] = example
    return list(first.values())


def check_labels(
    train: Sequence[Example], other: Sequence[Example], split: str, problems: Problems, labels: Sequence[str] = ()
) -> list[Any]:
    """The examples of ``other`` whose labels a model trained on ``train`` knows.

    ``labels``: the inventory where it is fixed; else that of ``train``. Numbers to be estimated are no labels.
    """
    known: set[str] | None = set(labels) or None
    kept = []
    for example in other:
        own = labels_of(example)
        if own and known is None:  # a train split may be large, and its examples read only now
            known = {label for one in train for label in labels_of(one)}
        unknown = sorted(set(own) - (known or set()))
        if unknown:
            shown = ", ".join(sorted(known or set())[:20])
            problems.skip(
                example.where or example.id,
                f"label {unknown[0]!r} of the {split} split is not among those of the train split: {shown}",
            )
        else:
            kept.append(example)
    return kept


def labels_of(example: Any) -> list[str]:
    """The class labels of an example of any shape."""
    label = getattr(example, "label", None)
    found = [label] if label is not None else getattr(example, "labels", None) or getattr(example, "relations", None)
    return [one for one in found or () if isinstance(one, str)]
