"""Strategies of cells put together: a word is a row of numbers in a table of patches.

Cells are drawn alone, so a word's patches depend on nothing but the direction of its line. Ink that reaches beyond a
word's first or last patch is kept apart and laid over the neighbours, if these are white there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate, groupby
from typing import NamedTuple

import numpy as np

from pixlm.rendering import compiled
from pixlm.rendering.assembly.characters import Characters
from pixlm.rendering.assembly.flow import flow_of, has_numbers, levels_inside, order_of_pieces, pieces_of, runs_one_way
from pixlm.rendering.assembly.patches import ID, PatchTable
from pixlm.rendering.assembly.pieces import Columns
from pixlm.rendering.assembly.store import strings, texts_of
from pixlm.rendering.assembly.tiles import Spill, Tile, Tiles
from pixlm.rendering.assembly.words import Words
from pixlm.rendering.backends import Painter
from pixlm.rendering.drawing import Painter as InkPainter
from pixlm.rendering.geometry import Geometry
from pixlm.rendering.line import Line
from pixlm.rendering.rendered import Assembled
from pixlm.rendering.strategies.cells import Cells
from pixlm.rendering.strategies.cutters import Bigrams
from pixlm.rendering.strategies.fitting import looks_rtl
from pixlm.rendering.strategies.plan import Cell, Layout
from pixlm.rendering.strategies.upstream_bigrams import UpstreamBigrams
from pixlm.rendering.unicode.bidi import embedding_levels, visual_order

_BLACK = ID.type(0).tobytes()  # the first patch of a table
_LONGEST_WORD = 1024
_MOST_TILES = 100_000
_MOST_PATCHES = 200_000
_MOST_WORDS = 200_000


#: A word of a line that runs one way, or a word and the bidi levels of its characters.
_Name = str | tuple[str, bytes]

#: Word -> numbers of its patches from left to right, as int32; False if it has to go the plain way.
_Book = dict[_Name, "bytes | bool"]

_NO_SPILLS: dict[_Name, Spill] = {}


class _Row(NamedTuple):
    """Words, or pieces of words, from left to right, the numbers of their patches, where each starts, and the end.
    ``word_starts``: the same of whole words."""

    words: Sequence[_Name]
    flow: str
    numbers: bytes
    starts: list[int]
    word_starts: list[int]


def _row_of(names: Sequence[_Name], flow: str, numbers: bytes, parts: Sequence[bytes | bool | None]) -> _Row | None:
    starts = [size >> 2 for size in accumulate(map(len, parts), initial=0)]  # type: ignore[arg-type]
    return _Row(names, flow, numbers, starts, starts) if numbers else None


class AssembledCells:
    """What `strategies.cells.Cells` and `UpstreamBigrams` plan, drawn. Every method returns None where the plain way
    has to be gone: texts that do not fit, characters that no font has, patches with ink from both neighbours."""

    def __init__(
        self,
        strategy: Cells,
        words: Words,
        painter: Painter,
        layout: Layout,
        baseline: Callable[[Line], int],
    ) -> None:
        self._strategy = strategy
        self._mirrors = isinstance(strategy, UpstreamBigrams)
        self._words = words
        self._painter = painter
        self._patch = painter.rows
        # Characters of a flow that have its level wherever they stand.
        self._plain: dict[str, set[str]] = {"L": set(), "R": set(), "a": set()}
        cutter = strategy.cutter
        self._pairs = cutter if isinstance(cutter, Bigrams) else None
        self._layout = layout
        self._baseline = baseline
        self._start()

    def _start(self) -> None:
        """Empty caches. Images that are still to be drawn keep their table."""
        self._set_table(PatchTable(self._patch, 3 if self._painter.rgb else 1))
        self._books: dict[str, _Book] = {}
        self._kept = 0  # words
        self._spills: dict[str, dict[_Name, Spill]] = {}  # by flow
        self._whites: dict[tuple[int, int], bool] = {}  # a patch, and how many of its columns: are they white?
        self._joints: dict[tuple[_Name, _Name, str], np.ndarray] = {}

    def _set_table(self, table: PatchTable) -> None:
        self._table = table
        self._tiles = Tiles(self._painter, self._baseline, table)
        self._characters = None
        if self._pairs is not None and isinstance(self._painter, InkPainter) and compiled.inner is not None:
            self._characters = Characters(self._words.fonts, self._painter, isolated=self._pairs.isolated)
            self._least = self._pairs.least
        self._contained: tuple[dict[str, bytes | None], dict[str, bytes | None]] = (
            {},
            {},
        )  # by parity of the level: text, numbers

    def _make_room(self) -> None:
        """To be called before the first row of an image: rows refer to the table that is there."""
        tiles = len(self._tiles) + sum(map(len, self._contained))
        if self._table.count > _MOST_PATCHES or self._kept > _MOST_WORDS or tiles > _MOST_TILES:
            self._start()

    def width(self, text: str) -> int | None:
        self._make_room()
        row = self._row(text.split(), text, None)
        return None if row is None else row.starts[-1] * self._patch

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that is kept of words, for `store`; lines that run both ways are left out."""
        found = {"patches": self._table.pixels()}
        for flow, book in self._books.items():
            words = [(word, part) for word, part in book.items() if isinstance(word, str)]
            if words:
                found[f"words {flow}"] = strings([word for word, _ in words])
                sizes = [len(part) if isinstance(part, bytes) else -1 for _, part in words]
                found[f"sizes {flow}"] = np.array(sizes, np.int32)
                numbers = b"".join([part for _, part in words if isinstance(part, bytes)])
                found[f"numbers {flow}"] = np.frombuffer(numbers, ID)
            spills = [(word, spill) for word, spill in self._spills.get(flow, {}).items() if isinstance(word, str)]
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
            book = self._books[flow] = {}
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
                self._spills.setdefault(flow, {})[word] = Spill(*parts)

    def text(self, text: str, geometry: Geometry, *, rtl: bool | None) -> Assembled | None:
        self._make_room()
        row = self._row(text.split(), text, rtl)
        return None if row is None else self._assembled([row], geometry, row.word_starts)

    def words(self, words: list[str], geometry: Geometry, *, rtl: bool | None) -> Assembled | None:
        self._make_room()
        row = self._row(words, " ".join(words), rtl, is_list=True)
        return None if row is None else self._assembled([row], geometry, row.word_starts)

    def pair(
        self, first: str, second: str, geometry: Geometry, *, rtl: bool | None, max_length: int | None
    ) -> Assembled | None:
        self._make_room()
        if self._mirrors:
            rtl = bool(rtl or (looks_rtl(first) and looks_rtl(second)))
        row_a = self._row(first.split(), first, rtl)
        row_b = self._row(second.split(), second, rtl)
        limit = geometry.patches - 3
        limit = limit if max_length is None else min(limit, max_length)
        if row_a is None or row_b is None or row_a.starts[-1] > limit:
            return None
        return self._assembled([row_a, row_b], geometry, None)

    def _row(self, words: list[str], text: str, rtl: bool | None, *, is_list: bool = False) -> _Row | None:
        if not words or not words[0]:
            return None
        if self._mirrors:
            flow: str | None = "R" if rtl or (rtl is None and looks_rtl(text)) else "L"
        else:
            flow = flow_of(words[0], self._words.base_level(words) if rtl is None else int(rtl))
        if flow is None:
            return self._both_ways(words, text, rtl, is_list)
        book = self._books.get(flow)
        if book is None:
            book = self._books[flow] = {}
        if flow != "L" and not is_list:
            words = words[::-1]
        numbers = list(map(book.get, words))
        try:
            row = b"".join(numbers)  # type: ignore[arg-type]
        except TypeError:  # new words, or words that are not to be had without their line
            self._add([word for word in dict.fromkeys(words) if word not in book], flow, book)
            numbers = list(map(book.get, words))
            if False in numbers:
                in_order = words if is_list else text.split()
                return None if self._mirrors else self._both_ways(in_order, text, rtl, is_list)
            row = b"".join(numbers)  # type: ignore[arg-type]
        return _row_of(words, flow, row, numbers)

    def _both_ways(self, words: list[str], text: str, rtl: bool | None, is_list: bool) -> _Row | None:
        """The row of a line some of whose words run the other way, each known by the levels of its characters."""
        if not all(words):
            return None
        spans, start = [], 0
        for word in words:
            start = start if is_list else text.index(word, start)
            spans.append((start, start + len(word)))
            start += len(word) + is_list
        base = self._words.base_level(words) if rtl is None else int(rtl)
        levels = embedding_levels(text, base)[0].tobytes()
        pieces, owners = pieces_of(levels, spans)
        if is_list:  # in the list's order, each word by itself
            order = []
            for _, group in groupby(range(len(pieces)), owners.__getitem__):
                own = list(group)
                order += [own[index] for index in visual_order([levels[pieces[piece][0]] for piece in own])]
        else:
            order, _ = order_of_pieces(levels, pieces)
        names: list[_Name] = [(text[slice(*pieces[piece])], levels[slice(*pieces[piece])]) for piece in order]
        book = self._books.setdefault("", {})
        self._add([name for name in dict.fromkeys(names) if name not in book], "", book)
        numbers = [book[name] for name in names]
        if False in numbers:
            return None
        row = _row_of(names, "", b"".join(numbers), numbers)  # type: ignore[arg-type]
        if row is None:
            return None
        begins: dict[int, int] = {}
        for piece, start in zip(order, row.starts, strict=False):
            begins.setdefault(owners[piece], start)
        return row._replace(word_starts=[*sorted(begins.values()), row.starts[-1]])

    def _assembled(self, rows: list[_Row], geometry: Geometry, word_starts: list[int] | None) -> Assembled | None:
        separators = [last - 1 for last in accumulate(row.starts[-1] + 1 for row in rows)]
        if separators[-1] > geometry.patches - 1:
            return None
        numbers = b"".join([part for row in rows for part in (row.numbers, _BLACK)])
        spilt: list[tuple[np.ndarray, int]] | None = []
        if any(not self._spills.get(row.flow, _NO_SPILLS).keys().isdisjoint(row.words) for row in rows):
            index = np.frombuffer(numbers, ID).copy()
            spilt = self._spilt(rows, index)
            numbers = index.tobytes()
        return (
            None if spilt is None else Assembled(separators, word_starts, partial(_draw, self._table, numbers, spilt))
        )

    def _spilt(self, rows: list[_Row], index: np.ndarray) -> list[tuple[np.ndarray, int]] | None:
        """The ink beyond words' patches, with the pixel where it begins.

        Where it meets ink of the neighbour, the number of the neighbour's patch in ``index`` is replaced by that of one
        on which both were drawn. None if a patch meets ink from both sides.
        """
        patch = self._patch
        found: list[tuple[np.ndarray, int]] = []
        touched: set[int] = set()
        begin = 0
        for row in rows:
            spills = self._spills.get(row.flow, _NO_SPILLS)
            for place, word in enumerate(row.words):
                spill = spills.get(word)
                if spill is None:
                    continue
                for ink, side in ((spill.left, -1), (spill.right, 1)):
                    at = begin + (row.starts[place] - 1 if side < 0 else row.starts[place + 1])
                    width = ink.shape[1]
                    if not width or at < 0 or not index[at]:
                        continue  # beyond the image, or under a separator
                    if at in touched or width > patch:
                        return None
                    touched.add(at)
                    if self._is_white(int(index[at]), side * width):
                        found.append((ink, at * patch + (0 if side > 0 else patch - width)))
                        continue
                    if row.starts[place + side] == row.starts[place + side + 1]:
                        return None  # the neighbour takes no patch; this is that of the word beyond
                    first = place + min(side, 0)
                    joint = self._joint(row.words[first], row.words[first + 1], row.flow)
                    if joint is None:
                        return None
                    index[at] = joint[at - begin - row.starts[first]]
            begin += row.starts[-1] + 1
        return found

    def _is_white(self, number: int, columns: int) -> bool:
        key = number, columns
        found = self._whites.get(key)
        if found is None:
            found = self._whites[key] = self._table.is_white(number, columns)
        return found

    def _joint(self, first: _Name, second: _Name, flow: str) -> np.ndarray | None:
        """The numbers of the patches of two neighbours that reach onto each other."""
        key = first, second, flow
        if key not in self._joints:
            cells = [self._cells_of(word, flow) or [] for word in (first, second)]
            self._joints[key] = np.frombuffer(self._tiles.together(cells[0] + cells[1]), ID)
        return self._joints[key]

    def _add(self, words: list[_Name], flow: str, book: _Book) -> None:
        """Words that are met for the first time."""
        self._kept += len(words)
        one_way: dict[_Name, tuple[int, list[str]]] = {}  # parity of the level, and the texts of the cells
        if self._are_ordinary(words, flow):
            odd = int(flow != "L")
            one_way = {word: (odd, self._texts_of(word, odd)) for word in words}  # type: ignore[arg-type]
        else:
            for word in words:
                levels = self._levels_of(word, flow)
                if levels is None:
                    book[word] = False
                elif isinstance(levels, int):
                    text = word if isinstance(word, str) else word[0]
                    one_way[word] = levels & 1, self._texts_of(text, levels & 1)
        self._add_contained(one_way.values())
        others: list[tuple[_Name, list[Cell]]] = []
        for word in words:
            if word in book:
                continue
            odd, texts = one_way.get(word, (0, []))
            if texts:
                try:
                    book[word] = b"".join(map(self._contained[odd].__getitem__, texts))  # type: ignore[arg-type]
                    continue
                except TypeError:  # cells that do not keep to their patches
                    pass
            cells = self._cells_of(word, flow)
            if cells is None:
                book[word] = False
                continue
            for cell, text in zip(cells, texts, strict=False):  # most of them are drawn
                numbers = self._contained[odd][text]
                if numbers is not None:
                    self._tiles.remember((cell,), Tile(numbers, None))
            others.append((word, cells))
        if others:
            self._tiles.add([cell for _, cells in others for cell in cells])
            for (word, _), tile in zip(others, self._tiles.of([cells for _, cells in others]), strict=True):
                book[word] = tile.numbers
                if tile.spill is not None:
                    self._spills.setdefault(flow, {})[word] = tile.spill

    def _add_contained(self, words: Iterable[tuple[int, list[str]]]) -> None:
        """Cells that keep to their patches, of words given by the parity of their level and the texts of the cells."""
        new: list[tuple[int, str]] = []
        for odd, texts in words:
            contained = self._contained[odd]
            for text in texts:
                if text not in contained:
                    contained[text] = None
                    new.append((odd, text))
        if self._characters is not None:
            new = self._add_pairs(new, self._characters)
        cells = [(odd, text, self._strategy.cell_of(text, odd, self._layout, self._patch)) for odd, text in new]
        self._tiles.add([cell for _, _, cell in cells if not cell.missing])
        for odd, text, cell in cells:
            self._contained[odd][text] = self._tiles.contained(cell)

    def _add_pairs(self, new: list[tuple[int, str]], characters: Characters) -> list[tuple[int, str]]:
        """Cells of two characters drawn alone, by the compiled loops; gives back those that have to be laid out."""
        others, names, given = [], [], []
        for odd, text in new:
            sprites: list[tuple[Columns, int, bool]] = []
            x = 0
            for char in text[::-1] if odd else text:
                ink = characters.ink(char, odd)
                if ink is None:
                    others.append((odd, text))
                    break
                data, first, width = ink
                if data:
                    sprites.append((data, x + first, True))
                x += width
            else:
                names.append((odd, text))
                given.append((max(-(-x // self._patch), self._least), sprites))
        for (odd, text), tile in zip(names, self._tiles.composited(given), strict=True):
            if tile is not None and tile.spill is None:
                self._contained[odd][text] = tile.numbers
            else:
                self._tiles.remember((self._strategy.cell_of(text, odd, self._layout, self._patch),), tile)
        return others

    def _are_ordinary(self, words: list[_Name], flow: str) -> bool:
        """Whether all of these words have the level of their flow, as far as that is known."""
        return (
            flow != ""
            and bool(words)
            and len(min(words, key=len)) > 0
            and len(max(words, key=len)) <= _LONGEST_WORD
            and (self._mirrors or self._plain[flow].issuperset("".join(words)))  # type: ignore[arg-type]
        )

    def _texts_of(self, word: str, odd: int) -> list[str]:
        """The texts of the cells of a word from left to right."""
        if self._pairs is None:
            return self._strategy.texts_of_word(word, odd, self._layout, self._patch)
        texts = [word[first : first + 2] for first in range(0, len(word), 2)]
        return texts[::-1] if odd else texts

    def _levels_of(self, name: _Name, flow: str) -> np.ndarray | int | None:
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

    def _cells_of(self, name: _Name, flow: str) -> list[Cell] | None:
        """A word's cells from left to right, None if they are not to be had without its line, or a font is missing."""
        levels = self._levels_of(name, flow)
        if levels is None:
            return None
        word = name if isinstance(name, str) else name[0]
        cells = self._strategy.cells_of_word(word, levels, self._layout, self._patch)
        return None if any(cell.missing for cell in cells) else cells


def _draw(table: PatchTable, numbers: bytes, spilt: list[tuple[np.ndarray, int]], image: np.ndarray) -> None:
    table.put(image, numbers)
    for ink, x in spilt:
        image[:, x : x + ink.shape[1]] = ink
