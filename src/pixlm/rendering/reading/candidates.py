"""What may be read: characters and clusters, of a corpus or of scripts; how often each occurs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pixlm.errors import UsageError
from pixlm.rendering.line import Line
from pixlm.rendering.strategies.cutters import Adaptive, GraphemeBigrams
from pixlm.rendering.unicode import asks_for_no_font, general_category, grapheme_clusters, is_default_ignorable
from pixlm.rendering.unicode.properties import BIDI_CLASS, SCRIPT

COMMON = ("Zyyy", "Zinh")

_WORD = re.compile(r"\S+")
_VIRAMAS = frozenset("\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u1039\u17d2")


@dataclass
class Candidates:
    """What to look for.

    Attributes:
        counts: characters or words of a corpus with how often they occur; empty if there is no corpus.
        characters: code points that are drawn.
        clusters: grapheme clusters.
        words: of the corpus.
    """

    characters: list[str]
    clusters: list[str]
    words: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def cells(self, strategy: str) -> list[str]:
        """What "grapheme-bigrams" or "adaptive" cuts the words into."""
        cutter = Adaptive() if strategy == "adaptive" else GraphemeBigrams()
        cells = (
            word[start:end] for word in self.words for start, end in cutter.cut(word, int(is_rtl(word)), _no_layout, 0)
        )
        return list(dict.fromkeys(cells))

    @cached_property
    def scripts(self) -> frozenset[str]:
        return frozenset(SCRIPT[char] for char in self.characters)


def from_corpus(texts: Iterable[str]) -> Candidates:
    """Everything in some texts, which are read once."""
    words: Counter[str] = Counter()
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"candidates are texts, but one is of type {type(text).__name__}")
        words.update(_WORD.findall(text))
    counts: Counter[str] = Counter()
    clusters: Counter[str] = Counter()
    for word, count in words.items():
        for char in word:
            counts[char] += count
        for start, end in grapheme_clusters(word):
            clusters[word[start:end]] += count
    if not counts:
        raise UsageError("candidates hold no characters")
    ordered = [word for word, _ in words.most_common()]
    return Candidates(
        [char for char, _ in counts.most_common() if is_drawn(char)],
        [cluster for cluster, _ in clusters.most_common()],
        ordered,
        counts,
    )


def from_characters(characters: Iterable[str]) -> Candidates:
    """Single characters, and clusters of a letter and a mark of its script."""
    known = list(dict.fromkeys(char for char in characters if is_drawn(char)))
    if not known:
        raise UsageError("no font of the renderer has any of the candidates")
    return Candidates(known, list(_clusters(known)))


def is_drawn(char: str) -> bool:
    """Whether a character shows: spaces, controls and joiners do not, nor do code points without a character."""
    return not (asks_for_no_font(char) or is_default_ignorable(char) or general_category(char) in ("Cn", "Co"))


def is_rtl(text: str) -> bool:
    return any(BIDI_CLASS[char] in "Ra" for char in text)


def _clusters(characters: Sequence[str]) -> Iterator[str]:
    marks: dict[str, list[str]] = {}
    for char in characters:
        if general_category(char).startswith("M") and SCRIPT[char] not in COMMON:
            marks.setdefault(SCRIPT[char], []).append(char)
    for char in characters:
        yield char
        if general_category(char) == "Lo":
            for mark in marks.get(SCRIPT[char], ()):
                if len(grapheme_clusters(char + mark)) == 1:
                    yield char + mark


def _no_layout(*_: object, **__: object) -> Line:
    raise AssertionError("cutting by clusters lays nothing out")
