"""What a strategy answers with: lines, or cells, and where on the strip they go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pixlm.rendering.geometry import Geometry
from pixlm.rendering.line import Line
from pixlm.rendering.offsets import Span

#: ``layout(text, level=None, max_width=None, is_one_level=False)``, as `LineLayout.layout`; with ``is_one_level`` all
#: characters have the level of the paragraph.
Layout = Callable[..., Line]


@dataclass(frozen=True, eq=False, slots=True)
class Cell:
    """A picture that begins at a patch border: lines with the pixel of their left end. Strategies keep their cells, so
    a cell that is met again is the same object, and what was drawn for it can be looked up.

    ``patches``: how many patches it takes; ``missing``: its characters that no font has.
    """

    lines: tuple[tuple[Line, int], ...]
    patches: int
    missing: str = ""


class PlacedCell(NamedTuple):
    """A cell at a patch. It shows ``[start, end)`` of its text (code points).

    ``patches`` may be fewer than the cell's: then its end is cut off, which is on the left if ``level`` is odd.
    """

    cell: Cell
    patch: int
    patches: int
    start: int
    end: int
    level: int


@dataclass
class Plan:
    """What to draw: lines with the pixel of their left end, cells, then separators at patch indices.

    ``lost``: words (of a list; those that are cut off included) or characters that are not on the plan, or not wholly.
    What windows go on with: ``text``, the whole text, of a pair the second one, or ``words``, the whole list;
    ``first_word``: the place in the list of the first word here.
    """

    lines: list[tuple[Line, int]] = field(default_factory=list)
    separators: list[int] = field(default_factory=list)
    word_starts: list[int] | None = None
    lost: int = 0
    cells: list[PlacedCell] = field(default_factory=list)
    text: str = ""
    words: list[str] | None = None
    first_word: int = 0

    @property
    def end(self) -> int:
        """Patch index of the closing separator."""
        return self.separators[-1]

    @property
    def missing(self) -> str:
        """The characters that no font has."""
        in_lines = "".join(line.text[index] for line, _ in self.lines for index in line.missing)
        return in_lines + "".join(placed.cell.missing for placed in self.cells)


@dataclass
class PairPlan(Plan):
    """A plan of two lines.

    ``widths``: of both texts as they were reckoned with, in pixels; ``level``: the paragraph level of both, None if it
    follows from the text.
    """

    widths: tuple[int, int] = (0, 0)
    rtl: bool = False
    level: int | None = None


class Strategy(Protocol):
    """How text becomes patches. Nothing is drawn here.

    ``layout`` lays out a line; a strategy is used with one layout and one patch size. ``rtl``: None decides by the
    characters. ``max_length``: patches that the first text of a pair may take.
    """

    def text(self, text: str, geometry: Geometry, layout: Layout, *, rtl: bool | None = None) -> Plan: ...

    def words(self, words: list[str], geometry: Geometry, layout: Layout, *, rtl: bool | None = None) -> Plan: ...

    def pair(
        self, first: str, second: str, geometry: Geometry, layout: Layout, *, rtl: bool | None, max_length: int | None
    ) -> Plan: ...

    def offsets(self, plan: Plan, geometry: Geometry) -> list[Span]:
        """The offset mapping of a plan of this strategy: one entry per patch up to ``geometry.patches``."""
        ...

    def windows(
        self, plan: Plan, geometry: Geometry, layout: Layout, stride: int, *, rtl: bool | None = None
    ) -> list[tuple[Plan, list[Span]]]:
        """The windows after the first, each with its offset mapping. ``rtl``: as it was given for ``plan``."""
        ...

    def width(self, text: str, geometry: Geometry, layout: Layout) -> int:
        """Pixels that a text takes on a strip without end."""
        ...
