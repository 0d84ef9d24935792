"""What a strategy's cells are made of: which units there are, and how two of them, or one, are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pixlm.rendering.line import Line
from pixlm.rendering.reading.candidates import VIRAMAS, Candidates, is_compatibility, is_rtl
from pixlm.rendering.reading.chain import MARGIN, Chain
from pixlm.rendering.reading.order import mirrored
from pixlm.rendering.reading.pairs import NONE, PairSearch
from pixlm.rendering.reading.units import Sketcher, UnitBank, make_bank
from pixlm.rendering.strategies.cutters import is_wide
from pixlm.rendering.unicode.properties import SCRIPT

_JOINER = "\u200d"
#: Scripts whose letters change their shape beside others; a joiner stands for the neighbour.
_JOINING = frozenset(("Arab", "Syrc", "Mong", "Nkoo", "Mand", "Adlm", "Rohg", "Mani", "Phlp", "Sogd", "Chrs", "Ougr"))
_LIGATURES = ("ff", "fi", "fl", "ffi", "ffl", "لا", "لأ", "لإ", "لآ")

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


class WordSpelling(Spelling):
    """Words: those of a corpus, and chains of letters. ``letters``: in all their forms."""

    def __init__(self, sketcher: Sketcher, search: PairSearch, letters: UnitBank) -> None:
        super().__init__(sketcher, search)
        self.letters = letters
        self.space = sketcher.line(" ").width
        self.has_rtl = any(is_rtl(unit.texts[0]) for unit in letters.units)
        self._words: dict[tuple[str, int, int], np.ndarray] = {}

    def chain(self, chain: Chain) -> Spelt:
        """The word that a chain of letters spells, as it is drawn."""
        patch = self.sketcher.patch
        texts = tuple(self.letters.units[unit].texts for unit in chain.units)
        script = Counter(SCRIPT[text[0]] for some in texts if len(some) == 1 for text in some)
        shown = [max(some, key=lambda text: script[SCRIPT[text[0]]]) for some in texts]
        word = "".join(shown[::-1] if is_rtl("".join(shown)) else shown)
        key = word, chain.columns[0], chain.patches
        drawn = self._words.get(key)
        if drawn is None:
            line = self.sketcher.line(word, None)
            drawn = self._words[key] = self.sketcher.draw([(line, chain.columns[0])], chain.patches * patch, patch)
        return Spelt(texts, drawn)


class _ShapedSpelling(Spelling):
    """Two clusters that are shaped together."""

    def _spell(self, first: int, second: int, patches: int) -> Spelt:
        if second == NONE:
            return super()._spell(first, second, patches)
        units = self.search.firsts.units[first], self.search.seconds.units[second]
        one, two = _alike(units[0].texts, units[1].texts)
        texts = tuple(tuple(dict.fromkeys((text, *unit.texts))) for text, unit in zip((one, two), units, strict=True))
        rtl = is_rtl(one + two)
        if rtl:
            one, two = (text if is_rtl(text) else mirrored(text) for text in (two, one))
        line = self.sketcher.line(one + two, int(rtl))
        patch = self.sketcher.patch
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
        search = PairSearch(empty, empty, make_bank(sketcher, _words(sketcher, candidates)), patch)
        return WordSpelling(sketcher, search, make_bank(sketcher, _all_forms(sketcher, candidates.clusters)))
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


def _all_forms(sketcher: Sketcher, clusters: Iterable[str]) -> Drafts:
    """Clusters as they look at either end of a word, inside it, and alone; and letters that are drawn as one."""
    plain = [text for text in clusters if not is_compatibility(text[0])]
    known = set(plain)
    for text in (*plain, *(text for text in _LIGATURES if known.issuperset(text))):
        rtl = int(is_rtl(text))
        forms = [text]
        if _JOINING & set(map(SCRIPT.__getitem__, text)):
            forms += [text + _JOINER, _JOINER + text, _JOINER + text + _JOINER]
        if text[-1] in VIRAMAS:
            forms.append(text + _JOINER)
        for form in forms:
            yield text, (line := sketcher.line(form, rtl)), 0, line.width


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
    for word in candidates.words:
        for left in (0, MARGIN):
            for text, behind in ((word + " ", 0), (word, MARGIN)):  # the space of a right-to-left word is on its left
                line = sketcher.line(text, None)
                yield word, line, left, -(-(left + line.width + behind) // patch) * patch


def _alike(ones: tuple[str, ...], twos: tuple[str, ...]) -> tuple[str, str]:
    """Texts of one script, if there are such: others would not be shaped together."""
    return next(((one, two) for one in ones for two in twos if SCRIPT[one[0]] == SCRIPT[two[0]]), (ones[0], twos[0]))
