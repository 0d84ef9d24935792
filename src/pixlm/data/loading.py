"""Collated batches, made here or by worker processes: one that dies or hangs is an error that names it, not a wait."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Protocol, cast

import torch
from torch.utils.data import DataLoader

from pixlm.data.draw import Draw, DrawnDataset
from pixlm.errors import PixlmError, RunError

ASKED = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2") if hasattr(signal, name))
"""Signals that ask a run to stop: SIGTERM comes before a cluster kills a job, SIGHUP when a terminal closes, SIGUSR2
from SLURM by way of submitit."""
TIMEOUT = 600.0
"""Seconds without a batch from any worker after which one counts as hanging."""
_SHOWN = 8


class Sampler(Protocol):
    """What yields the draws of each batch."""

    def __iter__(self) -> Iterator[Sequence[Draw]]: ...

    def __len__(self) -> int: ...


class Batches:
    """An iterator over the collated batches of ``examples`` that ``sampler`` asks for; workers: 0 makes them here.

    Use as a context manager around everything that happens while workers live: torch tells of a dead one by an error
    wherever the program is then. Leaving it ends the workers. Raises RunError where a worker died, or none came back
    within ``timeout`` seconds (0: any time), and says which, and what it was at.
    """

    def __init__(
        self,
        examples: Sequence[Any],
        sampler: Sampler,
        collate: Callable[[list[Any]], dict[str, Any]],
        *,
        workers: int = 0,
        timeout: float = TIMEOUT,
        pin_memory: bool = False,
    ):
        self.workers, self.timeout = workers, timeout
        self._asked: deque[Sequence[Draw]] = deque()
        self._received = 0
        loader: DataLoader[Any] = DataLoader(
            cast(Any, DrawnDataset(examples)),
            batch_sampler=cast(Any, _Noted(sampler, self._asked)),
            collate_fn=collate,
            num_workers=workers,
            timeout=timeout if workers else 0,
            pin_memory=pin_memory,
            worker_init_fn=leave_signals,
            # Without a generator of its own the loader would draw from the global one, and evaluating during training
            # would change the training that follows.
            generator=torch.Generator(),
        )
        self._iterator = iter(loader)
        self._processes: list[Any] = list(getattr(self._iterator, "_workers", ()))

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> dict[str, Any]:
        batch = next(self._iterator)
        self._asked.popleft()
        self._received += 1
        return cast(dict[str, Any], batch)

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        problem = self._problem(error)
        self._end()
        if problem is not None:
            raise RunError(problem) from None

    def _problem(self, error: BaseException | None) -> str | None:
        """What an error of torch's about workers means; None for any other."""
        if not isinstance(error, RuntimeError) or isinstance(error, PixlmError):
            return None
        # Those that ended with 0 had nothing left to do.
        dead = [number for number, process in enumerate(self._processes) if process.exitcode]
        if dead:
            code = self._processes[dead[0]].exitcode
            how = f"was killed by {signal.Signals(-code).name}, perhaps for want of memory" if code < 0 else "ended"
            return (
                f"data: {self._worker(dead[0])} {how}; the same command goes on from the last checkpoint, with fewer "
                "--train.workers if need be"
            )
        if self._processes and "timed out" in str(error):
            # Batches are dealt out in turn, and come back in order.
            return (
                f"data: {self._worker(self._received % self.workers)} gave nothing for {self.timeout:g} s; the same "
                "command goes on from the last checkpoint, and waits longer with a higher --train.worker-timeout"
            )
        return None

    def _worker(self, number: int) -> str:
        """A worker and what it was at: of the batches that were dealt out to it the first that did not come back."""
        mine = (draws for batch, draws in enumerate(self._asked, self._received) if batch % self.workers == number)
        indices = [draw.index for draw in next(mine, ())]
        more = " ..." if len(indices) > _SHOWN else ""
        at = f" at examples {', '.join(map(str, indices[:_SHOWN]))}{more} (from 0)" if indices else ""
        return f"worker {number} (process {self._processes[number].pid}){at}"

    def _end(self) -> None:
        """End the workers: they ignore the signal by which the loader, and Python at its exit, would do it."""
        shut_down = getattr(self._iterator, "_shutdown_workers", None)
        if shut_down is not None:
            shut_down()
        for process in self._processes:
            if process.is_alive():
                process.kill()
                process.join()


class _Noted:
    """A sampler that notes what was asked for."""

    def __init__(self, sampler: Sampler, asked: deque[Sequence[Draw]]):
        self.sampler, self.asked = sampler, asked

    def __iter__(self) -> Iterator[Sequence[Draw]]:
        for draws in self.sampler:
            self.asked.append(draws)
            yield draws

    def __len__(self) -> int:
        return len(self.sampler)


def leave_signals(worker: int) -> None:
    """For a worker process: terminals and clusters signal it, too, but its parent decides when to stop."""
    for number in ASKED:
        signal.signal(number, signal.SIG_IGN)
