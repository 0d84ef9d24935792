"""Choosing among texts that look the same: by what else is on the line, and by how often each is seen in the corpus.

Latin, Cyrillic and Greek share the pictures of many letters. Those that belong to one script only say which it is.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from pixlm.rendering.reading.candidates import COMMON, is_compatibility
from pixlm.rendering.unicode import general_category
from pixlm.rendering.unicode.properties import SCRIPT, in_ranges

#: How fast the influence of a neighbour's script fades, in characters, its weight, and how far it reaches.
_FADING = 4.0
_NEAR = 6.0
_REACH = 24

#: Letters of today's alphabets among those that look alike in Latin, Greek and Cyrillic; inclusive ranges.
_EVERYDAY = (0x41, 0x5A, 0x61, 0x7A, 0xC0, 0x17F, 0x386, 0x3CE, 0x400, 0x45F, 0x490, 0x491)

#: Cost in nats of a character by its general category, beyond that of its script.
_BY_CATEGORY = {
    "Ll": 0.0,
    "Lo": 0.0,
    "Mn": 0.5,
    "Mc": 0.5,
    "Nd": 0.5,
    "Lu": 1.0,
    "Po": 1.0,
    "Pd": 1.0,
    "Ps": 1.0,
    "Pe": 1.0,
    "Zs": 0.0,
}
_RARE = 3.0  # of all others
_COMPATIBILITY = 6.0  # on top, of characters that stand for others
_OF_UNIT = 1.5  # of every unit: of two explanations the one with fewer
_OF_MARK = 1.0  # of every mark of a cluster: one that looks the same without has none
_UNSEEN = 0.003  # share of a script that was not seen
_ASCII = 0.02  # the same for ASCII, which is mixed into texts of all scripts


class Plausibility:
    """How surprising a text is on a line, in nats.

    Args:
        counts: characters of a corpus; without, what is on the line decides: the share of a script, and of the blocks
            of 128 code points that are in use, so that phonetic signs do not count as letters of every day.
        seen: the texts that pictures of the line may stand for.
    """

    def __init__(self, counts: Counter[str], seen: Iterable[tuple[str, ...]] = ()) -> None:
        self._counts = counts
        self._scripts: Counter[str] = Counter()
        self._blocks: Counter[int] = Counter()
        for texts in seen:
            if script := _vote(texts):
                self._scripts[script] += 1
                self._blocks[ord(texts[0][0]) >> 7] += 1
        self._total = self._scripts.total()
        self._costs: dict[str, float] = {}

    def of(self, text: str) -> float:
        found = self._costs.get(text)
        if found is None:
            found = self._costs[text] = self._cost(text)
        return found

    def of_units(self, units: Sequence[tuple[str, ...]]) -> float:
        """The cost of a cell: of each unit the most plausible text."""
        return sum(_OF_UNIT + min(map(self.of, texts)) for texts in units)

    def _cost(self, text: str) -> float:
        return self._of_first(text[0]) + _OF_MARK * (len(text) - 1 if len(text) < 4 else 0)  # words have many letters

    def _of_first(self, char: str) -> float:
        if self._counts:
            return math.log((self._counts.total() + 1) / (self._counts[char] + 0.01))
        kind = _BY_CATEGORY.get(general_category(char), _RARE)
        if is_compatibility(char):
            kind += _COMPATIBILITY
        script = SCRIPT[char]
        if script in COMMON:
            block = (
                0.0 if char.isascii() else 0.5 if 0x2000 <= ord(char) < 0x2070 or 0x3000 <= ord(char) < 0x3020 else 1.0
            )
            return (1.0 if char.isascii() else 2.0) + kind * (1 + block)
        if not self._total:
            return kind + (0.0 if ord(char) < 0x250 else 0.5)
        share = (0.1 * self._scripts[script] + 0.9 * self._blocks[ord(char) >> 7]) / self._total
        return kind - math.log(share + (_ASCII if char.isascii() else _UNSEEN))


def resolve(choices: Sequence[tuple[str, ...]], plausibility: Plausibility) -> list[dict[str, float]]:
    """The share of each text, for every place of a line in which some texts look the same. Shares add up to 1."""
    votes = [_vote(texts) for texts in choices]
    shares: list[dict[str, float]] = []
    for place, texts in enumerate(choices):
        if len(texts) == 1:
            shares.append({texts[0]: 1.0})
            continue
        near: dict[str, float] = defaultdict(float)
        for other in range(max(place - _REACH, 0), min(place + _REACH + 1, len(votes))):
            if vote := votes[other]:
                near[vote] += math.exp(-abs(other - place) / _FADING)
        total = sum(near.values())
        if total:
            near["Zyyy"] = max(near.values())  # punctuation goes with any script
        weights = [(_NEAR * near[_script(text)] / total if total else 0.0) - plausibility.of(text) for text in texts]
        top = max(weights)
        parts = [math.exp(weight - top) for weight in weights]
        shares.append({text: part / sum(parts) for text, part in zip(texts, parts, strict=True)})
    return shares


def _vote(texts: tuple[str, ...]) -> str:
    """The script that a picture speaks for: the one that all its texts have that are in everyday use."""
    scripts = {_script(text) for text in texts if in_ranges(text[0], _EVERYDAY)} or {_script(text) for text in texts}
    script = scripts.pop()
    return "" if scripts or script in COMMON else script


def _script(text: str) -> str:
    return next((SCRIPT[char] for char in text if SCRIPT[char] not in COMMON), "Zyyy")
