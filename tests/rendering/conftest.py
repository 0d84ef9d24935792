"""Fonts and renderers for the rendering tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixlm import TextRenderer

FONTS = Path(__file__).resolve().parent.parent / "golden" / "fonts"
FALLBACKS = [
    FONTS / name
    for name in (
        "NotoSansHebrew-Regular.ttf",
        "NotoNaskhArabic-Regular.ttf",
        "NotoSansDevanagari-Regular.ttf",
        "NotoColorEmoji-subset.ttf",
    )
]


@pytest.fixture(scope="session")
def fonts() -> Path:
    return FONTS


@pytest.fixture
def renderer() -> TextRenderer:
    """Corrected mode, several scripts, 64 patches."""
    return TextRenderer(FONTS / "NotoSans-Regular.ttf", fallback_fonts=FALLBACKS, max_seq_length=64)


@pytest.fixture
def make(fonts):
    """A renderer with Noto Sans and the keywords given."""

    def make(**arguments) -> TextRenderer:
        return TextRenderer(fonts / "NotoSans-Regular.ttf", **{"fallback_fonts": FALLBACKS, **arguments})

    return make
