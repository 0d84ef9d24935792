"""Attacks that move or drop letters; they need no table and work on every script that has letters.

Like the attacks in the other modules here, each is a function (word, draws, dose) that gives back the word unchanged
where it cannot change it.
"""

from __future__ import annotations

import itertools
import unicodedata

from pixlm.robustness.attacks.dose import Dose
from pixlm.robustness.draws import Draws
from pixlm.robustness.letters import clusters, letter_places

_TRIES = 10
_VOWELS = frozenset("aeiou" "аеёиоуыэюяіїєѣ" "αεηιοωυ" "ı")  # fmt: skip


def full_shuffle(word: str, draws: Draws, dose: Dose) -> str:
    """All letters in another order."""
    return _shuffle(word, draws, edges=0, shortest=3 if dose.upstream else 2)


def inner_shuffle(word: str, draws: Draws, dose: Dose) -> str:
    """All letters but the first and the last in another order."""
    return _shuffle(word, draws, edges=1, shortest=4)


def _shuffle(word: str, draws: Draws, *, edges: int, shortest: int) -> str:
    parts = clusters(word)
    places = letter_places(parts)
    if len(places) < shortest:
        return word
    inner = places[edges : len(places) - edges]
    before = [parts[place] for place in inner]
    if len(set(before)) < 2:
        return word
    for _ in range(_TRIES):
        after = draws.shuffled(before)
        if after != before:
            for place, part in zip(inner, after, strict=True):
                parts[place] = part
            break
    return "".join(parts)


def swap(word: str, draws: Draws, dose: Dose) -> str:
    """Two neighbouring letters exchanged."""
    parts = clusters(word)
    places = letter_places(parts)
    pairs = [(a, b) for a, b in itertools.pairwise(places) if b == a + 1 and parts[a] != parts[b]]
    if not pairs:
        return word
    a, b = draws.pick(pairs)
    parts[a], parts[b] = parts[b], parts[a]
    return "".join(parts)


def disemvowel(word: str, draws: Draws, dose: Dose) -> str:
    """No vowels: a, e, i, o, u with any marks, and the vowels of Cyrillic and Greek.

    Words of one or two letters and words of vowels only stay. PIXEL's drops plain a, e, i, o, u.
    """
    parts = clusters(word)
    places = letter_places(parts)
    vowels = {place for place in places if _is_vowel(parts[place], plain=dose.upstream)}
    if len(places) < 3 or len(vowels) == len(places):
        return word
    return "".join(part for place, part in enumerate(parts) if place not in vowels)


def _is_vowel(cluster: str, *, plain: bool) -> bool:
    if plain:
        return cluster.lower() in ("a", "e", "i", "o", "u")
    return unicodedata.normalize("NFD", cluster)[0].lower() in _VOWELS


def truncate(word: str, draws: Draws, dose: Dose) -> str:
    """Without the last letter; words of three letters or fewer stay."""
    parts = clusters(word)
    places = letter_places(parts)
    if len(places) < 4:
        return word
    del parts[places[-1]]
    return "".join(parts)
