"""Attacks on text, and sweeps of fine-tuned models over them.

>>> attack_words(["a", "nice", "day"], "disemvowel", 1.0)
['a', 'nc', 'dy']
"""

from __future__ import annotations

from collections.abc import Sequence

from pixlm.robustness.attacker import Attacked, Attacker, Flavour
from pixlm.robustness.attacks import ATTACKS, Attack, Target, find_attack
from pixlm.robustness.examples import attack_example

__all__ = [
    "ATTACKS", "Attack", "Attacked", "Attacker", "Flavour", "Target",
    "attack_example", "attack_text", "attack_words", "find_attack",
]  # fmt: skip


def attack_words(
    words: Sequence[str], attack: str, strength: float, seed: int = 42, *, split: str = "test", index: int = 0,
    flavour: Flavour | str = Flavour.SHARE,
) -> list[str]:  # fmt: skip
    """A list of words attacked; as many words come back. UsageError for segmentation, which needs running text."""
    return Attacker(attack, strength, seed, Flavour(flavour)).words(words, split=split, index=index).value


def attack_text(
    text: str, attack: str, strength: float, seed: int = 42, *, split: str = "test", index: int = 0,
    flavour: Flavour | str = Flavour.SHARE,
) -> str:  # fmt: skip
    """A running text attacked."""
    return Attacker(attack, strength, seed, Flavour(flavour)).text(text, split=split, index=index, part="text").value
