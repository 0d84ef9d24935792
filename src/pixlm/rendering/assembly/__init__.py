"""The fast way to an image: texts put together from what was drawn for their words before.

What comes out is, byte for byte, what the plain way (`strategies`, `drawing`) draws. It is taken where that is certain
from the words alone, and what is kept for a word does not depend on which texts were seen before:

* `words`: what a word tells about the line it stands in: script, direction, font;
* `flow`: the directions of words, and their order in lines that run both ways;
* `inks`: words drawn apart, and whether they can be;
* `strips`: the strategy ``continuous``: lines of one script, direction and font as strips of pixel columns;
* `mixed`: its lines of several scripts, fonts or directions;
* `continuous`: its texts, pairs and lists;
* `cells`: strategies of cells: texts, pairs and lists as rows of numbers of patches;
* `vocabulary`: their words, in a table of `patches`, drawn cell by cell in `tiles` (from `sprites`), or, of bigrams by
  the compiled loops, in `pairs` (from `characters`);
* `pieces`: what these hand to one another; `store`: caches in files.

Everything else goes the plain way: texts that do not fit, offset mappings, windows, characters without a font, emoji
sequences, words that fonts do not let stand apart.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pixlm.rendering.geometry import Geometry
from pixlm.rendering.rendered import Assembled

__all__ = ["Assembled", "Assembler"]


class Assembler(Protocol):
    """Puts the images of a strategy together. The methods are those of `strategies.plan.Strategy`; they return None
    where the plain way has to be gone."""

    def width(self, text: str) -> int | None:
        """Pixels that a text takes on a strip without end."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """The caches, for `store`."""
        ...

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Put back what `arrays` gave, in place of what is there."""
        ...

    def text(self, text: str, geometry: Geometry, *, rtl: bool | None) -> Assembled | None: ...

    def words(self, words: list[str], geometry: Geometry, *, rtl: bool | None) -> Assembled | None: ...

    def pair(
        self, first: str, second: str, geometry: Geometry, *, rtl: bool | None, max_length: int | None
    ) -> Assembled | None: ...
