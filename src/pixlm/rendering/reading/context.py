"""Choosing among texts that look the same: by what else is on the line, and by how often each is seen in the corpus.

Latin, Cyrillic and Greek share the pictures of many letters. Those that belong to one script only say which it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from pixlm.rendering.reading.candidates import COMMON
from pixlm.rendering.unicode import general_category
from pixlm.rendering.unicode.properties import SCRIPT

#: How fast the influence of a neighbour's script fades, in characters, its weight, and how far it reaches.
_FADING = 4.0
_NEAR = 6.0
_REACH = 24

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
_OF_UNIT = 1.5  # of every unit: of two explanations the one with fewer
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
        char = text[0]
        if self._counts:
            # Half, since a corpus may be another text than the one that is read.
            return 0.5 * math.log((self._counts.total() + 1) / (self._counts[char] + 0.01))
        kind = _BY_CATEGORY.get(general_category(char), _RARE)
        script = SCRIPT[char]
        if script in COMMON:
            block = (
                0.0 if char.isascii() else 0.5 if 0x2000 <= ord(char) < 0x2070 or 0x3000 <= ord(char) < 0x3020 else 1.0
            )
            letter = 4.0 if general_category(char).startswith("L") else 0.0  # mathematical ones and the like
            return 2.0 + letter + kind * (1 + block)
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
        near: Counter[str] = Counter()
        for other in range(max(place - _REACH, 0), min(place + _REACH + 1, len(votes))):
            if vote := votes[other]:
                near[vote] += math.exp(-abs(other - place) / _FADING)
        total = sum(near.values())
        weights = [(_NEAR * near[_script(text)] / total if total else 0.0) - plausibility.of(text) for text in texts]
        top = max(weights)
        parts = [math.exp(weight - top) for weight in weights]
        shares.append({text: part / sum(parts) for text, part in zip(texts, parts, strict=True)})
    return shares


def _vote(texts: tuple[str, ...]) -> str:
    """The script that a picture speaks for: the one that all its texts have, if it is a script."""
    scripts = {_script(text) for text in texts}
    script = scripts.pop()
    return "" if scripts or script in COMMON else script


def _script(text: str) -> str:
    return next((SCRIPT[char] for char in text if SCRIPT[char] not in COMMON), "Zyyy")
