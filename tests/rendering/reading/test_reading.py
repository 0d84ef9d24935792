"""Reading back: texts of many scripts come back from their pixels; what is ambiguous is said to be so."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pixlm import TextRenderer
from pixlm.errors import UsageError

UDHR = Path(__file__).parents[2] / "data/udhr/udhr.tsv"


@cache
def sample(language: str) -> str:
    rows = dict(line.split("\t") for line in UDHR.read_text(encoding="utf-8").splitlines())
    return " ".join(rows[language].split())[:400].rsplit(" ", 1)[0]


@cache
def default(strategy: str) -> TextRenderer:
    return TextRenderer(strategy=strategy, max_seq_length=2048)


def share(text: str, read: str) -> float:
    matcher = difflib.SequenceMatcher(None, text, read, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(text)


@pytest.mark.parametrize(
    ("language", "scripts"),
    [
        ("eng", ["Latn"]),
        ("ukr", ["Cyrl", "Latn"]),
        ("ell_monotonic", ["Grek", "Latn"]),
        ("hin", ["Deva"]),
        ("tha", ["Thai"]),
        ("heb", ["Hebr"]),
        ("arb", ["Arab"]),
    ],
)
def test_bigrams_are_read_without_a_corpus(language, scripts):
    text = sample(language)
    one = default("bigrams").render(text, padding=False)
    read = default("bigrams").read(one, scripts=scripts)
    assert share(text, read.text) >= 0.99, read.text
    assert read.confidence > 0.9


@pytest.mark.parametrize("strategy", ["grapheme-bigrams", "mono", "words", "adaptive"])
@pytest.mark.parametrize("language", ["eng", "rus"])
def test_other_strategies_are_read_with_a_corpus(strategy, language):
    text = sample(language)
    read = default(strategy).read(default(strategy).render(text, padding=False), candidates=text)
    assert share(text, read.text) >= 0.99, read.text


@pytest.mark.parametrize("language", ["hin", "arb", "heb"])
def test_words_of_a_corpus_are_read_exactly(language):
    text = sample(language)
    read = default("words").read(default("words").render(text, padding=False), candidates=text)
    assert read.text == text


def test_words_that_the_corpus_lacks_are_read_letter_by_letter():
    text = "unheard of zebras quickly jumped"
    read = default("words").read(default("words").render(text, padding=False), candidates="jumped over the lazy dog")
    assert read.text == text


@pytest.mark.slow
def test_scripts_are_found_out():
    renderer = default("bigrams")
    for text in ("Hello, world! Привет, мир", "汉字 and 混合", "नमस्ते दुनिया"):
        assert renderer.read(renderer.render(text)).text == text


def test_mixed_directions_come_back_in_logical_order():
    renderer = default("bigrams")
    for text in ("שלום (עולם) 123 abc, ok", "see שלום עולם here"):
        one = renderer.render(text, padding=False)
        assert renderer.read(one, scripts=["Hebr", "Latn"]).text == text


def test_pixel_m4_mirrors_whole_lines():
    renderer = TextRenderer(strategy="bigrams", compat="pixel-m4", rgb=True, max_seq_length=64)
    for text in ("שלום עולם 15", "plain text"):
        one = renderer.render(text)
        assert renderer.read(one, scripts=["Hebr", "Latn"]).text == text


def test_every_form_of_input():
    renderer = default("bigrams")
    one = renderer.render("forms of input", padding=False)
    grey = one.pixel_values
    colour = np.repeat(grey[:, :, None], 3, axis=2)
    for pixels in (grey, grey / 255, grey[None], colour, colour.transpose(2, 0, 1), grey.astype(np.float16) / 255):
        read = renderer.read(pixels, scripts=["Latn"], word_starts=one.word_starts)
        assert read.text == "forms of input"
    several = renderer.read(np.stack([grey[None], grey[None]]), scripts=["Latn"], word_starts=[one.word_starts] * 2)
    assert [read.text for read in several] == ["forms of input"] * 2
    batch = renderer(["one", "two three"])
    assert [read.text for read in renderer.read(batch, scripts=["Latn"])] == ["one", "two three"]
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(grey / 255).to(torch.bfloat16)
    assert renderer.read(tensor, scripts=["Latn"], word_starts=one.word_starts).text == "forms of input"


def test_separators_end_texts():
    renderer = default("bigrams")
    read = renderer.read(renderer.render(("first one", "second"), padding="max_length"), scripts=["Latn"])
    assert read.texts[0].replace(" ", "") == "firstone"
    assert read.texts[1] == "second"
    assert read.text.count("\n") == 1
    assert renderer.read(renderer.render(""), scripts=["Latn"]).text == ""
    assert renderer.read(np.full((16, 64), 255, np.uint8), scripts=["Latn"]).cells == ()


def test_spans_are_those_of_the_patches():
    renderer = default("bigrams")
    one = renderer.render("wwww il", padding=False, return_offset_mapping=True)
    read = renderer.read(one, scripts=["Latn"])
    assert [cell.text for cell in read.cells] == ["ww", "ww", "il"]
    for cell in read.cells:
        assert {one.offset_mapping[patch] for patch in range(*cell.span)} == {one.offset_mapping[cell.span[0]]}, cell
    assert read.cells[-1].span[1] == one.num_text_patches


def test_words_of_a_list_keep_their_order():
    words = ["list", "of", "שלום", "words"]
    for strategy in ("bigrams", "mono"):
        one = default(strategy).render(words, padding=False)
        read = default(strategy).read(one, scripts=["Latn", "Hebr"], is_split_into_words=True)
        assert read.text.split() == words


def test_characters_that_look_alike_are_alternatives():
    """Latin A, Cyrillic А and Greek Α have the same pixels: the neighbours decide, and the others are named."""
    renderer = default("bigrams")
    for text, other in (("AQ", "АQ"), ("АЖ", "AЖ"), ("ΑΩ", "AΩ")):
        one, same = (renderer.render(each, padding=False).pixel_values for each in (text, other))
        assert (one == same).all(), "they do look alike"
        read = renderer.read(one, scripts=["Latn", "Cyrl", "Grek"])
        assert read.text == text
        assert other in [name for name, _ in read.cells[0].alternatives]
        assert read.cells[0].confidence < 1


def test_noise_and_blur():
    renderer = default("bigrams")
    text = sample("eng")[:120]
    one = renderer.render(text, padding=False)
    random = np.random.default_rng(0)
    noisy = one.pixel_values / 255 + random.normal(0, 0.15, one.pixel_values.shape)
    clean = renderer.read(one, candidates=text)
    read = renderer.read(noisy, candidates=text, word_starts=one.word_starts)
    assert share(text, read.text) >= 0.97
    worse = one.pixel_values / 255 + random.normal(0, 0.6, one.pixel_values.shape)
    assert renderer.read(worse, candidates=text).confidence < clean.confidence
    image = np.pad(one.pixel_values / 255, 1, mode="edge")
    blurred = np.lib.stride_tricks.sliding_window_view(image, (3, 3)).mean(axis=(2, 3))
    for blur in (0.75, None):
        read = renderer.read(blurred, candidates=text, word_starts=one.word_starts, blur=blur)
        assert share(text, read.text) >= 0.97, read.text


def test_what_no_candidate_fits_is_not_trusted():
    renderer = default("bigrams")
    one = renderer.render("漢字混合", padding=False)
    read = renderer.read(one, scripts=["Latn"])
    assert max(cell.confidence for cell in read.cells) < 0.7


def test_a_range_of_code_points():
    renderer = default("bigrams")
    one = renderer.render("2024-11", padding=False)
    assert renderer.read(one, candidates=range(0x20, 0x40)).text == "2024-11"


def test_colour_pictures():
    renderer = TextRenderer(strategy="bigrams", rgb=True, max_seq_length=64)
    assert renderer.read(renderer.render("colour"), scripts="Latn").text == "colour"


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda r: r.read(np.zeros((8, 64), np.uint8)), "patches of 16"),
        (lambda r: r.read(np.zeros((16, 60), np.uint8)), "patches of 16"),
        (lambda r: r.read(np.zeros((16, 64), np.int64)), "int64"),
        (lambda r: r.read(np.zeros((16, 64), np.uint8), scripts=["Klingon"]), "Klingon"),
        (lambda r: r.read(np.zeros((16, 64), np.uint8), scripts=["Latn"], candidates="a"), "not both"),
        (lambda r: r.read(np.zeros((16, 64), np.uint8), candidates=""), "no characters"),
        (lambda r: r.read(np.zeros((16, 64), np.uint8), candidates="a", blur=9), "blur"),
        (lambda r: r.read(np.zeros((16, 64), np.uint8), candidates="a", is_split_into_words=True), "word_starts"),
    ],
)
def test_bad_input(call, word):
    with pytest.raises(UsageError, match=word):
        call(default("bigrams"))


def test_continuous_text_and_words_without_candidates():
    pixels = np.full((16, 64), 255, np.uint8)
    with pytest.raises(UsageError, match="continuous"):
        default("continuous").read(pixels)
    with pytest.raises(UsageError, match="candidates="):
        default("words").read(pixels)
