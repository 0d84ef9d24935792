"""Lines of documents to blocks that fill a sequence: as PIXEL and PIXEL-M4 packed theirs, with exact widths.

Lines of a document are joined with spaces while they fit; no block crosses documents; a line that is longer than a
sequence is cut at a space, or between characters where a word alone is too long, and its tail goes on with the next
line. Nothing is dropped. (Both originals estimated or measured lines one by one and lost what then did not fit.)
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pixlm.data.pretraining.documents import Line
from pixlm.rendering.unicode.graphemes import grapheme_clusters

Count = Callable[[str], int]
"""Units (patches) that a text takes, exactly."""

_AROUND = 64
"""Code points looked at to find the nearest border of a character."""


class Block(NamedTuple):
    """A text and the units that it takes."""

    text: str
    units: int


class Cleaner:
    """What is done to each line.

    "spaces": white space becomes single spaces. "m4": first, as in PIXEL-M4's preprocessing, characters that are
    unassigned, private or surrogates and those that no font has become spaces; ``covers`` says which ones a font has.
    """

    def __init__(self, how: str, covers: Callable[[str], bool]):
        self._table = _Replacements(covers) if how == "m4" else None

    def __call__(self, text: str) -> str:
        return " ".join((text if self._table is None else text.translate(self._table)).split())


class _Replacements(dict[int, int]):
    """For ``str.translate``: each code point, decided when it is first met."""

    def __init__(self, covers: Callable[[str], bool]):
        self._covers = covers

    def __missing__(self, code: int) -> int:
        character = chr(code)
        keep = unicodedata.category(character) not in ("Cn", "Cs", "Co") and self._covers(character)
        self[code] = code if keep else 32
        return self[code]


def pack(lines: Iterable[Line | None], count: Count, limit: int, clean: Callable[[str], str]) -> Iterator[Block | None]:
    """Blocks of at most ``limit`` units, and None after each document (of which ``lines`` has a None at the end)."""
    text = ""
    bound, is_exact = 0, True  # units that ``text`` takes, or does not pass
    for line in lines:
        if line is None:
            if text:
                yield from _blocks(text, bound, is_exact, count, limit)
            text, bound, is_exact = "", 0, True
            yield None
            continue
        added = clean(line.text)
        if not added:
            continue
        if line.glued and text:  # a part of a word, perhaps, that is drawn in another way alone
            *done, (text, bound) = _cut(text + added, count, limit)
            is_exact = True
            yield from done
            continue
        alone = count(added) if len(added) <= 8 * limit else limit + 1
        joined = f"{text} {added}" if text else added
        if text and bound + 1 + alone <= limit:
            # A space is a patch at most. What is joined is counted when the block is full.
            text, bound, is_exact = joined, bound + 1 + alone, False
        elif alone <= limit and (both := count(joined) if text else alone) <= limit:
            text, bound, is_exact = joined, both, True
        else:
            if text:
                yield from _blocks(text, bound, is_exact, count, limit)
            if alone <= limit:
                text, bound, is_exact = added, alone, True
            else:
                *done, (text, bound) = _cut(added, count, limit)
                is_exact = True
                yield from done


def _blocks(text: str, bound: int, is_exact: bool, count: Count, limit: int) -> Iterator[Block]:
    """A full block; should its lines take more together than apart, two."""
    units = bound if is_exact else count(text)
    if units <= limit:
        yield Block(text, units)
    else:
        yield from _cut(text, count, limit)


def _cut(text: str, count: Count, limit: int) -> Iterator[Block]:
    """A text of any length as blocks that are as full as may be; the last one is what remains."""
    start, size = 0, 4 * limit
    while start < len(text):
        end, units = _prefix(text, start, size, count, limit)
        yield Block(text[start:end], units)
        size = max((end - start) * 5 // 4, _AROUND)  # the next one will be about as long
        start = end + (end < len(text) and text[end] == " ")


def _prefix(text: str, start: int, size: int, count: Count, limit: int) -> tuple[int, int]:
    """(end, units) of the longest beginning of ``text[start:]`` that fits and ends at a space, or where it has to.

    ``size``: characters to look at first.
    """
    window = text[start : start + size]
    units = count(window)
    while units <= limit and start + size < len(text):
        size *= 2
        window = text[start : start + size]
        units = count(window)
    if units <= limit:
        return start + len(window), units
    spaces = [index for index, character in enumerate(window) if character == " " and index]
    low, low_units, high = _last_fitting(window, spaces, units, count, limit)
    if not low or _is_too_wide(text, start + low + 1, count, limit):
        # The next word is too wide for any block: what is left of this one is filled with its beginning.
        inside = range(low + 1, high)
        end, end_units, _ = _last_fitting(window, inside, count(window[:high]), count, limit, low, low_units)
        end, end_units = _whole_characters(window, low, end, end_units, count, limit)
        if end > low + 1:
            low, low_units = end, end_units
    if not low:
        low = grapheme_clusters(window[:_AROUND])[0][1]  # one character wider than a block
        low_units = count(window[:low])
    return start + low, low_units


def _is_too_wide(text: str, begin: int, count: Count, limit: int) -> bool:
    """Whether the word that begins there fits into no block."""
    end = text.find(" ", begin, begin + 8 * limit)
    word = text[begin : end if end >= 0 else begin + 8 * limit]
    return len(word) * 4 > limit and count(word) > limit


def _last_fitting(
    text: str, ends: Sequence[int], units: int, count: Count, limit: int, low: int = 0, low_units: int = 0
) -> tuple[int, int, int]:
    """(end, its units, the next end) of the last of ``ends`` up to which ``text`` fits; ``low`` if none does.

    ``units``: of the whole text, too many. Widths grow evenly, so few ends are tried.
    """
    first, last = -1, len(ends)  # known to fit, known not to
    high, high_units = (len(text), units)
    tries = 0
    while last - first > 1:
        tries += 1
        if tries < 5:
            guess = low + (limit + 0.5 - low_units) / max(high_units - low_units, 1) * (high - low)
            middle = min(max(bisect_right(ends, guess) - 1, first + 1), last - 1)
        else:
            middle = (first + last) // 2
        found = count(text[: ends[middle]])
        if found <= limit:
            first, low, low_units = middle, ends[middle], found
        else:
            last, high, high_units = middle, ends[middle], found
    return low, low_units, high


def _whole_characters(text: str, low: int, end: int, units: int, count: Count, limit: int) -> tuple[int, int]:
    """``end``, or the last border of a character before it up to which ``text`` fits; ``low`` if there is none."""
    border = end
    while border > low:
        begin = max(border - _AROUND, 0)
        around = text[begin : border + _AROUND]
        borders = [begin + stop for _, stop in grapheme_clusters(around)]
        border = max((each for each in borders if each <= border), default=low)
        if border == end:
            return end, units
        if border <= low:
            break
        found = count(text[:border])
        if found <= limit:
            return border, found
        border -= 1
    return low, 0
