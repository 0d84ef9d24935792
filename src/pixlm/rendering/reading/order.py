"""From the order on the screen to the order in which a text is written and stored: UAX #9 backwards."""

from __future__ import annotations

from collections.abc import Sequence

from pixlm.rendering.reading.candidates import is_rtl
from pixlm.rendering.unicode import embedding_levels, visual_order
from pixlm.rendering.unicode.properties import BIDI_CLASS

#: Characters that are drawn as one another in right-to-left text.
_PAIRS = "()[]{}<>«»‹›≤≥≪≫⁅⁆⁽⁾₍₎⟦⟧⟨⟩⟪⟫⌈⌉⌊⌋「」『』【】〈〉《》〔〕"
_MIRRORED = {one: other for a, b in zip(_PAIRS[::2], _PAIRS[1::2], strict=True) for one, other in ((a, b), (b, a))}


def base_level(cells: Sequence[str]) -> int:
    """0 or 1. A line that begins on the left with a left-to-right character may be one; so may one that begins on the
    right with a right-to-left one. Where both, or none, is so: by the number of characters."""
    classes = [kind for cell in cells for char in cell if (kind := BIDI_CLASS[char]) in "LRa"]
    if not classes:
        return 0
    may_be = classes[0] == "L", classes[-1] != "L"
    if may_be[0] != may_be[1]:
        return int(may_be[1])
    return int(2 * classes.count("L") < len(classes))


def logical_order(cells: Sequence[str], base: int) -> tuple[list[int], list[int]]:
    """Cells given from left to right as they are written.

    Args:
        cells: their texts; of one direction each.
        base: level of the paragraph.

    Returns:
        the indices of the cells in logical order, and the level of each cell, by index.
    """
    turned = list(range(len(cells)))[:: -1 if base else 1]
    text = "".join(cells[index] for index in turned)
    if not base and not is_rtl(text):
        return turned, [0] * len(cells)
    levels, _ = embedding_levels(text, base)
    of_cell: list[int] = []
    start = 0
    for index in turned:
        end = start + len(cells[index])
        # An empty cell goes with what is before it.
        # White space in a cell is none of its own.
        inked = [int(levels[place]) for place in range(start, end) if text[place] != " "] or levels[start:end].tolist()
        of_cell.append(min(inked) if inked else (of_cell[-1] if of_cell else base))
        start = end
    order = visual_order([level - base for level in of_cell])
    level_of = dict(zip(turned, of_cell, strict=True))
    return [turned[index] for index in order], [level_of[index] for index in range(len(cells))]


def mirrored(text: str) -> str:
    """Brackets as they are written, of what is seen in right-to-left text."""
    return "".join(_MIRRORED.get(char, char) for char in text)
