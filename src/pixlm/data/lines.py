"""Plain text files with a text a line."""

from __future__ import annotations

import sys
from pathlib import Path

from pixlm.errors import UsageError


def read_lines(source: str | Path) -> list[str]:
    """The lines of a UTF-8 file, of standard input for "-"; empty ones are texts too, but for the end of the last.

    Raises UsageError for a file that cannot be read, is not UTF-8, or holds nothing.
    """
    try:
        text = sys.stdin.read() if source == "-" else Path(source).expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise UsageError(f"{source}: {error.strerror or error}") from None
    if not text.strip():
        raise UsageError(f"{source} holds no text; write one a line")
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines
