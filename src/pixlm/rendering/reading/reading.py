"""What reading answers with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CellReading:
    """A cell that was read.

    Attributes:
        span: its first and one past its last patch.
        text: its characters in the order in which they are written; "" if it is blank.
        confidence: 0 to 1: how much better its picture fits than every other, times the share of its characters among
            those that look the same.
        alternatives: other texts with their confidence, best first.
    """

    span: tuple[int, int]
    text: str
    confidence: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Reading:
    """A strip of patches that was read.

    Attributes:
        texts: what stood before each separator: one text, or the two of a pair.
        cells: from left to right.
    """

    texts: tuple[str, ...]
    cells: tuple[CellReading, ...]

    @property
    def text(self) -> str:
        """All of it; the texts of a pair on a line each."""
        return "\n".join(self.texts)

    @property
    def confidence(self) -> float:
        """Mean over the cells; 1 if there are none."""
        return sum(cell.confidence for cell in self.cells) / len(self.cells) if self.cells else 1.0
