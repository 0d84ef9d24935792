"""A dependency tree as SVG: words in a row, an arc from every head to its word, with the relation on top."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from pixlm.analysis.captions import xml_text

_CHARACTER = 9
_GAP = 26
_STEP = 34
_FONT = 15


def tree_svg(words: Sequence[str], heads: Sequence[int | None], relations: Sequence[str | None]) -> str:
    """SVG without anything outside it. heads: of each word, counted from 1; 0 is the root, None unknown."""
    widths = [
        max(_wide(word), _wide(relation or "") * 0.8, 2) * _CHARACTER + _GAP
        for word, relation in zip(words, relations, strict=True)
    ]
    middles, left = [], 10.0
    for width in widths:
        middles.append(left + width / 2)
        left += width
    levels = _levels(heads)
    top = (max(levels.values(), default=0) + 1) * _STEP + 26
    parts = [
        f'<text x="{middle:.0f}" y="{top + 22}" class="word">{xml_text(word)}</text>'
        for middle, word in zip(middles, words, strict=True)
    ]
    for number, (head, relation) in enumerate(zip(heads, relations, strict=True)):
        middle, label = middles[number], xml_text(relation or "")
        if head is None or not 0 <= head <= len(words):
            continue
        if head == 0:
            parts.append(
                f'<path d="M{middle:.0f} 18 V{top}" class="root" marker-end="url(#tip)"/>'
                f'<text x="{middle:.0f}" y="13" class="relation">{label}</text>'
            )
            continue
        # Arcs leave beside the middle, so that they do not run into those that arrive.
        start = middles[head - 1] + (6 if number >= head else -6)
        y = top - (levels[number] + 1) * _STEP + 10
        bend = 8 if middle > start else -8
        parts.append(
            f'<path d="M{start:.0f} {top} V{y + 8} Q{start:.0f} {y} {start + bend:.0f} {y} H{middle - bend:.0f} '
            f'Q{middle:.0f} {y} {middle:.0f} {y + 8} V{top}" marker-end="url(#tip)"/>'
            f'<text x="{(start + middle) / 2:.0f}" y="{y - 4}" class="relation">{label}</text>'
        )
    height, width = top + 36, left + 10
    style = (
        f"path{{fill:none;stroke:#4a6fa5;stroke-width:1.3}}.root{{stroke:#b5651d}}text{{font-family:sans-serif;"
        f"text-anchor:middle;fill:#222}}.word{{font-size:{_FONT}px}}.relation{{font-size:11px;fill:#555;"
        "stroke:#fff;stroke-width:3px;paint-order:stroke}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
        f'height="{height}" class="tree"><style>.tree {style.replace("}", "} .tree ").removesuffix(" .tree ")}</style>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z" style="fill:#4a6fa5;stroke:none"/></marker></defs>'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>'
    )


def _levels(heads: Sequence[int | None]) -> dict[int, int]:
    """How high the arc to each word is: above all shorter arcs that it spans or crosses."""
    arcs = sorted(
        (abs(head - 1 - word), min(head - 1, word), max(head - 1, word), word)
        for word, head in enumerate(heads)
        if head is not None and 0 < head <= len(heads)
    )
    levels: dict[int, int] = {}
    done: list[tuple[int, int, int]] = []
    for _, left, right, word in arcs:
        below = [level for start, end, level in done if start < right and end > left]
        levels[word] = max(below, default=-1) + 1
        done.append((left, right, levels[word]))
    return levels


def _wide(text: str) -> float:
    return sum(1.8 if unicodedata.east_asian_width(char) in "WF" else 1.0 for char in text)
