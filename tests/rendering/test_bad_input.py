"""Wrong and hostile input: one clear error, or a defined picture."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from pixlm import TextRenderer
from pixlm.errors import UsageError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["TextRenderer", "None", "tuple of two str"]),
        (7, ["int"]),
        (b"bytes", ["bytes"]),
        ({"a"}, ["set"]),
        (["a", None], ["word 1", "None"]),
        (["a", 3], ["word 1", "int"]),
        (("a", 3), ["entry 1", "int"]),
    ],
)
def test_wrong_types(renderer, text, words):
    with pytest.raises(TypeError) as caught:
        renderer.render(text)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


@pytest.mark.parametrize("text", [("a",), ("a", "b", "c"), ()])
def test_tuples_that_are_no_pair(renderer, text):
    with pytest.raises(UsageError, match="pair"):
        renderer.render(text)


def test_wrong_batches(renderer):
    with pytest.raises(TypeError, match="is_split_into_words"):
        renderer([["a"]])
    with pytest.raises(TypeError, match="None"):
        renderer(None)
    with pytest.raises(TypeError, match="list of words"):
        renderer("a", is_split_into_words=True)
    with pytest.raises(UsageError, match="padding"):
        renderer(["a"], padding=True)
    with pytest.raises(UsageError, match="padding"):
        renderer.render("a", padding="square")


def test_empty_input(renderer):
    text = renderer.render("")
    assert (text.num_text_patches, text.sep_patches) == (1, [1])
    words = renderer.render([])
    assert (words.num_text_patches, words.sep_patches, words.word_starts) == (0, [0], [0])
    assert (words.pixel_values[:, :16] == 0).all()
    assert renderer.render(("", "")).sep_patches == [1, 3]
    assert renderer.render([""]).word_starts == [0, 1]
    assert renderer.render(["a", "", "b"]).word_starts == [0, 1, 2, 3]
    assert renderer.render("   ").num_text_patches == 1


@pytest.mark.parametrize("char", list("\n\r\t\v\f\x00\x1b\x7f\x85\u2028\u2029"))
def test_controls_are_spaces(renderer, char):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (renderer.render(f"a{char}b").pixel_values == renderer.render("a b").pixel_values).all()
        assert (renderer.render([f"a{char}b"]).pixel_values == renderer.render(["a b"]).pixel_values).all()
        assert (renderer.render((f"a{char}b", "c")).pixel_values == renderer.render(("a b", "c")).pixel_values).all()


def test_nothing_is_cut_at_a_nul(make):
    for compat in (None, "pixel"):
        renderer = make(compat=compat)
        assert (renderer.render("a\0b").pixel_values == renderer.render("a b").pixel_values).all()


def test_lone_surrogates(renderer):
    with pytest.warns(UserWarning, match=r"U\+FFFD"):
        rendered = renderer.render("a\ud800b")
    assert rendered.missing == "\ufffd"
    assert (rendered.pixel_values == renderer.render("a\ufffdb").pixel_values).all()
    with pytest.raises(UsageError, match="FFFD"):
        TextRenderer(renderer.font_file, missing_glyph="error").render("\udfff")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"strategy": "continous"}, ["continous", "continuous"]),
        ({"strategy": "mono", "compat": "pixel-m4"}, ["mono", "pixel-m4"]),
        ({"strategy": "bigrams", "compat": "pixel"}, ["bigrams", "pixel"]),
        ({"backend": "cairo"}, ["cairo", "harfbuzz"]),
        ({"compat": "pixle"}, ["pixle", "pixel-m4"]),
        ({"compat": "pixelgpt"}, ["pygame"]),
        ({"compat": "pixel-m4", "backend": "pygame"}, ["PangoCairo"]),
        ({"font_size": 0}, ["font_size"]),
        ({"font_size": "8"}, ["font_size"]),
        ({"dpi": -1}, ["dpi"]),
        ({"font_size": 0.1}, ["font_size", "pixels"]),
        ({"pixels_per_patch": 0}, ["pixels_per_patch"]),
        ({"pixels_per_patch": 16.5}, ["pixels_per_patch"]),
        ({"max_seq_length": 0}, ["max_seq_length"]),
        ({"fallback_fonts": "font.ttf"}, ["fallback_fonts", "list"]),
        ({"fallback_fonts": ["nowhere.ttf"]}, ["nowhere.ttf"]),
        ({"fallback_fonts_dir": "nowhere"}, ["nowhere"]),
    ],
)
def test_wrong_arguments(make, arguments, words):
    with pytest.raises(UsageError) as caught:
        make(**arguments)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


@pytest.mark.parametrize(
    "arguments",
    [{"stride": -1}, {"stride": 1.5}, {"text_a_max_length": 0}, {"text_a_max_length": "4"}],
)
def test_wrong_keywords(renderer, arguments):
    with pytest.raises(UsageError, match=next(iter(arguments))):
        renderer.render(("a", "b"), **arguments)


@pytest.mark.parametrize("source", ["a", ["a"], ("a", "b")])
def test_a_stride_as_long_as_a_window(renderer, source):
    with pytest.raises(UsageError, match=r"stride is 64, but a window of 64 patches has 6[12]|has 63"):
        renderer.render(source, return_overflowing_patches=True, stride=64)
    renderer.max_seq_length = 1
    with pytest.raises(UsageError, match="window of 1 patches has 0"):
        renderer.render(source, return_overflowing_patches=True)


@pytest.mark.parametrize("limit", [64, 65, 10_000])
def test_a_first_text_may_be_given_more_than_the_canvas(make, limit):
    for compat in (None, "pixel"):
        renderer = make(compat=compat, max_seq_length=64)
        rendered = renderer.render(("i" * 5000, "b"), text_a_max_length=limit)
        assert rendered.pixel_values.shape == (16, 16 * 64)
        assert rendered.lost > 0


@pytest.mark.parametrize("code", [0x378, 0x10FFFF, 0xFDD0, 0xE000, 0x3FFFE])
def test_unassigned_and_private_characters(renderer, code):
    """A box and a warning that names them; a noncharacter is no exception."""
    with pytest.warns(UserWarning, match=f"U\\+{code:04X}"):
        rendered = renderer.render(f"a{chr(code)}b")
    assert rendered.missing == chr(code)
    assert rendered.lost == 0


def test_many_marks_on_one_letter_and_nested_controls(renderer):
    for text in ("a" + "\u0301" * 10_000 + "b", "\u202b" * 5000 + "ab" + "\u202c" * 5000, "\u2067" * 5000 + "ab"):
        for given in (text, [text], (text, text)):
            rendered = renderer.render(given, return_offset_mapping=True)
            assert rendered.lost == 0
            assert rendered.num_text_patches <= 8


@pytest.mark.parametrize("compat", [None, "pixel"])
def test_a_word_longer_than_the_canvas(make, compat):
    rendered = make(compat=compat, max_seq_length=8).render(["a", "i" * 5000, "b"])
    assert (rendered.lost, rendered.word_starts, rendered.sep_patches) == (2, [0, 1, 7], [7])


def _truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _inside_directory(data: bytes) -> bytes:
    return data[:40]


def _without_cmap(data: bytes) -> bytes:
    return data.replace(b"cmap", b"cmaq", 1)


def _no_tables(data: bytes) -> bytes:
    return data[:4] + bytes(8)


def _noise(data: bytes) -> bytes:
    """Every table but the directory overwritten."""
    return data[:400] + bytes((i * 37) % 251 for i in range(len(data) - 400))


@pytest.mark.parametrize("breaking", [_truncated, _inside_directory, _without_cmap, _no_tables, _noise])
def test_broken_fonts(fonts, tmp_path, breaking):
    path = tmp_path / "broken.ttf"
    path.write_bytes(breaking((fonts / "NotoSansHebrew-Regular.ttf").read_bytes()))
    with pytest.raises(UsageError, match=r"broken\.ttf"):
        TextRenderer(path)


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"This is a text file, not a font.", b"ttcf" + bytes(20), b"OTTO\xff\xff"]
)
def test_files_that_are_no_fonts(tmp_path, content):
    path = tmp_path / "no font.ttf"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"no font\.ttf"):
        TextRenderer(path)


def test_fonts_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"missing\.ttf.*No such file"):
        TextRenderer(tmp_path / "missing.ttf")
    with pytest.raises(UsageError, match="directory"):
        TextRenderer(tmp_path)
    with pytest.raises(TypeError, match="font_file"):
        TextRenderer(3)


def test_a_font_with_broken_outlines_draws_something(fonts, tmp_path):
    data = bytearray((fonts / "NotoSansHebrew-Regular.ttf").read_bytes())
    count = int.from_bytes(data[4:6], "big")
    for record in range(12, 12 + 16 * count, 16):
        if data[record : record + 4] == b"glyf":
            start, length = (int.from_bytes(data[record + at : record + at + 4], "big") for at in (8, 12))
            data[start : start + length] = bytes((i * 89 + 7) % 256 for i in range(length))
    path = tmp_path / "broken.ttf"
    path.write_bytes(data)
    renderer = TextRenderer(path, missing_glyph="box")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert renderer.render("\u05e9\u05dc\u05d5\u05dd").num_text_patches >= 1


def test_damaged_colour_glyphs_are_blank(fonts, tmp_path):
    path = tmp_path / "damaged.ttf"
    path.write_bytes((fonts / "NotoColorEmoji-subset.ttf").read_bytes().replace(b"\x89PNG", b"\x88PNG"))
    with pytest.warns(UserWarning, match=r"damaged\.ttf is damaged") as caught:
        rendered = TextRenderer(path, rgb=True).render("😀🎉")
    assert len(caught) == 1
    assert (rendered.pixel_values[:, : 16 * rendered.num_text_patches] == 255).all()


def test_random_damage_raises_usage_errors_or_draws(fonts, tmp_path):
    random = np.random.default_rng(3)
    path = tmp_path / "damaged.ttf"
    outcomes = set()
    for name, text in (
        ("NotoSansHebrew-Regular.ttf", "\u05e9\u05dc\u05d5\u05dd"),
        ("NotoColorEmoji-subset.ttf", "😀🎉"),
    ):
        data = np.frombuffer((fonts / name).read_bytes(), np.uint8)
        for count in (1, 10, 100) * 8:
            damaged = data.copy()
            damaged[random.integers(12, len(data), count)] = random.integers(0, 256, count)
            path.write_bytes(damaged.tobytes())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    TextRenderer(path, max_seq_length=20).render(text + " abc")
                    outcomes.add("drawn")
                except UsageError:
                    outcomes.add("refused")
    assert outcomes == {"drawn", "refused"}
