"""The models that come with pixlm: a folder each, with weights, configuration, renderer and model card."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def shipped_models() -> dict[str, Path]:
    """Their folders by name."""
    found = sorted(path.parent for path in Path(__file__).parent.glob("*/config.json"))
    return {folder.name: folder for folder in found}
