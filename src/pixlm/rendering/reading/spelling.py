"""What a strategy's cells are made of: which units there are, and how two of them, or one, are drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pixlm.rendering.line import Line
from pixlm.rendering.reading.candidates import VIRAMAS, Candidates, is_rtl
from pixlm.rendering.reading.pairs import NONE, PairSearch
from pixlm.rendering.reading.units import Sketcher, UnitBank, make_bank
from pixlm.rendering.strategies.cutters import is_wide
from pixlm.rendering.unicode.properties import SCRIPT

_JOINER = "\u200d"
#: Scripts whose letters change their shape beside others; a joiner stands for the neighbour.
_JOINING = frozenset(("Arab", "Syrc", "Mong", "Nkoo", "Mand", "Adlm", "Rohg", "Mani", "Phlp", "Sogd", "Chrs", "Ougr"))
_MARGIN = 2  # of the first and the last word of a line, as in `Words`

#: Pixels by which kerning may move the second cluster of a cell.
_KERNING = (0, -1, 1)

Drafts = Iterator[tuple[str, Line, int, int]]


@dataclass(frozen=True)
class Spelt:
    """A cell as it may have been drawn: the texts that each of its pictures may stand for, in visual order, and its
    ink [patches*P, P]. ``drawn``: the same with a patch on either side, onto which ink may reach; empty if the units do
    not make a cell of this many patches."""

    texts: tuple[tuple[str, ...], ...]
    drawn: np.ndarray

    @cached_property
    def ink(self) -> np.ndarray:
        patch = self.drawn.shape[1]
        return self.drawn[patch:-patch]

    @cached_property
    def reaches_left(self) -> bool:
        return bool(self.drawn[: self.drawn.shape[1]].any())

    @cached_property
    def reaches_right(self) -> bool:
        return bool(self.drawn[-self.drawn.shape[1] :].any())


class Spelling:
    """Cells of one strategy made of some candidates."""

    def __init__(self, sketcher: Sketcher, search: PairSearch) -> None:
        self.sketcher = sketcher
        self.search = search
        self._spelt: dict[tuple[int, int, int], Spelt] = {}

    def spell(self, first: int, second: int, patches: int) -> Spelt:
        """The cell of a pair that was found by ``search``."""
        key = first, second, patches
        found = self._spelt.get(key)
        if found is None:
            found = self._spelt[key] = self._spell(first, second, patches)
        return found

    def _spell(self, first: int, second: int, patches: int) -> Spelt:
        patch = self.sketcher.patch
        if second == NONE:
            unit = self.search.alone.units[first]
            return Spelt((unit.texts,), self.sketcher.draw([(unit.line, unit.left)], patches * patch, patch))
        one, two = self.search.firsts.units[first], self.search.seconds.units[second]
        lines = [(one.line, one.left), (two.line, one.advance + two.left)]
        return Spelt((one.texts, two.texts), self.sketcher.draw(lines, patches * patch, patch))


class _ShapedSpelling(Spelling):
    """Two clusters that are shaped together."""

    def _spell(self, first: int, second: int, patches: int) -> Spelt:
        if second == NONE:
            return super()._spell(first, second, patches)
        one, two = _alike(self.search.firsts.units[first].texts, self.search.seconds.units[second].texts)
        rtl = is_rtl(one + two)
        line = self.sketcher.line(two + one if rtl else one + two, int(rtl))
        patch = self.sketcher.patch
        texts = (one, *self.search.firsts.units[first].texts), (two, *self.search.seconds.units[second].texts)
        texts = tuple(tuple(dict.fromkeys(some)) for some in texts)
        if -(-line.width // patch) != patches:
            return Spelt(texts, np.zeros((0, patch), np.float32))
        return Spelt(texts, self.sketcher.draw([(line, 0)], patches * patch, patch))


def make_spelling(strategy: str, sketcher: Sketcher, candidates: Candidates) -> Spelling:
    """The spelling of "bigrams", "mono", "grapheme-bigrams", "adaptive" or "words"."""
    patch = sketcher.patch
    if strategy == "bigrams":
        bank = make_bank(sketcher, _plain(sketcher, candidates.characters))
        return Spelling(sketcher, PairSearch(bank, bank, bank, patch))
    if strategy == "mono":
        narrow, wide = _on_grid(sketcher, candidates.clusters)
        bank = make_bank(sketcher, narrow)
        # Letters may be wider than their half, so that the nearest one of a half is often not the right one.
        return Spelling(sketcher, PairSearch(bank, bank, make_bank(sketcher, wide), patch, each=8, kept=48))
    if strategy == "words":
        empty = UnitBank()
        return Spelling(sketcher, PairSearch(empty, empty, make_bank(sketcher, _words(sketcher, candidates)), patch))
    firsts = make_bank(sketcher, _forms(sketcher, candidates.clusters, first=True))
    seconds = make_bank(sketcher, _forms(sketcher, candidates.clusters, first=False))
    whole = dict.fromkeys((*candidates.clusters, *candidates.cells(strategy)))
    alone = make_bank(sketcher, _plain(sketcher, whole))
    return _ShapedSpelling(sketcher, PairSearch(firsts, seconds, alone, patch, _KERNING))


def _plain(sketcher: Sketcher, texts: Iterable[str]) -> Drafts:
    for text in texts:
        line = sketcher.line(text, int(is_rtl(text)))
        yield text, line, 0, line.width


def _forms(sketcher: Sketcher, clusters: Iterable[str], *, first: bool) -> Drafts:
    """Clusters as they look at the left (``first``) or right of a pair, under their own names."""
    for text in clusters:
        rtl = is_rtl(text)
        yield text, (line := sketcher.line(text, int(rtl))), 0, line.width
        if first and text[-1] in VIRAMAS:  # a half form
            yield text, (line := sketcher.line(text + _JOINER)), 0, line.width
        if _JOINING & set(map(SCRIPT.__getitem__, text)):
            joined = _JOINER + text if first == rtl else text + _JOINER
            yield text, (line := sketcher.line(joined, int(rtl))), 0, line.width


def _on_grid(sketcher: Sketcher, clusters: Iterable[str]) -> tuple[list[tuple[str, Line, int, int]], ...]:
    """Clusters in half patches, and those that take whole ones; see `Mono`."""
    narrow, wide = [], []
    patch, half = sketcher.patch, sketcher.patch // 2
    for text in (" ", *clusters):
        line = sketcher.line(text, int(is_rtl(text)))
        if line.width <= patch * 3 // 4 and not is_wide(text[0]):
            narrow.append((text, line, (half - line.width) // 2, half))
        else:
            advance = max(-(-(line.width - patch // 4) // patch), 1) * patch
            wide.append((text, line, (advance - line.width) // 2, advance))
    return narrow, wide


def _words(sketcher: Sketcher, candidates: Candidates) -> Drafts:
    """Words where they may stand: first, last, alone or amid others, at as many patches as they take there."""
    patch = sketcher.patch
    space = sketcher.line(" ").width
    for word in candidates.words:
        line = sketcher.line(word, None)
        places = {
            (left, -(-(left + line.width + behind) // patch) * patch)
            for left in (0, _MARGIN)
            for behind in (space, _MARGIN)
        }
        for left, advance in sorted(places):
            yield word, line, left, advance


def _alike(ones: tuple[str, ...], twos: tuple[str, ...]) -> tuple[str, str]:
    """Texts of one script, if there are such: others would not be shaped together."""
    return next(((one, two) for one in ones for two in twos if SCRIPT[one[0]] == SCRIPT[two[0]]), (ones[0], twos[0]))
