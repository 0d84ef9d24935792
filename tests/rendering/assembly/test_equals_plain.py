"""What is put together from words equals, byte for byte, what is drawn the plain way."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.ttLib import TTFont

from pixlm import TextRenderer

UDHR = Path(__file__).parents[2] / "data" / "udhr" / "udhr.tsv"
NOTO = Path(__file__).parents[2] / "golden" / "fonts" / "NotoSans-Regular.ttf"
TEXTS = {row.split("\t")[0]: row.split("\t")[1] for row in UDHR.read_text(encoding="utf-8").splitlines()}

#: Words that hang on what stands beside them, or look as if they did.
ODD = [
    *("\u200b", "\u00ad", "\ufe0f", "\u2060", "\u200e", "\u061c", "\t", "a\tb", "\u2028", "\x00", "\ud800", "\u3000"),
    *("", "(", ")", "[2024]", "3-2", "50%", "12:30", "-7", "...", "«", "»", "“a", "b”", "’tis", "(a", "b)", "()", "é"),
    *("fi", "jj", "ff", "f", "j", "AV.", "T.", "e\u0301", "\u0301", "क्ष", "क्", "\u094d", "ू", "नि", "தொ", "ொ", "ᠮᠣ"),
    *("\u200d", "ب\u200d", "\u200cب", "لا", "(د-3)", "217", "١٢٣", "٣٫١٤", "قال:", "a\u0627b", "\u05d0b", "שלום,"),
    *(
        "漢字",
        "、",
        "第1条",
        "가",
        "👍",
        "👍🏽",
        "1\ufe0f\u20e3",
        "©",
        "™",
        "\u00a0",
        "x\u00a0y",
        "\u202eab\u202c",
        "ש1",
    ),
    *(
        "\U0001f1e9\U0001f1ea",
        "\ue000",
        "𝒳",
        "\ufeffword",
        "W" * 70,
        "ﷺ",
        "\u0600",
        "ไทย",
        "ำ",
        "ம்",
        "ß",
        "Ǆ",
        "\u2067",
    ),
]
SETTINGS = [
    {},
    {"compat": "pixel"},
    {"compat": "pixel-m4", "rgb": True},
    {"strategy": "bigrams"},
    {"strategy": "bigrams", "compat": "pixel-m4"},
    {"strategy": "grapheme-bigrams", "rgb": True},
    {"strategy": "adaptive"},
]


def lines(count: int, seed: int) -> list[str]:
    """Stretches of real texts, some with words of other languages or odd ones among them."""
    draw = random.Random(seed)
    words = {code: text.split() for code, text in TEXTS.items()}
    made = []
    for number in range(count):
        own = draw.choice(list(words.values()))
        start = draw.randrange(len(own))
        line = own[start : start + draw.randint(1, 8)]
        if number % 3:
            foreign = draw.choice(list(words.values())) if number % 2 else ODD
            for _ in range(draw.randint(1, 3)):
                line.insert(draw.randint(0, len(line)), draw.choice(foreign))
        made.append((" " * (1 + (number % 11 == 0))).join(line))
    return made


def plainly(renderer: TextRenderer, function, *arguments, **keywords):
    assembler, renderer._assembler = renderer._assembler, None
    try:
        return function(*arguments, **keywords)
    finally:
        renderer._assembler = assembler


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_every_image_is_the_same(setting):
    renderer = TextRenderer(missing_glyph="box", max_seq_length=80, **setting)
    texts = lines(150, seed=len(str(setting)))
    assembled = 0
    for number, text in enumerate(texts):
        inputs = [text, text.split(" "), (text, texts[number - 1])]
        for one in inputs:
            options = {"padding": False, "rtl": (None, None, True, False)[number % 4]}
            if number % 5 == 0:
                options["text_a_max_length"] = 20
            ours = renderer.render(one, **options)
            plain = plainly(renderer, renderer.render, one, **options)
            assert np.array_equal(ours.pixel_values, plain.pixel_values), (one, options)
            assert {**vars(ours), "pixel_values": 0} == {**vars(plain), "pixel_values": 0}, (one, options)
            assembled += renderer._assemble(one, options["rtl"], options.get("text_a_max_length")) is not None
    assert assembled > len(texts)  # of three times as many


@pytest.mark.parametrize("setting", [{}, {"strategy": "bigrams", "rgb": True}], ids=str)
@pytest.mark.parametrize("padding", ["longest", "max_length", "multiple_of_64", False])
def test_every_batch_is_the_same(setting, padding):
    renderer = TextRenderer(missing_glyph="box", max_seq_length=100, **setting)
    texts = lines(30, seed=3)
    ours = renderer(texts, padding=padding)
    plain = plainly(renderer, renderer, texts, padding=padding)
    assert list(ours) == list(plain)
    for key in ours:
        for one, other in zip(ours[key], plain[key], strict=True):
            assert np.array_equal(one, other), key
    if padding:
        assert ours["pixel_values"].flags.c_contiguous
        assert ours["pixel_values"].dtype == plain["pixel_values"].dtype


def test_what_was_seen_before_does_not_matter():
    """Also not with caches so small that they are emptied all the time."""
    texts = lines(60, seed=5)
    for setting in ({}, {"strategy": "bigrams"}):
        fresh = TextRenderer(missing_glyph="box", max_seq_length=80, **setting)
        used = TextRenderer(missing_glyph="box", max_seq_length=80, **setting)
        for text in reversed(texts):
            used.render(text)
        for text in texts:
            assert np.array_equal(used.render(text).pixel_values, fresh.render(text).pixel_values), text


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_lists_with_empty_words_and_spaces(setting):
    renderer = TextRenderer(missing_glyph="box", max_seq_length=80, **setting)
    for words in (
        ["שלום", "a", ""],
        ["", "שלום"],
        ["a", " ", "ب", ""],
        ["ب", "", "a b", " c"],
        [""],
        ["שלום", "12", " "],
        ["\u0601ء", "", "کا", "", '"'],  # ink that reaches beyond the next word
    ):
        plain = plainly(renderer, renderer.render, words)
        ours = renderer.render(words)
        assert np.array_equal(ours.pixel_values, plain.pixel_values), words
        assert {**vars(ours), "pixel_values": 0} == {**vars(plain), "pixel_values": 0}, words


def test_ink_that_reaches_beyond_a_word_without_patches():
    renderer = TextRenderer(missing_glyph="box", max_seq_length=80, strategy="bigrams", compat="pixel-m4")
    for text in ("ਇਤਿਹਾਸਕ \u200e ਕਦਮ", "ਕਦਮ \u200e ਇਤਿਹਾਸਕ"):
        for rtl in (True, False):
            plain = plainly(renderer, renderer.render, text, rtl=rtl)
            assert np.array_equal(renderer.render(text, rtl=rtl).pixel_values, plain.pixel_values)


@pytest.mark.parametrize("setting", [{}, {"strategy": "bigrams"}], ids=str)
def test_threads_share_a_renderer(setting):
    texts = lines(80, seed=8)
    renderer = TextRenderer(missing_glyph="box", max_seq_length=80, **setting)
    expected = [TextRenderer(missing_glyph="box", max_seq_length=80, **setting).render(text) for text in texts[:5]]
    expected += [plainly(renderer, renderer.render, text) for text in texts[5:]]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(2):
            for ours, plain in zip(pool.map(renderer.render, texts), expected, strict=True):
                assert np.array_equal(ours.pixel_values, plain.pixel_values)


def test_caches_are_bounded(monkeypatch):
    from pixlm.rendering.assembly import inks, mixed, sprites, strips, vocabulary, words

    for module, name in (
        (vocabulary, "_MOST_PATCHES"), (vocabulary, "_MOST_WORDS"), (vocabulary, "_MOST_TILES"),
        (sprites, "_MOST_SPRITES"),
        (inks, "_CACHE_BYTES"), (strips, "_CACHE_BYTES"), (strips, "_MOST_PICTURES"), (mixed, "_MOST_WORDS"),
        (words, "_MOST_TRAITS"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, 3)
    for setting in ({}, {"strategy": "bigrams"}):
        renderer = TextRenderer(missing_glyph="box", max_seq_length=80, **setting)
        for text in lines(60, seed=6):
            for one in (text, (text, text[::-1])):
                plain = plainly(renderer, renderer.render, one)
                assert np.array_equal(renderer.render(one).pixel_values, plain.pixel_values), one
        assembler = renderer._assembler
        if setting:
            assert assembler._vocabulary.table.count < 200
        else:
            assert sum(map(len, assembler._strips._tables.values())) < 40


def test_marks_without_a_letter_depend_on_the_whole_line():
    """HarfBuzz leaves out every circle that is a multiple of 15 syllables after the one before."""
    renderer = TextRenderer(missing_glyph="box", max_seq_length=80)
    broken = "⏌\u09e3"
    for between in range(12, 19):
        for text in (f"আ্ৈ{'ক' * between} {broken}", f"{broken} {'ক ' * between}{broken} {broken}"):
            plain = plainly(renderer, renderer.render, text)
            assert np.array_equal(renderer.render(text).pixel_values, plain.pixel_values), text


RULES = {
    "lookahead": "feature calt { sub a' space b by e; } calt;",
    "two spaces away": "feature calt { sub a' space o space b by e; } calt;",
    "at the end": "feature calt { ignore sub a' space; sub a' by e; } calt;",
    "backtrack": "feature calt { sub a space b' by e; } calt;",
    "kerning with the space": "feature kern { pos a space -300; pos space b 200; } kern;",
    "ligature": "feature liga { sub a space b by e; } liga;",
}


@pytest.mark.parametrize("rule", RULES)
def test_fonts_whose_rules_reach_across_spaces(rule, tmp_path):
    font = TTFont(NOTO)
    del font["GSUB"], font["GPOS"]
    addOpenTypeFeaturesFromString(font, RULES[rule])
    font.save(tmp_path / "rule.ttf")
    renderer = TextRenderer(tmp_path / "rule.ttf", max_seq_length=40)
    for text in ("a b", "xa bx", "a c", "a", "b", "c a b a", "a o b", "a o c", "b a", "ab ba", "a  b", "xa oo"):
        for one in (text, text.split(), (text, text)):
            plain = plainly(renderer, renderer.render, one)
            assert np.array_equal(renderer.render(one).pixel_values, plain.pixel_values), one
    # Words without these letters are not concerned, unless the space itself looks at what follows it.
    assert (renderer._assemble("xx yy", None, None) is None) == (rule == "kerning with the space")
