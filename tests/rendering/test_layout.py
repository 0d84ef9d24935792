"""Parts of the layout that the recorded cases do not reach."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import uharfbuzz as hb

from pixlm import TextRenderer
from pixlm.rendering.autohint import without_harfbuzz
from pixlm.rendering.font import Font
from pixlm.rendering.itemize import FontSet, itemize
from pixlm.rendering.resampling import scale_down

SIZE = 13653


@pytest.fixture
def font_set(fonts):
    return FontSet([Font(fonts / f"NotoSans{name}-Regular.ttf", SIZE) for name in ("", "Devanagari")])


def _items(text: str, fonts: FontSet) -> list[tuple[str, int]]:
    items = itemize(text, np.zeros(len(text), np.uint8), fonts)
    return [(text[item.start : item.end], fonts.fonts.index(item.font)) for item in items]


def test_spaces_go_to_the_better_placed_font(font_set):
    assert _items("अ 1", font_set) == [("अ", 1), (" 1", 0)]
    assert _items("1 अ", font_set) == [("1 ", 0), ("अ", 1)]
    assert _items("  ", font_set) == [("  ", 0)]
    assert _items("अ\u200dब", font_set) == [("अ\u200dब", 1)]


def test_long_items_are_cut(font_set):
    items = _items("a" * 20_000, font_set)
    assert "".join(text for text, _ in items) == "a" * 20_000
    assert max(len(text) for text, _ in items) <= 8192


def test_the_end_of_the_last_word_has_a_margin(make):
    renderer = make()
    for count in range(1, 20):
        word = "i" * count
        assert renderer.render([word]).num_text_patches == -(-(2 + renderer.text_width(word) + 2) // 16)


@pytest.mark.parametrize("name", ["NotoSansKhmer-Regular.ttf", "NotoSans-Regular.ttf"])
def test_what_freetype_sees_has_no_layout(fonts, name):
    data = (fonts / name).read_bytes()
    original = hb.Font(hb.Face(hb.Blob(data)))
    copy = without_harfbuzz(data, 0, original.get_nominal_glyph)
    (count,) = struct.unpack_from(">H", copy, 4)
    tags = [copy[12 + 16 * index : 16 + 16 * index] for index in range(count)]
    assert tags == sorted(tags)
    assert b"GPOS" not in tags
    font = hb.Font(hb.Face(hb.Blob(copy)))

    def shape(text: str) -> list[int]:
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        hb.shape(font, buffer)
        return [info.codepoint for info in buffer.glyph_infos]

    if "Khmer" not in name:
        assert shape("ffi") == [font.get_nominal_glyph(ord(char)) for char in "ffi"]
    else:
        space = font.get_nominal_glyph(0x20)
        assert set(shape("\u1780\u17d2\u1780")) == {space}  # a cluster is not measured
        assert shape("\u1780") == [font.get_nominal_glyph(0x1780)]  # a letter is


def test_scaling_keeps_flat_colour_and_origin():
    pixels = np.zeros((80, 80, 4), np.uint8)
    pixels[...] = (200, 100, 50, 255)
    left, top, alpha, colour = scale_down(pixels, -8, 64, 1 / 8)
    assert (left, top) == (-1, 8)
    assert alpha.shape == (10, 10)
    assert (alpha[1:-1, 1:-1] == 255).all()
    assert (colour[1:-1, 1:-1] == (200, 100, 50)).all()


def test_latin_after_han_is_raised(make, fonts):
    """Pango 1.50.12 on Noto Sans and Noto Sans CJK SC at 13.333 px: the Latin run is 1131/1024 px higher."""
    renderer = make(fallback_fonts=[fonts / "NotoSansCJKsc-subset.otf"], compat="pixel")
    han_first = renderer._backend.layout("日本 abc")
    assert [run.rise for run in han_first.runs] == [0, 1131]
    assert (han_first.width, han_first.height, han_first.ascent) == (50, 21, 16491)
    assert [run.rise for run in renderer._backend.layout("abc 日本").runs] == [0, 0]


def test_the_missing_one_of_a_merged_cluster_is_named():
    """After Arabic, HarfBuzz makes one cluster of a thumb, which the font has, and a skin tone, which it lacks."""
    rendered = TextRenderer(missing_glyph="box").render("\u0645\u0631 \U0001f44d\U0001f3fd end")
    assert rendered.missing == "\U0001f3fd"


def test_negative_advances_are_turned_around_before_they_are_rounded():
    """Pango 1.50.12: a Cham vowel sign on a dotted circle, advance -2662/1024, is 2362/1024 px right of its place."""
    (run,) = TextRenderer()._backend.layout("\uaa29\uaa0f").runs
    assert run.advances[:2] == [8, 3]
    assert run.x[1] == 8 * 1024 + 2362
