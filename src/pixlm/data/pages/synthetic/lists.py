"""Items of lists: a marker, and the text beside it."""

from __future__ import annotations

from collections.abc import Sequence

from pixlm.data.pages.synthetic.draft import Draft, nest
from pixlm.data.pages.synthetic.sheet import Box, Line, Look, Mark, Tree


def set_item(
    draft: Draft,
    marker: str,
    text: str,
    into: list[Tree],
    x: float,
    width: float,
    hanging: float,
    *,
    look: Look | None = None,
    marks: Sequence[Mark] = (),
) -> str:
    """Set an item below the last block, its text ``hanging`` pixels behind its marker; what did not fit of it.

    The marker and the line beside it are read as one.
    """
    look = look or draft.look
    sheet, y = draft.sheet, draft.y
    if y + draft.step > draft.bottom:
        return text
    point = sheet.text(marker, look, x, y, hanging + look.size)
    area = x + hanging, y, width - hanging
    item = sheet.text(text, look, *area, bottom=draft.bottom, marks=marks)
    lines = [*point.lines, *item.lines]
    if point.lines and item.lines:
        lines = [_joined(point.lines[0], item.lines[0]), *item.lines[1:]]
        place = len(sheet.lines) - len(item.lines) - 1
        sheet.lines[place : place + 2] = lines[:1]
    nest(into, lines)
    draft.y = max(item.bottom, point.bottom) + round(0.15 * draft.step)
    return item.rest.strip()


def _joined(first: Line, second: Line) -> Line:
    """Two that stand beside each other as one line, the first read first."""
    (a, b), (c, d) = zip(first.box[:2], second.box[:2], strict=True), zip(first.box[2:], second.box[2:], strict=True)
    box: Box = (min(a), min(b), max(c), max(d))
    return Line(f"{first.text} {second.text}", box, first.words + second.words)
