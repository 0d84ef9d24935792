"""The strip of patches: where the next patch starts, how long a padded strip is."""

from __future__ import annotations

from dataclasses import dataclass

from pixlm.errors import UsageError

PADDINGS = ("max_length", "longest", "multiple_of_64", False)


@dataclass(frozen=True)
class Geometry:
    """A row of ``patches`` square patches of ``patch`` pixels a side."""

    patch: int
    patches: int

    @property
    def last(self) -> int:
        """Pixel where the last patch starts: the furthest place of the closing separator."""
        return self.patch * (self.patches - 1)

    def next_patch(self, x: int) -> int:
        """Pixel of the first patch start at or right of ``x``, at most the start of the last patch."""
        return min(-(-x // self.patch) * self.patch, self.last)

    def to_patches(self, x: int) -> int:
        """Number of patches that ``x`` pixels take, rounded up."""
        return -(-x // self.patch)


def padded_length(used: int, padding: str | bool, patches: int) -> int:
    """Patches of a strip (or of every strip of a batch) of which at most ``used`` are used.

    ``multiple_of_64`` leaves room for one more position, [CLS]: 63, 127, 191 ... patches, but never more than
    ``patches``.
    """
    if padding == "max_length":
        return patches
    if padding == "multiple_of_64":
        return min(64 * -(-(used + 1) // 64) - 1, patches)
    return used


def check_padding(padding: str | bool) -> None:
    if padding not in PADDINGS or padding is True:
        names = ", ".join(repr(name) for name in PADDINGS)
        raise UsageError(f"padding is {padding!r}, but it must be one of {names}")
