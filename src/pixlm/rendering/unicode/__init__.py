"""Unicode algorithms: bidi levels (UAX #9), script runs (UAX #24), emoji runs (UTS #51), graphemes (UAX #29)."""

from pixlm.rendering.unicode.bidi import embedding_levels, visual_order
from pixlm.rendering.unicode.emoji import emoji_runs
from pixlm.rendering.unicode.graphemes import grapheme_clusters
from pixlm.rendering.unicode.properties import (
    UNICODE_VERSION,
    asks_for_no_font,
    general_category,
    is_default_ignorable,
    script,
)
from pixlm.rendering.unicode.scripts import script_runs

__all__ = [
    "UNICODE_VERSION",
    "asks_for_no_font",
    "embedding_levels",
    "emoji_runs",
    "general_category",
    "grapheme_clusters",
    "is_default_ignorable",
    "script",
    "script_runs",
    "visual_order",
]
