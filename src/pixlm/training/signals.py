"""Ctrl-C and the signals of clusters and terminals, which lose nothing: finish the step, save, stop."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Any

from pixlm.data.loading import ASKED
from pixlm.errors import RunError


class Interrupted(RunError):
    """A run that was asked to stop; ``signal``: the first one that this process got, if any."""

    def __init__(self, message: str, number: int | None = None):
        super().__init__(message)
        self.signal = number


_AT_ONCE = (signal.SIGINT, signal.SIGTERM)


class StopOnSignal:
    """Notes that the run is to stop. A second Ctrl-C or SIGTERM stops at once; the newest complete checkpoint stays.

    Use as a context manager around training.
    """

    def __init__(self) -> None:
        self.asked = False
        """Whether this process was asked."""
        self.by: int | None = None
        """The first signal."""
        self._old: dict[int, Any] = {}
        self._terminals: list[int] = []

    def __enter__(self) -> StopOnSignal:
        self._terminals = [number for number in (1, 2) if os.isatty(number)]
        for number in ASKED:
            if signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup's wish
            try:
                self._old[number] = signal.signal(number, self._ask)
            except ValueError:  # not in the main thread: the caller's signals are the caller's
                break
        return self

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def wants_stop(self, step: int) -> bool:
        """Whether the run is to stop after ``step``, as far as this process knows."""
        return self.asked

    def _ask(self, number: int, frame: FrameType | None) -> None:
        # Schedulers and launchers send several signals in a row; only a person's second one means "at once".
        if self.asked and number in _AT_ONCE and number == self.by:
            raise KeyboardInterrupt
        if not self.asked:
            self.asked, self.by = True, number
            if number == getattr(signal, "SIGHUP", None):
                # The terminal is gone, and writing to it would be an error; log.jsonl goes on.
                for terminal in self._terminals:
                    os.dup2(os.open(os.devnull, os.O_WRONLY), terminal)
            name = signal.Signals(number).name
            again = " (once more: stop at once)" if number in _AT_ONCE else ""
            with contextlib.suppress(OSError):
                print(f"\n{name}: stopping after this step and saving a checkpoint{again}", file=sys.stderr)
