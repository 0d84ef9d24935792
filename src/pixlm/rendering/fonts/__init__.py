"""The fonts that ship with pixlm. This module is the only place that knows their file names."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def default_font() -> Path:
    """The font of a renderer that was given none: many scripts, one set of line metrics."""
    return _FOLDER / "PixlmSans-Regular.ttf"


def default_fallbacks() -> tuple[Path, ...]:
    """What the default font falls back to, best first: Han, kana and Hangul."""
    return (_FOLDER / "PixlmSansCJK-Regular.otf",)
