"""The attacks by name. A new attack on words is a function (word, draws, dose) and a line in ``ATTACKS``."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from pixlm.errors import UsageError
from pixlm.robustness.attacks import characters, lexical, order
from pixlm.robustness.attacks.dose import Dose
from pixlm.robustness.draws import Draws

Change = Callable[[str, Draws, Dose], str]


class Target(Enum):
    """What an attack changes."""

    WORDS = "words"
    SPACES = "spaces"
    RENDERER = "renderer"


class Gate(Enum):
    """How PIXEL's scripts apply an attack at severity p, in lists of words and in texts."""

    SOME = "some"
    """Lists: each word with probability p. Texts: words in random order until p of all have changed."""
    EVERY = "every"
    """All words; p acts inside the word."""
    MIXED = "mixed"
    """Lists as EVERY, texts as SOME; p acts inside the word, too."""
    SPACES = "spaces"
    """Texts: each space with probability p."""


@dataclass(frozen=True)
class Attack:
    """One way to attack text.

    change: gives back a word changed, or as it was where it cannot change it; None unless ``target`` is WORDS.
    upstream: how PIXEL's scripts apply it; None where they do not have it. alias: PIXEL's name if it is another.
    """

    name: str
    help: str
    target: Target = Target.WORDS
    change: Change | None = None
    upstream: Gate | None = None
    alias: str | None = None


ATTACKS: dict[str, Attack] = {
    attack.name: attack
    for attack in (
        Attack("confusable", "characters that look alike", change=characters.confusable, upstream=Gate.EVERY),
        Attack("visual", "the same letters with other marks", change=characters.visual),
        Attack("stacked-marks", "combining marks stacked onto letters", change=characters.stacked_marks),
        Attack("intrude", "punctuation between letters", change=characters.intrude, upstream=Gate.MIXED),
        Attack(
            "full-shuffle", "all letters shuffled", change=order.full_shuffle, upstream=Gate.SOME, alias="full-swap"
        ),
        Attack(
            "inner-shuffle",
            "inner letters shuffled",
            change=order.inner_shuffle,
            upstream=Gate.SOME,
            alias="inner-swap",
        ),
        Attack("swap", "two neighbouring letters exchanged", change=order.swap),
        Attack("disemvowel", "no vowels", change=order.disemvowel, upstream=Gate.SOME),
        Attack("truncate", "without the last letter", change=order.truncate, upstream=Gate.SOME),
        Attack("keyboard-typo", "a neighbouring key", change=characters.keyboard_typo, upstream=Gate.SOME),
        Attack("natural-typo", "English: recorded misspellings", change=lexical.natural_typo, upstream=Gate.SOME),
        Attack("phonetic", "English: spelt by its sound", change=lexical.phonetic, upstream=Gate.EVERY),
        Attack("segmentation", "spaces left out", target=Target.SPACES, upstream=Gate.SPACES),
        Attack("font", "drawn with another font", target=Target.RENDERER),
    )
}
"""All attacks by name."""

_ALIASES = {attack.alias: attack for attack in ATTACKS.values() if attack.alias}


def find_attack(name: str) -> Attack:
    """An attack by its name or PIXEL's name for it; UsageError with a suggestion for any other."""
    found = ATTACKS.get(name) or _ALIASES.get(name)
    if found is None:
        close = difflib.get_close_matches(name, [*ATTACKS, *_ALIASES], n=1)
        hint = f"did you mean {close[0]}?" if close else f"attacks: {', '.join(ATTACKS)}"
        raise UsageError(f"no attack {name!r}; {hint}")
    return found
