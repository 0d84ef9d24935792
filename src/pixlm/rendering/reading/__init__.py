"""From pixels back to text: cells by the nearest one that the renderer can draw."""

from pixlm.rendering.reading.candidates import Candidates, from_characters, from_corpus
from pixlm.rendering.reading.pixels import strips
from pixlm.rendering.reading.reader import Reader
from pixlm.rendering.reading.reading import CellReading, Reading
from pixlm.rendering.reading.units import Sketcher

__all__ = ["Candidates", "CellReading", "Reader", "Reading", "Sketcher", "from_characters", "from_corpus", "strips"]
