"""The words of strategies of cells, each a row of numbers in a table of patches.

Cells are drawn alone, so a word's patches depend on nothing but the direction of its line. Ink that reaches beyond a
word's first or last patch is kept apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from pixlm.rendering import compiled
from pixlm.rendering.assembly.characters import Characters
from pixlm.rendering.assembly.flow import has_numbers, levels_inside, runs_one_way
from pixlm.rendering.assembly.pairs import Pairs
from pixlm.rendering.assembly.patches import ID, PatchTable
from pixlm.rendering.assembly.store import strings, texts_of
from pixlm.rendering.assembly.tiles import Spill, Tile, Tiles
from pixlm.rendering.backends import Painter
from pixlm.rendering.drawing import Painter as InkPainter
from pixlm.rendering.itemize import FontSet
from pixlm.rendering.line import Line
from pixlm.rendering.strategies.cells import Cells
from pixlm.rendering.strategies.cutters import Bigrams
from pixlm.rendering.strategies.plan import Cell, Layout
from pixlm.rendering.strategies.upstream_bigrams import UpstreamBigrams

_LONGEST_WORD = 1024
_MOST_TILES = 100_000
_MOST_PATCHES = 200_000
_MOST_WORDS = 200_000

#: A word of a line that runs one way, or a word and the bidi levels of its characters.
Name = str | tuple[str, bytes]

#: Word -> numbers of its patches from left to right, as int32; False if it has to go the plain way.
Book = dict[Name, "bytes | bool"]


class Vocabulary:
    """What is kept of words: ``books`` and ``spills`` by flow (see `flow`), and the ``table`` of their patches."""

    def __init__(
        self, strategy: Cells, fonts: FontSet, painter: Painter, layout: Layout, baseline: Callable[[Line], int]
    ) -> None:
        self._strategy = strategy
        self._mirrors = isinstance(strategy, UpstreamBigrams)
        self._fonts = fonts
        self._painter = painter
        self._patch = painter.rows
        # Characters of a flow that have its level wherever they stand.
        self._plain: dict[str, set[str]] = {"L": set(), "R": set(), "a": set()}
        self._layout = layout
        self._baseline = baseline
        self._start()

    def _start(self) -> None:
        """Empty caches. Images that are still to be drawn keep their table."""
        self._set_table(PatchTable(self._patch, 3 if self._painter.rgb else 1))
        self.books: dict[str, Book] = {}
        self.spills: dict[str, dict[Name, Spill]] = {}
        self._kept = 0  # words
        self._whites: dict[tuple[int, int], bool] = {}  # a patch, and how many of its columns: are they white?
        self._joints: dict[tuple[Name, Name, str], np.ndarray] = {}

    def _set_table(self, table: PatchTable) -> None:
        self.table = table
        self._tiles = Tiles(self._painter, self._baseline, table)
        # Cells that keep to their patches, by parity of the level: text, numbers. Else None.
        self._contained: tuple[dict[str, bytes | None], dict[str, bytes | None]] = ({}, {})
        self._pairs: Pairs | None = None
        cutter = self._strategy.cutter
        if isinstance(cutter, Bigrams) and isinstance(self._painter, InkPainter) and compiled.inner is not None:
            characters = Characters(self._fonts, self._painter, isolated=cutter.isolated)
            self._pairs = Pairs(characters, table, least=cutter.least)

    def make_room(self) -> None:
        """To be called before the first row of an image: rows refer to the table that is there."""
        tiles = len(self._tiles) + len(self._pairs or ()) + sum(map(len, self._contained)) + len(self._joints)
        if self.table.count > _MOST_PATCHES or self._kept > _MOST_WORDS or tiles > _MOST_TILES:
            self._start()

    def book(self, flow: str) -> Book:
        book = self.books.get(flow)
        if book is None:
            book = self.books[flow] = {}
        return book

    def add(self, words: Sequence[Name], flow: str) -> None:
        """Words of a flow, some of which may be new."""
        book = self.book(flow)
        words = [word for word in dict.fromkeys(words) if word not in book]
        self._kept += len(words)
        one_way: tuple[list[Name], list[Name]] = ([], [])  # by parity of the level
        if self._are_ordinary(words, flow):
            one_way[flow != "L"].extend(words)
        else:
            for word in words:
                levels = self._levels_of(word, flow)
                if levels is None:
                    book[word] = False
                elif isinstance(levels, int):
                    one_way[levels & 1].append(word)
        for odd, some in enumerate(one_way):
            if some:
                self._add_one_way(some, odd, flow, book)
        others: list[tuple[Name, list[Cell]]] = []
        for word in words:
            if word in book:
                continue
            cells = self._cells_of(word, flow)
            if cells is None:
                book[word] = False
            else:
                others.append((word, cells))
        if others:
            self._tiles.add([cell for _, cells in others for cell in cells])
            for (word, _), tile in zip(others, self._tiles.of([cells for _, cells in others]), strict=True):
                self._keep(word, tile, flow, book)

    def _keep(self, word: Name, tile: Tile, flow: str, book: Book) -> None:
        book[word] = tile.numbers
        if tile.spill is not None:
            self.spills.setdefault(flow, {})[word] = tile.spill

    def _add_one_way(self, words: list[Name], odd: int, flow: str, book: Book) -> None:
        """Those of new words of an even or odd level that can be had from the texts of their cells."""
        texts = list(map(_text_of, words))
        if self._pairs is not None:
            for word, tile in zip(words, self._pairs.add(texts, odd), strict=True):
                if isinstance(tile, bytes):
                    book[word] = tile
                elif tile is not None:
                    self._keep(word, tile, flow, book)
            return
        contained = self._contained[odd]
        cut = [self._strategy.texts_of_word(text, odd, self._layout, self._patch) for text in texts]
        new = [text for text in dict.fromkeys(chain.from_iterable(cut)) if text not in contained]
        cells = [self._strategy.cell_of(text, odd, self._layout, self._patch) for text in new]
        self._tiles.add([cell for cell in cells if not cell.missing])
        for text, cell in zip(new, cells, strict=True):
            contained[text] = self._tiles.contained(cell)
        for word, parts in zip(words, cut, strict=True):
            numbers = list(map(contained.__getitem__, parts))
            if numbers and None not in numbers:
                book[word] = b"".join(numbers)  # type: ignore[arg-type]

    def is_white(self, number: int, columns: int) -> bool:
        key = number, columns
        found = self._whites.get(key)
        if found is None:
            found = self._whites[key] = self.table.is_white(number, columns)
        return found

    def joint(self, first: Name, second: Name, flow: str) -> np.ndarray:
        """The numbers of the patches of two neighbours that reach onto each other."""
        key = first, second, flow
        if key not in self._joints:
            numbers = self._together_as_pairs(first, second, flow)
            if numbers is None:
                cells = [self._cells_of(word, flow) or [] for word in (first, second)]
                numbers = self._tiles.together(cells[0] + cells[1])
            self._joints[key] = np.frombuffer(numbers, ID)
        return self._joints[key]

    def _together_as_pairs(self, first: Name, second: Name, flow: str) -> bytes | None:
        levels = self._levels_of(first, flow)
        if self._pairs is None or not isinstance(levels, int):
            return None
        other = self._levels_of(second, flow)
        if not isinstance(other, int) or (levels ^ other) & 1:
            return None
        return self._pairs.together([_text_of(first), _text_of(second)], levels & 1)

    def _are_ordinary(self, words: Sequence[Name], flow: str) -> bool:
        """Whether all of these words have the level of their flow, as far as that is known."""
        return (
            flow != ""
            and bool(words)
            and len(min(words, key=len)) > 0
            and len(max(words, key=len)) <= _LONGEST_WORD
            and (self._mirrors or self._plain[flow].issuperset("".join(words)))  # type: ignore[arg-type]
        )

    def _levels_of(self, name: Name, flow: str) -> np.ndarray | int | None:
        """The levels of a word's characters, or the one of all; None if its cells are not to be had without its
        line."""
        word, given = (name, b"") if isinstance(name, str) else name
        if not 0 < len(word) <= _LONGEST_WORD:
            return None
        if given:
            return given[0] if len(set(given)) == 1 else np.frombuffer(given, np.uint8)
        if self._mirrors:
            return int(flow != "L")
        plain = self._plain[flow]
        if not plain.issuperset(word):
            if not runs_one_way(word, flow):
                return None
            if flow != "L" and has_numbers(word):
                return levels_inside(word, flow)
            plain.update(word)
        return int(flow != "L")

    def _cells_of(self, name: Name, flow: str) -> list[Cell] | None:
        """A word's cells from left to right, None if they are not to be had without its line, or a font is missing."""
        levels = self._levels_of(name, flow)
        if levels is None:
            return None
        cells = self._strategy.cells_of_word(_text_of(name), levels, self._layout, self._patch)
        return None if any(cell.missing for cell in cells) else cells

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that is kept of words, for `store`; lines that run both ways are left out."""
        found = {"patches": self.table.pixels()}
        for flow, book in self.books.items():
            words = [(word, part) for word, part in book.items() if isinstance(word, str)]
            if words:
                found[f"words {flow}"] = strings([word for word, _ in words])
                sizes = [len(part) if isinstance(part, bytes) else -1 for _, part in words]
                found[f"sizes {flow}"] = np.array(sizes, np.int32)
                numbers = b"".join([part for _, part in words if isinstance(part, bytes)])
                found[f"numbers {flow}"] = np.frombuffer(numbers, ID)
            spills = [(word, spill) for word, spill in self.spills.get(flow, {}).items() if isinstance(word, str)]
            if spills:
                found[f"spilling {flow}"] = strings([word for word, _ in spills])
                found[f"widths {flow}"] = np.array([(s.left.shape[1], s.right.shape[1]) for _, s in spills], np.int32)
                found[f"spilt {flow}"] = np.concatenate([part.ravel() for _, spill in spills for part in spill])
        return found

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Put back what `arrays` gave; the patches stay where they are in memory."""
        self._start()
        patch, channels = self._patch, 3 if self._painter.rgb else 1
        last = max(
            [int(part.max()) for name, part in arrays.items() if name.startswith("numbers") and len(part)] or [0]
        )
        if last >= len(arrays["patches"]):
            raise ValueError("a word has a patch that is not there")
        self._set_table(PatchTable(patch, channels, arrays["patches"]))
        for flow in ("L", "R", "a"):
            if f"words {flow}" not in arrays:
                continue
            numbers, start = arrays[f"numbers {flow}"].tobytes(), 0
            book = self.books[flow] = {}
            for word, size in zip(texts_of(arrays[f"words {flow}"]), arrays[f"sizes {flow}"].tolist(), strict=True):
                book[word] = size >= 0 and numbers[start : start + size]
                start += max(size, 0)
            self._kept += len(book)
            if f"spilling {flow}" not in arrays:
                continue
            spilt, start = arrays[f"spilt {flow}"], 0
            for word, widths in zip(
                texts_of(arrays[f"spilling {flow}"]), arrays[f"widths {flow}"].tolist(), strict=True
            ):
                parts = []
                for width in widths:
                    size = patch * width * channels
                    parts.append(spilt[start : start + size].reshape(patch, width, *(3,) * self._painter.rgb))
                    start += size
                self.spills.setdefault(flow, {})[word] = Spill(*parts)


def _text_of(name: Name) -> str:
    return name if isinstance(name, str) else name[0]
