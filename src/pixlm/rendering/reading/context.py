"""Choosing among texts that look the same: by the scripts around, and by how often each is seen in the corpus.

Latin, Cyrillic and Greek share the pictures of many letters. Those that belong to one script only say which it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from pixlm.rendering.reading.candidates import COMMON
from pixlm.rendering.unicode import general_category
from pixlm.rendering.unicode.properties import SCRIPT

#: How fast the influence of a character fades, in characters, and what one beside counts against all of the text.
_REACH = 4.0
_NEAR = 8.0
_SPAN = 24  # characters on either side that are looked at

_PLAIN = {"Ll": 0.0, "Lo": 0.0, "Nd": -0.5, "Lu": -1.0, "Mn": -1.0, "Mc": -1.0, "Po": -1.0}


def resolve(choices: Sequence[tuple[str, ...]], counts: Counter[str]) -> list[dict[str, float]]:
    """The share of each text, for every place of a line in which some texts look the same. Shares add up to 1."""
    voters = [_vote(texts) for texts in choices]
    overall = Counter(vote for vote in voters if vote)
    total = sum(overall.values()) or 1
    shares: list[dict[str, float]] = []
    for place, texts in enumerate(choices):
        if len(texts) == 1:
            shares.append({texts[0]: 1.0})
            continue
        scores: Counter[str] = Counter()
        for script, count in overall.items():
            scores[script] += count / total
        for other in range(max(place - _SPAN, 0), min(place + _SPAN + 1, len(voters))):
            if vote := voters[other]:
                scores[vote] += _NEAR * math.exp(-abs(other - place) / _REACH)
        weights = [scores[_script(text)] + _prior(text, counts) for text in texts]
        top = max(weights)
        parts = [math.exp(weight - top) for weight in weights]
        shares.append({text: part / sum(parts) for text, part in zip(texts, parts, strict=True)})
    return shares


def _vote(texts: tuple[str, ...]) -> str:
    """The script that a place speaks for: the one that all its texts have, if it is a script."""
    scripts = {_script(text) for text in texts}
    script = scripts.pop()
    return "" if scripts or script in COMMON else script


def _script(text: str) -> str:
    return next((SCRIPT[char] for char in text if SCRIPT[char] not in COMMON), "Zyyy")


def _prior(text: str, counts: Counter[str]) -> float:
    if counts:
        return sum(math.log(counts[char] + 0.01) for char in text)
    # Without a corpus: ASCII, then the first blocks, small letters before capitals, plain signs before others.
    kind = _PLAIN.get(general_category(text[0]), -2.0)
    return kind + 2.0 * text.isascii() - min(max(map(ord, text)) / 4096, 16) / 4
