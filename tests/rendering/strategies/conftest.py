"""Every strategy, with fonts of several scripts."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pixlm import TextRenderer

FONTS = Path(__file__).resolve().parents[2] / "golden" / "fonts"
FALLBACKS = (
    "NotoSansHebrew-Regular.ttf",
    "NotoNaskhArabic-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansCJKsc-subset.otf",
    "NotoColorEmoji-subset.ttf",
)


@cache
def _renderer(strategy: str, compat: str | None, rgb: bool) -> TextRenderer:
    return TextRenderer(
        FONTS / "NotoSans-Regular.ttf",
        fallback_fonts=[FONTS / name for name in FALLBACKS],
        strategy=strategy,
        compat=compat,
        rgb=rgb,
        missing_glyph="box",
    )


@pytest.fixture(scope="session")
def get():
    """A renderer of a strategy; the same one each time, so that its caches grow."""

    def get(strategy: str, compat: str | None = None, *, patches: int = 64, rgb: bool = False) -> TextRenderer:
        renderer = _renderer(strategy, compat, rgb)
        renderer.max_seq_length = patches
        return renderer

    return get
