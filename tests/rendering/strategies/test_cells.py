"""What each strategy draws: its cells, their order on the screen, what fits, what hostile text does."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pixlm.errors import UsageError
from pixlm.rendering.strategies.cells import Cells
from pixlm.rendering.strategies.cutters import side_by_side
from pixlm.rendering.unicode.graphemes import grapheme_clusters

ARABIC = "\u0627\u0634\u062a\u0631\u064a\u062a iPhone 15 \u0628\u0633\u0639\u0631"  # "I bought iPhone 15 at ..."
CELLS = ["words", "mono", "bigrams", "grapheme-bigrams", "adaptive"]
every_cell_strategy = pytest.mark.parametrize("strategy", CELLS)


def spans(rendered) -> list[tuple[int, int]]:
    return rendered.offset_mapping[: rendered.num_text_patches]


def render(renderer, text, **keywords):
    return renderer.render(text, return_offset_mapping=True, **keywords)


def columns(rendered, first: int, end: int) -> np.ndarray:
    return rendered.pixel_values[:, 16 * first : 16 * end]


# ---- definitions


def test_bigrams_are_two_code_points_drawn_alone(get):
    renderer = get("bigrams")
    rendered = render(renderer, "fi\u0301t it")
    assert spans(rendered) == [(0, 2), (2, 4), (5, 7)]
    # No ligature, no mark on its letter: a cell is its characters side by side.
    pair, first = render(renderer, "fi"), render(renderer, "f")
    assert (columns(pair, 0, 1)[:, :4] == columns(first, 0, 1)[:, :4]).all()
    assert rendered.word_starts == [0, 2, 3]


def test_grapheme_bigrams_are_two_clusters_shaped(get):
    rendered = render(get("grapheme-bigrams"), "e\u0301e\u0301x \u0915\u094d\u0937\u093f")
    assert spans(rendered) == [(0, 4), (4, 5), (6, 10)]
    bigrams = render(get("bigrams"), "\u0645\u0631")
    shaped = render(get("grapheme-bigrams"), "\u0645\u0631")
    assert (bigrams.pixel_values != shaped.pixel_values).any()  # Arabic letters join


def test_adaptive(get):
    renderer = get("adaptive")
    assert spans(render(renderer, "abc")) == [(0, 2), (2, 3)]
    assert spans(render(renderer, "\u65e5\u672c\u3002")) == [(0, 1), (1, 2), (2, 3)]
    assert spans(render(renderer, "\u65e5a")) == [(0, 1), (1, 2)]
    assert spans(render(renderer, "\ubaa8\ub4e0!")) == [(0, 1), (1, 2), (2, 3)]
    word = "\u0645\u0631\u062d\u0628\u0627"
    whole, alone = render(renderer, word), render(get("grapheme-bigrams"), word)
    assert whole.num_text_patches == 2 < alone.num_text_patches
    assert render(renderer, word + "\u060c").word_starts == [0, 2]  # its comma stays with it


def test_mono_is_a_grid_of_half_patches(get):
    renderer = get("mono")
    rendered = render(renderer, "il l")
    assert spans(rendered) == [(0, 2), (2, 4)]
    assert rendered.word_starts == [0, 1, 2]
    ink = np.flatnonzero((columns(rendered, 0, 2) < 255).any(axis=0))
    assert {int(column) // 8 for column in ink} == {0, 1, 3}  # the space is a character
    for cell in (0, 1, 3):  # each in the middle of its cell
        inside = ink[ink // 8 == cell] % 8
        assert 2 <= inside.mean() <= 5
    assert spans(render(renderer, "a\u65e5b")) == [(0, 1), (1, 2), (2, 3)]  # wide characters take a patch
    assert spans(render(renderer, "\U0001f600")) == [(0, 1)]
    left = render(renderer, "\u05d0\u05d1")
    assert spans(left) == [(0, 2)]
    first = render(renderer, "\u05d0")  # on the right, where reading begins
    assert (columns(left, 0, 1)[:, 8:] == columns(first, 0, 1)[:, 8:]).all()
    assert (columns(first, 0, 1)[:, :8] == 255).all()


def test_words_are_whole(get):
    rendered = render(get("words"), "office  a\tb")
    assert rendered.word_starts == [0, 3, 4, 5]
    assert rendered.offset_mapping[3:5] == [(8, 9), (10, 11)]


@every_cell_strategy
def test_offsets_of_lists_count_from_the_word(get, strategy):
    rendered = render(get(strategy), ["ab", "cd", "", "e"])
    first = [rendered.offset_mapping[start] for start in rendered.word_starts[:-1]]
    assert [start for start, _ in first] == [0, 0, 0, 0]
    assert first[2] == (0, 0)
    assert first[3] == (0, 1)


# ---- directions


@every_cell_strategy
def test_numbers_and_latin_are_not_reversed(get, strategy):
    rendered = render(get(strategy), ARABIC)
    order = [span for span in spans(rendered) if span[1]]
    begin = ARABIC.index("iPhone")
    latin = [start for start, end in order if begin <= start < begin + 6]
    assert latin == sorted(latin)  # from left to right
    number = [start for start, end in order if begin + 7 <= start < begin + 9]
    words = [
        min(order.index(span) for span in order if low <= span[0] < high)
        for low, high in ((0, 6), (begin, begin + 6), (begin + 7, begin + 9), (begin + 10, len(ARABIC)))
    ]
    assert number == sorted(number)
    assert words[3] < words[1] < words[2] < words[0]  # the sentence runs from right to left
    if strategy == "bigrams":
        latin_line = render(get(strategy), "iPhone")
        at = next(i for i, span in enumerate(rendered.offset_mapping) if span[0] == begin)
        assert (columns(rendered, at, at + 3) == columns(latin_line, 0, 3)).all()


def test_upstream_reverses_numbers_and_latin(get):
    order = [start for start, _ in spans(render(get("bigrams", "pixel-m4"), ARABIC))]
    assert order == sorted(order, reverse=True)


@every_cell_strategy
def test_rtl_keyword(get, strategy):
    renderer = get(strategy)
    text = "ab 12 cd \u05d0"
    left, right = render(renderer, text, rtl=False), render(renderer, text, rtl=True)
    at = {span: index for index, span in enumerate(spans(left))}
    assert min(at) == spans(left)[0]
    assert spans(right)[0][1] == len(text)  # the Hebrew word is the last, on the left
    assert (render(renderer, text).pixel_values == left.pixel_values).all()
    pair = renderer.render((text, text), rtl=True)
    assert (columns(pair, 0, right.num_text_patches) == columns(right, 0, right.num_text_patches)).all()


@every_cell_strategy
def test_lists_keep_their_order(get, strategy):
    words = ARABIC.split()
    rendered = render(get(strategy), words)
    assert len(rendered.word_starts) == len(words) + 1
    latin = render(get(strategy), ["iPhone"])
    first, end = rendered.word_starts[1:3]
    if strategy != "words":  # whose first word has a margin
        assert (columns(rendered, first, end) == columns(latin, 0, end - first)).all()


def test_brackets_are_mirrored(get):
    text = "(\u05d0\u05d1)"
    right, left = (get("bigrams").render(given) for given in (text, "()"))
    assert spans(render(get("bigrams"), text)) == [(2, 4), (0, 2)]
    assert (columns(right, 0, 1)[:, :3] == columns(left, 0, 1)[:, :3]).all()  # ")" looks like "(" on the left


def test_an_override_reaches_into_a_shaped_cell(get):
    """Four letters under an override are two cells, in each of which the second letter is on the left."""
    for strategy in ("grapheme-bigrams", "adaptive"):
        text = "\u202e\u202eAicd"
        rendered = render(get(strategy), text)
        assert spans(rendered) == [(4, 6), (2, 4), (0, 2)]
        for patch, letters in ((0, "dc"), (1, "iA")):
            assert (columns(rendered, patch, patch + 1) == columns(get(strategy).render(letters), 0, 1)).all()
        left = "\u202d\u202d\u05d0\u05d1"  # and the other way round
        over = render(get(strategy), left)
        assert spans(over) == [(0, 2), (2, 4)]
        assert (columns(over, 1, 2) == columns(get(strategy).render("\u05d1\u05d0"), 0, 1)).all()


# ---- what fits


@every_cell_strategy
def test_what_does_not_fit_is_counted(get, strategy):
    renderer = get(strategy, patches=6)
    text = render(renderer, "aa bb cc dd ee ff gg")
    assert text.num_text_patches == 5
    shown = max(end for _, end in text.offset_mapping)
    assert text.lost == len("aa bb cc dd ee ff gg"[shown:].replace(" ", ""))
    words = renderer.render(["i"] * 9)
    assert len(words.word_starts) - 1 == 5
    assert words.lost == 4
    exact = renderer.render(["i"] * 5)  # just fills the strip, and loses nothing
    assert (exact.lost, exact.word_starts) == (0, [0, 1, 2, 3, 4, 5])


def test_only_upstream_loses_a_word_more(get):
    words = ["aa"] * 8
    corrected, upstream = (get("bigrams", compat, patches=8).render(words) for compat in (None, "pixel-m4"))
    assert (corrected.lost, len(corrected.word_starts)) == (1, 8)
    assert (upstream.lost, len(upstream.word_starts)) == (1, 9)  # the separator covers the last word
    words.append("aa")
    corrected, upstream = (get("bigrams", compat, patches=8).render(words) for compat in (None, "pixel-m4"))
    assert corrected.lost == 2
    assert upstream.lost == 2


def test_right_to_left_text_loses_its_end(get):
    text = "\u05d0\u05d1 " * 20
    for strategy in CELLS:
        rendered = render(get(strategy, patches=5), text.strip())
        starts = [start for start, end in spans(rendered) if end]
        assert min(starts) == 0
        assert spans(rendered)[-1][0] == 0  # the first word is on the right
        assert rendered.lost > 0


def test_a_cell_wider_than_the_strip_is_cut_off(get):
    word = "\u0645\u0631\u062d\u0628\u0627" * 5
    rendered = render(get("adaptive", patches=4), word)
    assert rendered.num_text_patches == 3
    assert 5 < rendered.lost < 25
    assert spans(rendered)[-1][0] == 0  # the word's beginning is kept, which is on the right
    whole = get("adaptive").render(word)
    end = whole.num_text_patches
    assert (columns(rendered, 0, 3) == columns(whole, end - 3, end)).all()


@pytest.mark.parametrize(("strategy", "compat"), [*((name, None) for name in CELLS), ("bigrams", "pixel-m4")])
def test_pairs_and_windows(get, strategy, compat):
    second = " ".join(f"w{number}" for number in range(40))
    rendered = render(get(strategy, compat, patches=20), ("who?", second), return_overflowing_patches=True, stride=4)
    assert rendered.overflowing
    separator = rendered.sep_patches[0]
    previous = rendered
    for window in rendered.overflowing:
        assert (columns(window, 0, separator + 1) == columns(rendered, 0, separator + 1)).all()
        shared = 4 if strategy != "words" else 6  # a word of two patches that was cut off comes again, too
        last = set(previous.offset_mapping[separator + 1 : previous.num_text_patches][-shared:])
        here = window.offset_mapping[separator + 1 : window.num_text_patches]
        assert here[0][0] in {start for start, _ in last}
        assert max(here)[1] > max(previous.offset_mapping[separator + 1 :])[1]
        previous = window
    assert max(previous.offset_mapping)[1] == len(second)
    single = render(get(strategy, compat, patches=20), second, return_overflowing_patches=True, stride=4)
    assert max(single.overflowing[-1].offset_mapping)[1] == len(second)
    batch = get(strategy, compat, patches=20)([second, "short"], return_overflowing_patches=True, stride=4)
    assert batch["overflow_to_sample_mapping"].tolist() == [0] * (len(single.overflowing) + 1) + [1]
    with pytest.raises(UsageError, match="stride"):
        get(strategy, compat, patches=20).render(second, return_overflowing_patches=True, stride=19)


@pytest.mark.parametrize("pair", [False, True])
def test_windows_of_words_begin_with_a_whole_word_and_its_margin(get, pair):
    """A word that is cut off comes again, whole, with the two white pixels that stand before the first word."""
    second = "alpha beta gamma delta incomprehensibilities epsilon zeta eta"
    text = ("a", second) if pair else second
    rendered = render(get("words", patches=12), text, return_overflowing_patches=True)
    begin = 2 if pair else 0
    assert rendered.lost > 0
    for window in rendered.overflowing:
        start = window.offset_mapping[begin][0]
        assert second[start - 1] == " "
        rest = get("words", patches=12 - begin).render(second[start:])
        assert (columns(window, begin, 12) == columns(rest, 0, 12 - begin)).all()
        assert window.lost == rest.lost
    starts = [window.offset_mapping[begin][0] for window in rendered.overflowing]
    assert starts == [second.index("incomp"), second.index("epsilon")] if not pair else len(starts) > 1
    assert rendered.overflowing[-1].lost == 0


def test_words_of_lists_that_are_cut_off_are_lost(get):
    for strategy, compat in (("continuous", None), ("continuous", "pixel"), ("words", None), ("adaptive", None)):
        word = "\u0645\u0631\u062d\u0628\u0627" * 5
        long, short = (get(strategy, compat, patches=patches).render(["a", word]) for patches in (5, 20))
        assert (long.lost, len(long.word_starts) - 1) == ((1, 1) if strategy == "adaptive" else (1, 2))
        assert short.lost == 0
    for strategy, compat in (("continuous", "pixel-m4"), *((name, None) for name in CELLS), ("bigrams", "pixel-m4")):
        rendered = get(strategy, compat, patches=2).render(["supercalifragilistic"])
        assert (rendered.lost, rendered.word_starts[0]) == (1, 0)


@pytest.mark.parametrize("compat", ["pixel", "pixel-m4"])
def test_a_first_text_that_fills_the_strip_is_lost_where_it_is_covered(get, compat):
    """Upstream draws both separators onto the last patch, over the first text, and the second one nowhere."""
    rendered = get("continuous", compat, patches=6).render(("i" * 80, "second"))
    assert rendered.sep_patches == [5, 5]
    assert 50 < rendered.lost < 80 + 6
    alone = get("continuous", compat, patches=6).render("i" * 80)
    assert rendered.lost == alone.lost + 6


LISTS = [*((name, None) for name in ("continuous", *CELLS)), ("continuous", "pixel"), ("bigrams", "pixel-m4")]


@pytest.mark.parametrize(("strategy", "compat"), LISTS)
@pytest.mark.parametrize("stride", [0, 1, 3])
def test_windows_on_lists(get, strategy, compat, stride):
    words = [f"w{number}" for number in range(30)] + ["incomprehensibilities", "", "\u05e9\u05dc", "a"]
    renderer = get(strategy, compat, patches=8)
    rendered = render(renderer, words, return_overflowing_patches=True, stride=stride)
    windows = [rendered, *rendered.overflowing]
    whole = set()
    reached = 0
    for window in windows:
        until = len(words) - window.lost
        assert window.first_word <= reached or window.first_word == words.index("incomprehensibilities") + 1
        shared = window.word_starts[max(reached - window.first_word, 0)]
        assert shared <= stride
        whole |= set(range(window.first_word, until))
        rest = render(renderer, words[window.first_word :], rtl=False if compat else None)
        assert (window.pixel_values == rest.pixel_values).all()
        assert (window.word_starts, window.offset_mapping, window.lost) == (
            rest.word_starts,
            rest.offset_mapping,
            rest.lost,
        )
        reached = max(reached, until)
    assert set(range(len(words))) - whole <= {words.index("incomprehensibilities")}  # wider than a window
    if stride == 3 and strategy == "continuous":
        assert any(later.first_word < len(words) - one.lost for one, later in pairwise(windows))
    batch = renderer([words, ["a"]], is_split_into_words=True, return_overflowing_patches=True, stride=stride)
    assert batch["first_word"].tolist() == [*(window.first_word for window in windows), 0]
    assert batch["overflow_to_sample_mapping"].tolist() == [0] * len(windows) + [1]


@every_cell_strategy
@pytest.mark.parametrize("padding", ["longest", "multiple_of_64", False])
def test_padding(get, strategy, padding):
    rendered = get(strategy).render("a text", padding=padding)
    patches = rendered.pixel_values.shape[1] // 16
    assert patches == (63 if padding == "multiple_of_64" else rendered.num_text_patches + 1)


@every_cell_strategy
def test_text_width(get, strategy):
    renderer = get(strategy)
    assert renderer.text_width("abc def") == 16 * renderer.render("abc def").num_text_patches
    assert renderer.text_width("") == 0


def test_ink_across_a_border(get):
    """A cell whose ink reaches into the next one: both are composited, in grey and in colour."""
    for rgb in (False, True):
        renderer = get("mono", rgb=rgb)
        rendered = renderer.render("WWWWjjWW")
        one, other = renderer.render("WW"), renderer.render("jj")
        assert (rendered.pixel_values[:, 32:48] != other.pixel_values[:, :16]).any()
        darker = np.minimum(rendered.pixel_values[:, 16:32], one.pixel_values[:, :16])
        assert (darker == rendered.pixel_values[:, 16:32]).all()


# ---- hostile text

HOSTILE = {
    "one word": "x" * 1_000_000,
    "words": "ab " * 330_000,
    "marks": "a" + "\u0301" * 10_000,
    "marks in a right-to-left word": "\u05d0" + "\u05b8" * 10_000,
    "embeddings": "\u202b" * 50_000 + "a" + "\u202c" * 50_000,
    "isolates": "\u2067a\u05d0" * 20_000,
    "joiners": "\U0001f600\u200d" * 20_000,
    "Han": "\u65e5" * 300_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("compat", [None, "pixel-m4"])
@pytest.mark.parametrize("strategy", CELLS)
@pytest.mark.parametrize("name", HOSTILE)
def test_long_and_deep_text(get, strategy, compat, name):
    if compat and strategy != "bigrams":
        return
    text = HOSTILE[name]
    for given in (text, [text], (text, text)):
        rendered = get(strategy, compat).render(given, return_offset_mapping=True)
        assert rendered.pixel_values.shape == (16, 16 * 64)


def test_the_strategy_of_the_guide(get, monkeypatch):
    """The example of docs/rendering.md, "Adding a strategy"."""
    guide = (Path(__file__).resolve().parents[3] / "docs" / "rendering.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(class Clusters.*?)```", guide, re.DOTALL)
    names = {"grapheme_clusters": grapheme_clusters, "side_by_side": side_by_side}
    exec(code, names)
    renderer = get("grapheme-bigrams")
    monkeypatch.setattr(renderer, "_strategy", Cells(names["Clusters"]()))
    assert spans(render(renderer, "ae\u0301 \u05d0\u05d1")) == [(0, 1), (1, 3), (5, 6), (4, 5)]
