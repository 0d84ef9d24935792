"""How text becomes patches: a strategy lays text out on the strip. Nothing is drawn here.

A strategy answers with a :class:`Plan`, which the renderer draws. ``continuous`` runs text on over patch borders; all
others cut text into cells that begin at patch borders (Lotz et al. 2023, "Text Rendering Strategies for Pixel Language
Models").
"""

from pixlm.errors import UsageError
from pixlm.rendering.strategies.cells import Cells, Cutter
from pixlm.rendering.strategies.continuous import Continuous
from pixlm.rendering.strategies.cutters import Adaptive, Bigrams, GraphemeBigrams, Mono, Words
from pixlm.rendering.strategies.plan import Cell, PairPlan, PlacedCell, Plan, Strategy
from pixlm.rendering.strategies.upstream_bigrams import UpstreamBigrams

STRATEGIES = ("continuous", "words", "mono", "bigrams", "grapheme-bigrams", "adaptive")
COMPATS = (None, "pixel", "pixel-m4", "pixelgpt")

#: Which strategies upstream has.
_COMPATS_OF = {"continuous": ("pixel", "pixel-m4"), "bigrams": ("pixel-m4",)}
_CUTTERS: dict[str, type[Cutter]] = {
    "words": Words,
    "mono": Mono,
    "bigrams": Bigrams,
    "grapheme-bigrams": GraphemeBigrams,
    "adaptive": Adaptive,
}

__all__ = ["COMPATS", "STRATEGIES", "Cell", "PairPlan", "PlacedCell", "Plan", "Strategy", "make_strategy"]


def make_strategy(name: str, compat: str | None) -> Strategy:
    """The strategy of a name; a UsageError for names that are unknown."""
    if name not in STRATEGIES:
        raise UsageError(f"strategy is {name!r}, but it must be one of {', '.join(STRATEGIES)}")
    if compat not in COMPATS:
        raise UsageError(f"compat is {compat!r}, but it must be None, 'pixel', 'pixel-m4' or 'pixelgpt'")
    if compat is not None and compat not in _COMPATS_OF.get(name, ()):
        raise UsageError(f"compat is {compat!r}, but that renderer has no strategy {name!r}; use compat=None")
    if name == "continuous":
        return Continuous(compat)
    return UpstreamBigrams() if compat else Cells(_CUTTERS[name]())
