"""What a reconstruction says: its cells read back, and the share of removed characters that a model got right.

Read is the picture in which nothing of a removed patch is known (:attr:`pixlm.inference.Reconstruction.unaided`), with
the everyday characters of the text's scripts (:mod:`pixlm.analysis.alphabets`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pixlm.analysis.alphabets import everyday
from pixlm.analysis.filling import READABLE
from pixlm.inference import Reconstruction
from pixlm.rendering import TextRenderer
from pixlm.rendering.reading import CellReading, Reading


@dataclass(frozen=True)
class CellBack:
    """A cell of the text: first and one past its last patch, what stands there, what was read, how surely (0 to 1),
    whether a patch of it was removed."""

    span: tuple[int, int]
    wanted: str
    text: str
    confidence: float
    removed: bool


@dataclass(frozen=True)
class ReadBack:
    """text: all that was read; cells: those of the text in order of its patches; characters: that stand in cells with
    removed patches; right: those of them that were read at their place."""

    text: str
    cells: tuple[CellBack, ...]
    characters: int
    right: int

    @property
    def accuracy(self) -> float | None:
        """Share of removed characters that were read rightly; None where none was removed."""
        return self.right / self.characters if self.characters else None


def findings(result: Reconstruction, read: ReadBack | None) -> list[str]:
    """What one reconstruction is like, in words: how much was removed, errors, what was read back."""
    said = [
        f"{int(result.removed.sum())} of {len(result.removed)} patches removed, loss {result.loss:.4f}",
        f"masked MSE {result.mse:.4f}",
    ]
    if read is not None and read.accuracy is not None:
        said.append(f"{read.right} of {read.characters} removed characters read back ({read.accuracy:.0%})")
    if result.lost:
        said.append(f"{result.lost} characters did not fit")
    return said


def read_back(result: Reconstruction, text: str, renderer: TextRenderer) -> ReadBack | None:
    """Read a reconstruction of ``text``; None where the renderer draws text that runs on, which has no cells."""
    if renderer.strategy not in READABLE:
        return None
    reading = renderer.read(result.unaided, candidates=everyday(text))
    assert isinstance(reading, Reading)
    written = _written(renderer, text)
    # A cell begins where a written and a read one do: what was read may be wider, as two characters of Chinese are.
    begins = sorted({start for start, _, _ in written} & {cell.span[0] for cell in reading.cells} | {0})
    end = max((end for _, end, _ in written), default=0)
    spans = zip(begins, [*begins[1:], end], strict=True)
    cells = tuple(_cell(span, written, reading.cells, result) for span in spans if span[0] < span[1])
    counted = [cell for cell in cells if cell.removed and cell.wanted]
    return ReadBack(
        text=reading.text.strip(),
        cells=cells,
        characters=sum(len(cell.wanted) for cell in counted),
        right=sum(one == other for cell in counted for one, other in zip(cell.wanted, cell.text, strict=False)),
    )


_Written = list[tuple[int, int, str]]
"""(first patch, one past the last, characters) of cells."""


def _cell(span: tuple[int, int], written: _Written, read: Sequence[CellReading], result: Reconstruction) -> CellBack:
    start, end = span
    found = [one for one in read if start <= one.span[0] < end]
    return CellBack(
        span=span,
        wanted=_joined(chars for first, _, chars in written if start <= first < end),
        text=_joined(one.text for one in found),
        confidence=min((one.confidence for one in found), default=0.0),
        removed=bool(result.removed[start:end].any()),
    )


def _joined(parts: Iterable[str]) -> str:
    """Without spaces, which no cell shows for sure."""
    return "".join("".join(parts).split())


def _written(renderer: TextRenderer, text: str) -> _Written:
    """The cells that the text is cut into."""
    rendered = renderer.render(text, padding=False, return_offset_mapping=True)
    assert rendered.offset_mapping is not None
    found: _Written = []
    seen: set[int] = set()
    for patch, (start, end) in enumerate(rendered.offset_mapping[: rendered.num_text_patches]):
        fresh = [place for place in range(start, end) if place not in seen]
        seen.update(fresh)
        if found and end > start and not fresh:  # the rest of what stands in the patch before
            first, _, chars = found.pop()
            found.append((first, patch + 1, chars))
        else:
            found.append((patch, patch + 1, "".join(text[place] for place in fresh)))
    return found
