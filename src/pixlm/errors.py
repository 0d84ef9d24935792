"""What pixlm raises when a person, and not pixlm, has to change something.

A :class:`UsageError` carries one line: what is wrong, where, and how to mend it. The command line prints that line and
exits with 2, without a traceback. A :class:`RunError` is a failure at run time that is nobody's typing mistake (a full
disk, a loss that is not a number); the command line prints it and exits with 1.
"""

from __future__ import annotations

_LONGEST = 1500
"""Characters of a message."""


class PixlmError(Exception):
    """Base of both; ``str(error)`` is one line fit for a terminal.

    A data loader of torch raises what happened in its worker processes again, with the worker's traceback as the
    message; of that only the error's own line is kept.
    """

    def __init__(self, message: str = ""):
        if message.startswith("Caught ") and "Traceback (most recent call last)" in message:
            message = message.rstrip().rpartition("\n")[2].partition(": ")[2]
        message = " ".join(message.splitlines())  # those of a file that it quotes
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST // 2]} ... {message[-_LONGEST // 2 :]}"
        super().__init__(message)


class UsageError(PixlmError, ValueError):
    """Wrong use or bad input: a path, a value, a file. Exit code 2 on the command line."""


class RunError(PixlmError, RuntimeError):
    """A run that could not go on. Exit code 1 on the command line."""
