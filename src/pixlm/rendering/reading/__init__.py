"""From pixels back to text: cells by the nearest one that the renderer can draw."""

from pixlm.rendering.reading.readers import CandidatesLike, Readers
from pixlm.rendering.reading.reading import CellReading, Reading

__all__ = ["CandidatesLike", "CellReading", "Readers", "Reading"]
