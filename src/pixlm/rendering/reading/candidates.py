"""What may be read: characters and clusters, of a corpus or of scripts; how often each occurs."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pixlm.errors import UsageError
from pixlm.rendering.line import Line
from pixlm.rendering.strategies.cutters import Adaptive, GraphemeBigrams
from pixlm.rendering.unicode import asks_for_no_font, general_category, grapheme_clusters, is_default_ignorable
from pixlm.rendering.unicode.properties import BIDI_CLASS, SCRIPT, in_ranges

COMMON = ("Zyyy", "Zinh")
#: Inclusive ranges of punctuation, currencies, arrows, mathematical operators, pictures, CJK signs and emoji.
_EVERYDAY = (
    *(0x0, 0x1CCF, 0x2000, 0x206F, 0x20A0, 0x22FF, 0x2460, 0x27BF, 0x3000, 0x32FF, 0xFE30, 0xFFEF),
    *(0x1F300, 0x1F6FF, 0x1F900, 0x1F9FF),
)

_WORD = re.compile(r"\S+")
_INDIC = range(0x900, 0xE00, 0x80)  # blocks of the same plan
VIRAMAS = frozenset(chr(block + 0x4D) for block in _INDIC)
_RA = frozenset(chr(block + 0x30) for block in _INDIC)  # has other shapes above and below other consonants

#: Marks that follow another mark in everyday spelling: candrabindu, anusvara and visarga of the Indic blocks, tones and
#: other signs above vowels of Thai and Lao. Inclusive ranges.
_SECOND_MARKS = (
    *(end for block in _INDIC for end in (block + 1, block + 3)),
    *(0xE47, 0xE4D, 0xEC8, 0xECD),
)
_HARAKAT = "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652\u0670"


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
        return list(dict.fromkeys((*cells, *self._conjuncts())))

    def _conjuncts(self) -> Iterator[str]:
        """Consonants of Indic scripts with the letter ra before or after."""
        viramas = {SCRIPT[char]: char for char in self.characters if char in VIRAMAS}
        letters: dict[str, list[str]] = {script: [] for script in viramas}
        for cluster in self.clusters:
            script = SCRIPT[cluster[0]]
            if script in viramas and len(cluster) < 3 and cluster[-1] not in VIRAMAS:
                letters[script].append(cluster)
        for script, virama in viramas.items():
            ra = next((char for char in self.characters if char in _RA and SCRIPT[char] == script), "")
            bases = [cluster for cluster in letters[script] if len(cluster) == 1]
            if ra:
                yield from (ra + virama + cluster for cluster in letters[script])
                after = [cluster for cluster in letters[script] if cluster[0] == ra]
                yield from (base + virama + cluster for base in bases for cluster in after)

    @cached_property
    def scripts(self) -> frozenset[str]:
        return frozenset(SCRIPT[char] for char in self.characters)


def from_corpus(texts: Iterable[str], covered: Iterable[str]) -> Candidates:
    """Everything in some texts, which are read once, and what of ``covered`` is of their scripts."""
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
    scripts = {SCRIPT[char] for char in counts} - {*COMMON, "Zzzz"}
    others = [char for char in of_scripts(covered, scripts) if is_drawn(char)]
    characters = dict.fromkeys([*(char for char, _ in counts.most_common() if is_drawn(char)), *others])
    known = dict.fromkeys([*(cluster for cluster, _ in clusters.most_common()), *_clusters(list(characters))])
    return Candidates([*characters], [*known], [word for word, _ in words.most_common()], counts)


def of_scripts(covered: Iterable[str], scripts: Iterable[str]) -> list[str]:
    """Characters of some scripts, ASCII, and what of the signs of no script is in everyday use: neither mathematical
    alphabets nor notations."""
    wanted = frozenset(scripts) - {*COMMON}
    return [
        char
        for char in covered
        if SCRIPT[char] in wanted or char.isascii() or (SCRIPT[char] in COMMON and in_ranges(char, _EVERYDAY))
    ]


def from_characters(characters: Iterable[str]) -> Candidates:
    """Single characters, and clusters of a letter and a mark of its script."""
    known = list(dict.fromkeys(char for char in characters if is_drawn(char)))
    if not known:
        raise UsageError("no font of the renderer has any of the candidates")
    return Candidates(known, list(_clusters(known)))


def is_drawn(char: str) -> bool:
    """Whether a character shows: spaces, controls and joiners do not, nor do code points without a character."""
    return not (asks_for_no_font(char) or is_default_ignorable(char) or general_category(char) in ("Cn", "Co"))


def is_compatibility(char: str) -> bool:
    """Whether a character stands for others: ligatures, presentation forms, mathematical letters."""
    return unicodedata.decomposition(char).startswith("<") or char in "\u05f0\u05f1\u05f2"


def is_rtl(text: str) -> bool:
    return any(BIDI_CLASS[char] in "Ra" for char in text)


def _clusters(characters: Sequence[str]) -> Iterator[str]:
    """Characters, letters with a mark, and letters with a vowel sign or the like and a final mark or a tone."""
    marks: dict[str, list[str]] = {}
    for char in characters:
        if general_category(char).startswith("M") and SCRIPT[char] not in COMMON:
            marks.setdefault(SCRIPT[char], []).append(char)
    if "Arab" in marks:
        marks["Arab"] = [char for char in characters if char in _HARAKAT]  # vowel signs are of all scripts
    seconds = {script: [char for char in some if in_ranges(char, _SECOND_MARKS)] for script, some in marks.items()}
    for char in characters:
        yield char
        script = SCRIPT[char]
        if general_category(char) != "Lo" or char >= "\U00010000" or (script == "Arab" and char >= "\u08a0"):
            continue
        for mark in dict.fromkeys(marks.get(script, ())):
            if len(grapheme_clusters(char + mark)) == 1:
                yield char + mark
                if mark not in seconds[script]:
                    yield from (char + mark + second for second in seconds[script])


def _no_layout(*_: object, **__: object) -> Line:
    raise AssertionError("cutting by clusters lays nothing out")
