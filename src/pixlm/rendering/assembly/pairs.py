"""The words of bigrams by the compiled loops: cells of two characters, without objects for each.

What `tiles` does with cells `_inner.pairs` does with their texts. The ink of a character is all that it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixlm.rendering import compiled
from pixlm.rendering.assembly.characters import Characters
from pixlm.rendering.assembly.patches import PatchTable
from pixlm.rendering.assembly.tiles import Spill, Tile

if TYPE_CHECKING:
    from pixlm.rendering._inner import TileOfPairs


class Pairs:
    """Words of one direction in a table of patches.

    Args:
        least: patches of a cell.
    """

    def __init__(self, characters: Characters, table: PatchTable, *, least: int) -> None:
        self._characters = characters
        self._painter = characters.painter
        self._table = table
        self._least = least
        # By parity of the level: texts of cells, and of neighbours that reach onto one another.
        self._tiles: tuple[dict[str, TileOfPairs | None], dict[str, TileOfPairs | None]] = ({}, {})

    def __len__(self) -> int:
        return sum(map(len, self._tiles))

    def add(self, words: list[str], odd: int) -> list[bytes | Tile | None]:
        """The tiles of words whose level is even or odd, or only their numbers where no ink is beyond; None: there are
        characters that have to be laid out, or ink reaches beyond a neighbour."""
        assert compiled.inner is not None
        painter, known = self._painter, self._tiles[odd]
        inks = self._characters.inks("".join(words), odd)
        channels = 3 if painter.rgb else 1
        tiles, made, patches = compiled.inner.pairs(
            words, odd, inks, known, self._least, painter.rows, channels, self._table.count
        )
        if patches:
            self._table.extend(patches)
        known.update(made)
        return [Tile(tile[0], Spill.of(tile[1:], painter)) if isinstance(tile, tuple) else tile for tile in tiles]

    def together(self, words: list[str], odd: int) -> bytes | None:
        """The numbers of words that are drawn side by side, from left to right, as if all cells reached onto their
        neighbours; None if there are characters that have to be laid out."""
        assert compiled.inner is not None
        inks = self._characters.inks("".join(words), odd)
        channels = 3 if self._painter.rgb else 1
        drawn = compiled.inner.strip(words, odd, inks, self._least, self._painter.rows, channels)
        return None if drawn is None else self._table.add_rows(drawn[0]).tobytes()
