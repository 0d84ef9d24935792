"""Processes of a pool that make files: they end with the process that started them, and none is lost in silence."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pixlm.errors import RunError


def in_worker(parent: int, set_up: Callable[..., None], *arguments: Any) -> None:
    """Prepare a worker of the process ``parent``: it ends when that does, however that ends."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is the parent's to report
    set_up(*arguments)


@contextlib.contextmanager
def workers_must_live(kept: str) -> Iterator[None]:
    """Around work in a pool: a RunError where one of its processes was killed."""
    try:
        yield
    except BrokenProcessPool:
        raise RunError(
            f"a worker process was killed, perhaps for want of memory; {kept}: the same command goes on, with fewer "
            "workers if need be"
        ) from None
