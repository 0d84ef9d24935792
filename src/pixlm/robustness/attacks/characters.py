"""Attacks that replace characters by others, or add some."""

from __future__ import annotations

import functools
import unicodedata

from pixlm.rendering.unicode.properties import GENERAL_CATEGORY
from pixlm.robustness import tables
from pixlm.robustness.attacks.dose import Dose
from pixlm.robustness.draws import Draws
from pixlm.robustness.letters import clusters, is_letter, letter_places

_MARKS = [chr(code) for code in (*range(0x0300, 0x034F), *range(0x0350, 0x0358), *range(0x0363, 0x0370))]
"""Combining marks that stand above, on or below one letter; U+034F draws nothing, U+035C-0362 join two letters."""
_MOST_MARKS = 3
_INTRUDERS = "!#$%&()*+,-./:;<=>?@[]^_{|}~"
"""No quotation marks and no backslash: files of columns give them a meaning."""

_KEYBOARDS = (
    ("`1234567890-=", "qwertyuiop[]\\", "asdfghjkl;'", "zxcvbnm,./"),
    ("ё1234567890-=", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю."),
    ("'1234567890-=", "йцукенгшщзхї", "фівапролджє", "ячсмитьбю."),
    ("`1234567890-=", ";ςερτυθιοπ[]", "ασδφγηξκλ", "ζχψωβνμ,./"),
    (";1234567890-=", "/'קראטוןםפ][", "שדגכעיחלךף,", "זסבהנמצתץ."),
    ("ذ1234567890-=", "ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤر\0ىةوزظ"),
    ("ॊ1234567890-=", "ौैाीूबहगदजड", "ोे्िुपरकतचट", "ॆंमनवलस,.य"),
)
"""Rows of the usual layouts: English, Russian, Ukrainian, Greek, Hebrew, Arabic, Hindi (InScript)."""
_STAGGER = (0.0, 1.5, 1.75, 2.25)
"""How far right each row stands, in keys."""


def confusable(word: str, draws: Draws, dose: Dose) -> str:
    """Letters and digits replaced by characters that look like them (Unicode's confusables)."""
    return _replace(word, draws, dose, _classes("confusables.json"))


def visual(word: str, draws: Draws, dose: Dose) -> str:
    """Letters replaced by the same letter with other marks, found by the characters' names."""
    return _replace(word, draws, dose, _classes("names.json"))


def _replace(word: str, draws: Draws, dose: Dose, classes: dict[str, str]) -> str:
    places = [place for place, char in enumerate(word) if char in classes and GENERAL_CATEGORY[char][0] in "LN"]
    chars = list(word)
    for place in dose.take(places, draws):
        chars[place] = draws.pick([other for other in classes[word[place]] if other != word[place]])
    return "".join(chars)


@functools.cache
def _classes(table: str) -> dict[str, str]:
    return {char: group for group in tables.load(table)["classes"] for char in group}


def stacked_marks(word: str, draws: Draws, dose: Dose) -> str:
    """One to three combining marks stacked onto letters, as in "Zalgo" text."""
    parts = clusters(word)
    for place in dose.take(letter_places(parts), draws):
        count = 1 + int(draws.uniform() * _MOST_MARKS)
        parts[place] += "".join(draws.pick(_MARKS) for _ in range(count))
    return "".join(parts)


def intrude(word: str, draws: Draws, dose: Dose) -> str:
    """Punctuation marks between the letters of a word, at least one."""
    parts = clusters(word)
    places = letter_places(parts)[:-1]
    for place in dose.take(places, draws, at_least_one=True):
        parts[place] += draws.pick(_INTRUDERS)
    return "".join(parts)


def keyboard_typo(word: str, draws: Draws, dose: Dose) -> str:
    """One letter replaced by one beside it on the keyboard; PIXEL's knows lower-case English keys only."""
    parts = clusters(word)
    places = [place for place, part in enumerate(parts) if is_letter(part) and _neighbours(part, dose.upstream)]
    if not places:
        return word
    place = draws.pick(places)
    parts[place] = draws.pick(_neighbours(parts[place], dose.upstream)) + parts[place][1:]
    return "".join(parts)


def _neighbours(cluster: str, upstream: bool) -> str:
    """What the first character of a cluster may become."""
    keys = _keys()
    if upstream:
        return keys.get(cluster, "") if cluster.isascii() else ""
    base = cluster[0] if cluster[0] in keys else unicodedata.normalize("NFD", cluster[0])[0]
    found = keys.get(base) or keys.get(base.lower(), "")
    upper = found.upper()
    return upper if base.isupper() and len(upper) == len(found) else found


@functools.cache
def _keys() -> dict[str, str]:
    """The letters on the keys that touch the key of a letter."""
    found: dict[str, str] = {}
    for rows in _KEYBOARDS:
        spots = [(key, x + _STAGGER[y], y) for y, row in enumerate(rows) for x, key in enumerate(row)]
        letters = [spot for spot in spots if GENERAL_CATEGORY[spot[0]][0] == "L"]
        for key, x, y in letters:
            near = {other for other, u, v in letters if other != key and abs(u - x) <= 1 and abs(v - y) <= 1}
            found[key] = "".join(sorted(near | set(found.get(key, ""))))
    return found
