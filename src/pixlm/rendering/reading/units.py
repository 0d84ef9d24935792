"""Units: what a cell is put together from, as pictures. Units that look the same are one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pixlm.rendering.backends import Backend
from pixlm.rendering.line import Line
from pixlm.rendering.reading.pixels import ink_of

#: Squared ink by which single characters come before clusters that look the same, but for ink beside their columns.
_OF_MARKS = 0.01


class Sketcher:
    """Draws lines for comparison. ``blur``: standard deviation of a Gaussian in pixels, 0 for none."""

    def __init__(self, backend: Backend, patch: int, rgb: bool, blur: float = 0.0) -> None:
        self.backend = backend
        self.patch = patch
        self._rgb = rgb
        radius = math.ceil(3 * blur)
        weights = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / blur)) if radius else np.ones(1)
        self._kernel = (weights / weights.sum()).astype(np.float32)
        self._painter = backend.painter(patch, rgb)
        self._sketches: dict[tuple[str, int, int, int], np.ndarray] = {}

    def blurred(self, blur: float) -> Sketcher:
        """The same with another blur."""
        return Sketcher(self.backend, self.patch, self._rgb, blur)

    def line(self, text: str, level: int | None = 0) -> Line:
        return self.backend.layout(text, level=level)

    def sketch(self, line: Line, left: int, advance: int) -> np.ndarray:
        """One line on ``advance`` columns and a patch either side: uint8 [P + advance + P, P]."""
        key = line.text, line.level, left, advance
        found = self._sketches.get(key)
        if found is None:
            ink = self.draw([(line, left)], advance, self.patch)
            found = self._sketches[key] = np.rint(ink * 255).astype(np.uint8)
        return found

    def draw(self, lines: Iterable[tuple[Line, int]], columns: int, margin: int = 0) -> np.ndarray:
        """Ink of lines and the pixels of their left ends: float32 [margin + columns + margin, P]."""
        canvas = self._painter.blank(columns + 2 * margin)
        for line, left in lines:
            baseline = self.backend.baseline(line, self.patch, is_word=True)
            self._painter.draw(canvas, line, left + margin, baseline)
        ink = ink_of(self._painter.finish(canvas))
        return ink if len(self._kernel) == 1 else _convolved(_convolved(ink, self._kernel).T, self._kernel).T


@dataclass(frozen=True)
class Unit:
    """A picture. ``texts``: everything that looks like this, in the order in which it was met; ``advance``: pixels to
    the next unit; ``left``: where in them the line is drawn."""

    texts: tuple[str, ...]
    advance: int
    line: Line
    left: int = 0


def _convolved(ink: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Along the first axis, with white around."""
    radius = len(kernel) // 2
    padded = np.pad(ink, ((radius, radius), (0, 0)))
    result = np.zeros_like(ink)
    for at, weight in enumerate(kernel):
        result += weight * padded[at : at + len(ink)]
    return result


class Group(NamedTuple):
    """The units of a bank that are ``w`` pixels wide: indices into the bank [G], their ink on their own columns float32
    [G, w*P], and its squared norms [G] (a little more for clusters). ``space``: its place, -1 if it is not here."""

    units: np.ndarray
    ink: np.ndarray
    norms: np.ndarray
    space: int


@dataclass
class UnitBank:
    """Units with the same part in a cell. ``groups``: by advance."""

    units: list[Unit] = field(default_factory=list)
    groups: dict[int, Group] = field(default_factory=dict)


def make_bank(sketcher: Sketcher, drafts: Iterable[tuple[str, Line, int, int]]) -> UnitBank:
    """A bank of (text, line, left, advance); what draws nothing is left out unless it is a space."""
    patch = sketcher.patch
    looks: dict[tuple[int, bytes], tuple[list[str], Line, int]] = {}
    for text, line, left, advance in drafts:
        if advance <= 0 or line.missing:
            continue
        ink = sketcher.sketch(line, left, advance)
        if ink[patch:-patch].any() or text == " ":
            looks.setdefault((advance, ink.tobytes()), ([], line, left))[0].append(text)
    bank = UnitBank()
    members: dict[int, tuple[list[int], list[np.ndarray]]] = {}
    for (advance, pixels), (texts, line, left) in looks.items():
        units, inks = members.setdefault(advance, ([], []))
        units.append(len(bank.units))
        # Units that differ in the margin only are two, but the margin is not compared.
        inks.append(np.frombuffer(pixels, np.uint8).reshape(-1, patch)[patch : patch + advance].reshape(-1))
        bank.units.append(Unit(tuple(dict.fromkeys(texts)), advance, line, left))
    for advance, (units, inks) in sorted(members.items()):
        ink = np.stack(inks).astype(np.float32) / 255
        norms = np.einsum("ij,ij->i", ink, ink)
        norms += _OF_MARKS * np.array([len(bank.units[unit].texts[0]) > 1 for unit in units])
        space = next((place for place, unit in enumerate(units) if bank.units[unit].texts[0] == " "), -1)
        bank.groups[advance] = Group(np.array(units), ink, norms, space)
    return bank
