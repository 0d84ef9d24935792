"""One attack at one strength on words, texts and examples."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from pixlm.errors import UsageError
from pixlm.robustness.attacks import ATTACKS, Attack, Gate, Target, find_attack
from pixlm.robustness.attacks.dose import Dose
from pixlm.robustness.draws import Draws
from pixlm.robustness.letters import word_spans

T = TypeVar("T")

RATE = 0.5
"""Share of a chosen word's characters that attacks on characters change."""


class Flavour(Enum):
    """What strength means.

    SHARE: the share of words that are changed (spaces left out, examples drawn in another font), for every attack. A
    word that an attack cannot change is passed over for another one; where too few can be changed, all of them are.
    PIXEL: as PIXEL's scripts have it (see :class:`pixlm.robustness.attacks.Gate`).
    """

    SHARE = "share"
    PIXEL = "pixel"

    @classmethod
    def _missing_(cls, value: object) -> Flavour:
        raise UsageError(f"no flavour {value!r} of attacks; choose {' or '.join(each.value for each in cls)}")


class Edit(NamedTuple):
    """``text[start:end]`` became ``new``."""

    start: int
    end: int
    new: str


@dataclass(frozen=True)
class Attacked(Generic[T]):
    """The attacked ``value``, and how many of its ``units`` (words; spaces for segmentation) were changed."""

    value: T
    changed: int
    units: int
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class Attacker:
    """A pure function of (seed, split, index, text): what else has been attacked before does not matter.

    A word that is changed at one strength is changed in the same way at every higher one (``Flavour.SHARE``), so that
    a curve over strengths compares like with like.

    attack: name; strength: 0 to 1; keys of all random draws: ``seed``, split, index of the example in its split, and
    which part of it (a pair has two).
    """

    attack: str
    strength: float
    seed: int = 42
    flavour: Flavour = Flavour.SHARE

    def __post_init__(self) -> None:
        _ = self.kind  # raises for a name that there is not
        if not 0 <= self.strength <= 1:
            raise UsageError(f"strength {self.strength} of attack {self.attack}: must be from 0 to 1")
        if self.flavour is Flavour.PIXEL and self.kind.upstream is None:
            known = ", ".join(attack.name for attack in ATTACKS.values() if attack.upstream)
            raise UsageError(f"attack {self.attack}: PIXEL's scripts do not have it; with flavour pixel: {known}")

    @property
    def kind(self) -> Attack:
        """What the attack's name stands for."""
        return find_attack(self.attack)

    def words(self, words: Sequence[str], *, split: str, index: int, part: str = "") -> Attacked[list[str]]:
        """Attack a list of words; as many words come back, none of them empty that was not.

        Raises UsageError for attacks that no list of words can show (segmentation).
        """
        if self.kind.target is Target.SPACES:
            raise UsageError(f"attack {self.attack} acts on running text; a list of words has no spaces to leave out")
        if self.kind.target is Target.RENDERER:
            return Attacked(list(words), 0, len(words))
        found = self._change(words, (split, index, part), running=False)
        return Attacked([found.get(at, word) for at, word in enumerate(words)], len(found), len(words))

    def text(
        self, text: str, *, split: str, index: int, part: str = "", protected: Collection[tuple[int, int]] = ()
    ) -> Attacked[str]:
        """Attack a running text; its ``edits`` say what was changed where.

        Words that overlap one of the ``protected`` stretches (start, end) are left alone, and so are spaces in them.
        """
        if self.kind.target is Target.RENDERER:
            return Attacked(text, 0, len(word_spans(text)))
        spaces = self.kind.target is Target.SPACES
        spans = [match.span() for match in re.finditer(r"(?<=\S)\s+(?=\S)", text)] if spaces else word_spans(text)
        spared = {at for at, (a, b) in enumerate(spans) if any(a < end and start < b for start, end in protected)}
        units = [text[start:end] for start, end in spans]
        found = self._change(units, (split, index, part), running=True, spared=spared)
        edits = tuple(Edit(*spans[at], found[at]) for at in sorted(found))
        return Attacked("".join(_apply(text, edits)), len(found), len(units), edits)

    def chooses(self, *, split: str, index: int) -> bool:
        """Whether an attack on the renderer takes this example: it does with probability ``strength``."""
        return Draws(self.kind.name, self.seed, split, index).uniform() < self.strength

    def _change(
        self, units: Sequence[str], key: tuple[str, int, str], *, running: bool, spared: Collection[int] = ()
    ) -> dict[int, str]:
        """Place -> new form of the units that are changed."""
        choice = Draws(self.kind.name, self.seed, *key)
        rounding = choice.uniform()
        chances = [choice.uniform() for _ in units]
        order = [at for at in sorted(range(len(units)), key=chances.__getitem__) if at not in spared]
        if self.flavour is Flavour.SHARE:
            # Rounded at random, so that short sentences, too, come to the strength on average.
            dose, wanted = Dose(RATE), math.floor(self.strength * len(units) + rounding)
        elif running and self.kind.upstream in (Gate.SOME, Gate.MIXED):
            dose, wanted = Dose(self.strength, upstream=True), math.ceil(self.strength * len(units))
        else:
            dose, wanted = Dose(self.strength, upstream=True), len(units)
            if self.kind.upstream in (Gate.SOME, Gate.SPACES):
                order = [at for at in order if chances[at] < self.strength]
        changed: dict[int, str] = {}
        for at in order:
            if len(changed) == wanted:
                break
            new = self._one(units[at], Draws(self.kind.name, self.seed, *key, at), dose)
            if new != units[at]:
                changed[at] = new
        return changed

    def _one(self, unit: str, draws: Draws, dose: Dose) -> str:
        if self.kind.change is None:
            return ""  # a space left out
        return self.kind.change(unit, draws, dose) or unit


def _apply(text: str, edits: Sequence[Edit]) -> Iterator[str]:
    at = 0
    for start, end, new in edits:
        yield text[at:start]
        yield new
        at = end
    yield text[at:]


def moved(edits: Sequence[Edit]) -> Callable[[int], int]:
    """Where a place of the text before the edits, outside of them, lies after them."""
    return lambda place: place + sum(len(new) - (end - start) for start, end, new in edits if end <= place)
