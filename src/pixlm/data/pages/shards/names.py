"""Names of shards: brace ranges, joins, lists in files, and what kind of source a name is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pixlm.data.readers.problems import read_lines
from pixlm.errors import UsageError

LIST = ".shards"
"""Suffix of files that name shards, one source a line."""
PIPE = "pipe:"
_MOST = 1_000_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)(?:\.\.(\d+))?")
_PROTOCOL = re.compile("[A-Za-z][A-Za-z0-9+.-]*://")


def expand(source: str) -> list[str]:
    """The shards that a source names: several joined by ``::``, each with brace ranges (``{000..127}``, with a step
    ``{0..9..3}``) and lists (``{a,b}``); a file ``*.shards`` stands for the sources on its lines.

    Numbers keep the width of the first. Raises UsageError for a range that makes no sense, or for more than a million.
    """
    found: list[str] = []
    for part in source.split("::"):
        if part.endswith(LIST) and not is_command(part):
            for number, line in read_lines(Path(part)):
                line = line.strip()
                if line.endswith(LIST):
                    raise UsageError(f"{part}, line {number}: a list of lists")
                if not line.startswith("#"):
                    found += expand(_beside(line, Path(part).parent))
        elif part:
            found += _braces(part)
        if len(found) > _MOST:
            raise UsageError(f"{source[:80]}: names more than {_MOST:,} shards")
    if not found:
        raise UsageError(f"{source or 'an empty source'}: names no shard")
    return found


def _beside(name: str, folder: Path) -> str:
    """Relative paths in a list are relative to the list."""
    if is_command(name) or is_remote(name) or Path(name).is_absolute():
        return name
    return "::".join(str(folder / part) for part in name.split("::"))


def is_command(name: str) -> bool:
    """Whether a source is a shell command that writes an archive."""
    return name.startswith(PIPE)


def is_remote(name: str) -> bool:
    """Whether a source is a URL."""
    return not is_command(name) and _PROTOCOL.match(name) is not None


def _braces(text: str) -> list[str]:
    match = _BRACES.search(text)
    if match is None:
        return [text]
    ends = _braces(text[match.end() :])
    values = list(_values(match[1], text))
    if len(values) * len(ends) > _MOST:
        raise UsageError(f"{text[:80]}: names more than {_MOST:,} shards")
    return [text[: match.start()] + value + end for value in values for end in ends]


def _values(inside: str, text: str) -> Iterator[str]:
    found = _RANGE.fullmatch(inside)
    if found is None:
        if "," not in inside:
            raise UsageError(
                f"{text[:80]}: {{{inside}}} is neither a range such as {{000..127}} nor a list such as {{a,b}}"
            )
        yield from inside.split(",")
        return
    first, last, step = int(found[1]), int(found[2]), int(found[3] or 1)
    if step == 0 or abs(last - first) // step > _MOST:
        raise UsageError(f"{text[:80]}: {{{inside}}} is no range")
    direction = step if last >= first else -step
    for number in range(first, last + (1 if last >= first else -1), direction):
        yield str(number).zfill(len(found[1]))
