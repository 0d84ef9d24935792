"""Every strategy, with fonts of several scripts."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from pixlm import TextRenderer

#: How many examples each property is tried with; test_long.py asks for "more", a person now and then for "long".
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
settings.register_profile("bounded", max_examples=60, **_COMMON)
settings.register_profile("more", max_examples=200, **_COMMON)
settings.register_profile("long", max_examples=1000, **_COMMON)
settings.load_profile(os.environ.get("PIXLM_HYPOTHESIS", "bounded"))

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
