"""Units: what a cell is put together from, as pictures. Units that look the same are one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from pixlm.rendering.backends import Backend
from pixlm.rendering.line import Line
from pixlm.rendering.reading.pixels import ink_of


class Sketcher:
    """Draws lines for comparison."""

    def __init__(self, backend: Backend, patch: int, rgb: bool) -> None:
        self.backend = backend
        self.patch = patch
        self._painter = backend.painter(patch, rgb)

    def line(self, text: str, level: int | None = 0) -> Line:
        return self.backend.layout(text, level=level)

    def draw(self, lines: Iterable[tuple[Line, int]], columns: int, margin: int = 0) -> np.ndarray:
        """Ink of lines and the pixels of their left ends: float32 [margin + columns + margin, P]."""
        canvas = self._painter.blank(columns + 2 * margin)
        for line, left in lines:
            baseline = self.backend.baseline(line, self.patch, is_word=True)
            self._painter.draw(canvas, line, left + margin, baseline)
        return ink_of(self._painter.finish(canvas))


@dataclass(frozen=True)
class Unit:
    """A picture. ``texts``: everything that looks like this, in the order in which it was met; ``advance``: pixels to
    the next unit; ``left``: where in them the line is drawn."""

    texts: tuple[str, ...]
    advance: int
    line: Line
    left: int = 0


@dataclass
class UnitBank:
    """Units with the same part in a cell, as matrices, grouped by their advance.

    ``groups[w]``: indices of the units that are ``w`` pixels wide, their ink float32 [G, w*P], and its squared norms.
    """

    units: list[Unit]
    groups: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=dict)


def make_bank(sketcher: Sketcher, drafts: Iterable[tuple[str, Line, int, int]]) -> UnitBank:
    """A bank of (text, line, left, advance); what draws nothing is left out unless it is a space."""
    looks: dict[tuple[int, bytes], list[str]] = {}
    first: dict[tuple[int, bytes], tuple[Line, int]] = {}
    for text, line, left, advance in drafts:
        if advance <= 0 or line.missing:
            continue
        # The margin tells units apart that differ beyond their advance only.
        ink = sketcher.draw([(line, left)], advance, sketcher.patch)
        if not ink.any() and text != " ":
            continue
        key = advance, np.rint(ink * 255).astype(np.uint8).tobytes()
        looks.setdefault(key, []).append(text)
        first.setdefault(key, (line, left))
    units: list[Unit] = []
    members: dict[int, list[tuple[int, np.ndarray]]] = {}
    for (advance, pixels), texts in looks.items():
        line, left = first[advance, pixels]
        ink = np.frombuffer(pixels, np.uint8).reshape(-1, sketcher.patch)[sketcher.patch : sketcher.patch + advance]
        members.setdefault(advance, []).append((len(units), ink.reshape(-1)))
        units.append(Unit(tuple(dict.fromkeys(texts)), advance, line, left))
    bank = UnitBank(units)
    for advance in sorted(members):
        indices, inks = zip(*members[advance], strict=True)
        matrix = np.stack(inks).astype(np.float32) / 255
        bank.groups[advance] = np.array(indices), matrix, np.einsum("ij,ij->i", matrix, matrix)
    return bank
