"""How much of a word an attack changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pixlm.robustness.draws import Draws

T = TypeVar("T")


@dataclass(frozen=True)
class Dose:
    """rate: the share of a word's characters that an attack on characters takes; upstream: do as PIXEL's scripts do."""

    rate: float
    upstream: bool = False

    def take(self, places: Sequence[T], draws: Draws, *, at_least_one: bool | None = None) -> list[T]:
        """Each of ``places`` with probability ``rate``.

        At least one of them if ``at_least_one``; not given, that is so unless upstream's way is asked for.
        """
        taken = [place for place in places if draws.uniform() < self.rate]
        wanted = not self.upstream if at_least_one is None else at_least_one
        return [draws.pick(places)] if wanted and places and not taken else taken
