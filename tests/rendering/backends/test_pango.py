"""The pango backend and, through it, the harfbuzz backend against the PangoCairo of this machine."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pixlm import TextRenderer
from pixlm.errors import UsageError
from pixlm.rendering.strategies import STRATEGIES

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden" / "rendering"

_spec = importlib.util.spec_from_file_location("check_rendering_golden", ROOT / "scripts" / "check_rendering_golden.py")
check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check)

ITEMS = [
    item
    for item in json.loads((GOLDEN / "index.json").read_text(encoding="utf-8"))["items"]
    if item["backend"] in check.COMPAT
]


@pytest.fixture
def pango(fonts):
    """Makes renderers with the backend pango; skips where it is not installed."""
    try:
        TextRenderer(fonts / "NotoSans-Regular.ttf", backend="pango")
    except UsageError as error:
        pytest.skip(str(error))

    def make(font="NotoSans-Regular.ttf", **arguments) -> TextRenderer:
        return TextRenderer(fonts / font, backend="pango", **{"max_seq_length": 40, **arguments})

    return make


@pytest.mark.parametrize("item", ITEMS, ids=[f"{item['backend']}-{item['name']}" for item in ITEMS])
def test_recorded_case(item, fonts, pango):
    result = check.compare(item, GOLDEN, fonts, backend="pango")
    assert False not in result.values(), f"differs: {[key for key, value in result.items() if value is False]}"


@pytest.mark.parametrize("rgb", [False, True])
def test_equals_harfbuzz_with_the_default_fonts(pango, rgb):
    for text in (
        "Hello, AV To fi ffi",
        "日本 abc",
        "\u0645\u0631\u062d\u0628\u0627 hello",
        "हिन्दी \U000f0000 x",
        "a\tb",
        "",
    ):
        pictures = [
            TextRenderer(backend=backend, rgb=rgb, missing_glyph="box", max_seq_length=40, compat="pixel").render(text)
            for backend in ("pango", "harfbuzz")
        ]
        assert np.array_equal(pictures[0].pixel_values, pictures[1].pixel_values), text
        assert pictures[0].missing == pictures[1].missing


TEXTS = (
    "Hello, AV To fi ffi",
    "日本 abc",
    "\u0645\u0631\u062d\u0628\u0627 hello \u05e9\u05dc",
    "क्षत्रिय x",
    "สวัสดีครับ",
    "",
)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_equals_harfbuzz(pango, fonts, strategy):
    arguments = {"strategy": strategy, "missing_glyph": "box", "max_seq_length": 40}
    theirs, ours = (TextRenderer(backend=backend, **arguments) for backend in ("pango", "harfbuzz"))
    for text in TEXTS:
        want, got = (one.render(text, return_offset_mapping=True) for one in (theirs, ours))
        assert np.array_equal(want.pixel_values, got.pixel_values), text
        assert want.offset_mapping == got.offset_mapping


@pytest.mark.parametrize("alignment", ["start", "justify"])
def test_pages_equal_those_of_harfbuzz(pango, alignment):
    for text in TEXTS:
        want, got = (
            TextRenderer(backend=backend).render_page((text + " ") * 6, size=(160, 140), alignment=alignment)
            for backend in ("pango", "harfbuzz")
        )
        assert np.array_equal(want.pixel_values, got.pixel_values), text
        assert (want.lines, want.words) == (got.lines, got.words)


def test_a_second_font_in_one_process_is_used(pango):
    names = ("NotoSans-Regular.ttf", "NotoSansHebrew-Regular.ttf", "NotoSans-Regular.ttf")
    sans, hebrew, again = (pango(name, missing_glyph="box").render("\u05e9\u05dc a") for name in names)
    assert (sans.missing, hebrew.missing) == ("\u05e9\u05dc", "a")
    assert (sans.pixel_values != hebrew.pixel_values).any()
    assert (sans.pixel_values == again.pixel_values).all()


def test_what_is_missing_is_said(fonts, monkeypatch):
    monkeypatch.setitem(sys.modules, "gi", None)
    with pytest.raises(UsageError, match=r'pip install "pixlm\[pango\]".*libpango') as caught:
        TextRenderer(fonts / "NotoSans-Regular.ttf", backend="pango")
    assert "\n" not in str(caught.value)
