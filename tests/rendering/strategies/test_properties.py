"""What holds of every strategy for every text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixlm.rendering.unicode.graphemes import grapheme_clusters

ALL = [
    ("continuous", None),
    ("continuous", "pixel"),
    ("continuous", "pixel-m4"),
    ("words", None),
    ("mono", None),
    ("bigrams", None),
    ("bigrams", "pixel-m4"),
    ("grapheme-bigrams", None),
    ("adaptive", None),
]
CELLS = ALL[3:]
every_strategy = pytest.mark.parametrize(("strategy", "compat"), ALL)
every_cell_strategy = pytest.mark.parametrize(("strategy", "compat"), CELLS)
#: Characters that the fonts have and that try the rules, and any others: controls, surrogates, unassigned.
_KNOWN = st.sampled_from(
    "abfijWMm .,!?()[]-$%0159 \t\n"
    "\u0645\u0631\u062d\u0628\u0627\u060c\u064e\u0661 \u05e9\u05dc\u05d5\u05dd\u05b8"
    "\u0915\u094d\u0937\u093f\u6f22\u5b57\u3042\ud55c\u3002"
    "\U0001f600\U0001f1e9\U0001f1f0\ufe0f\u200d\u200c\u0301\u0308"
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
)
TEXT = st.text(st.one_of(_KNOWN, _KNOWN, st.characters(exclude_categories=[])), max_size=60)
WORDS = st.lists(TEXT.map(lambda text: text[:12]), max_size=12)
PATCHES = st.sampled_from([1, 2, 3, 4, 5, 8, 20, 64])
RTL = st.sampled_from([None, True, False])


def _check(rendered, patches: int, rgb: bool = False) -> None:
    assert rendered.pixel_values.dtype == np.uint8
    assert rendered.pixel_values.shape == (16, 16 * patches, *(3,) * rgb)
    assert rendered.num_text_patches == rendered.sep_patches[-1] < patches
    for separator in rendered.sep_patches:
        assert (rendered.pixel_values[:, 16 * separator : 16 * separator + 16] == 0).all()
    assert (rendered.pixel_values[:, 16 * rendered.num_text_patches + 16 :] == 255).all()
    assert rendered.lost >= 0


@every_strategy
@given(text=TEXT, patches=PATCHES, rtl=RTL)
def test_texts(get, strategy, compat, text, patches, rtl):
    rendered = get(strategy, compat, patches=patches).render(text, rtl=rtl, return_offset_mapping=True)
    _check(rendered, patches)
    assert len(rendered.offset_mapping) == patches
    assert all(0 <= start <= end <= len(text) for start, end in rendered.offset_mapping)
    assert rendered.offset_mapping[rendered.num_text_patches :] == [(0, 0)] * (patches - rendered.num_text_patches)
    if strategy != "continuous":
        assert rendered.word_starts == sorted(rendered.word_starts)
    if rendered.lost == 0 and strategy != "continuous" and compat is None:
        # Every character but spaces is on some patch.
        covered = {at for start, end in rendered.offset_mapping for at in range(start, end)}
        shown = [at for at, char in enumerate(text) if not char.isspace() and char.isprintable()]
        assert set(shown) <= covered


@every_strategy
@given(words=WORDS, patches=PATCHES, rtl=RTL)
def test_lists_of_words(get, strategy, compat, words, patches, rtl):
    rendered = get(strategy, compat, patches=patches).render(words, rtl=rtl, return_offset_mapping=True)
    _check(rendered, patches)
    starts = rendered.word_starts
    assert starts == sorted(starts)
    # A word that is cut off, or covered by the separator, has a start but is lost.
    begun = len(starts) - 1
    assert rendered.lost <= len(words)
    assert compat == "pixel-m4" or len(words) - begun <= rendered.lost  # PIXEL-M4 passes over empty words
    assert compat is not None or rendered.lost <= len(words) - begun + 1
    longest = max(map(len, words), default=0)
    assert all(0 <= start <= end <= longest for start, end in rendered.offset_mapping)
    if compat is None:
        assert len(set(starts[:-1])) == len(starts) - 1
        assert starts[-1] == rendered.num_text_patches


@every_strategy
@given(first=TEXT, second=TEXT, patches=PATCHES, rtl=RTL, limit=st.sampled_from([None, 1, 3]))
def test_pairs(get, strategy, compat, first, second, patches, rtl, limit):
    renderer = get(strategy, compat, patches=patches)
    rendered = renderer.render((first, second), rtl=rtl, text_a_max_length=limit, return_offset_mapping=True)
    _check(rendered, patches)
    separator = rendered.sep_patches[0]
    assert len(rendered.sep_patches) == 2
    assert rendered.word_starts is None
    if limit is not None and compat is None and strategy != "continuous":
        assert separator <= limit
    for patch, (start, end) in enumerate(rendered.offset_mapping):
        if strategy != "continuous" or compat is None:  # upstream's may run backwards, and one too far
            assert 0 <= start <= end <= len(first if patch < separator else second)
    if compat is None and patches > 4:
        assert separator < rendered.num_text_patches


def _wide(renderer, text: str, room: int, strategy: str) -> set[int]:
    """The characters of what is wider than ``room`` patches and is cut off in every window: words where these are not
    cut, grapheme clusters."""
    found = re.finditer(r"\S+", text) if strategy in ("words", "adaptive") else ()
    pieces = [match.span() for match in found] or grapheme_clusters(text)
    return {at for start, end in pieces for at in range(start, end) if renderer.text_width(text[start:end]) > 16 * room}


@pytest.mark.parametrize(("strategy", "compat"), ALL)
@given(first=TEXT, second=TEXT, patches=st.sampled_from([8, 9, 20]), stride=st.sampled_from([0, 1, 2]), rtl=RTL)
def test_windows_cover_the_text(get, strategy, compat, first, second, patches, stride, rtl):
    renderer = get(strategy, compat, patches=patches)
    keywords = {"return_offset_mapping": True, "return_overflowing_patches": True, "stride": stride, "rtl": rtl}
    for given_text in (second, (first, second)):
        limited = {"text_a_max_length": 2} if isinstance(given_text, tuple) else {}
        if compat and limited:
            continue  # upstream's first word may fill the strip, and its windows skip characters
        rendered = renderer.render(given_text, **keywords, **limited)
        windows = [rendered, *rendered.overflowing]
        covered = set()
        for window in windows:
            _check(window, patches)
            begin = window.sep_patches[0] + 1 if limited else 0
            covered |= {at for start, end in window.offset_mapping[begin:] for at in range(start, end)}
        assert [window.lost for window in windows][1:] == sorted((window.lost for window in windows[1:]), reverse=True)
        cut = _wide(renderer, second, patches - 6 if limited else patches - 2, strategy)
        shown = {at for at, char in enumerate(second) if not char.isspace() and char.isprintable()}
        assert shown - cut <= covered
        if not cut and not limited:
            assert windows[-1].lost == 0


@pytest.mark.parametrize(("strategy", "compat"), ALL)
@given(words=WORDS, patches=st.sampled_from([3, 7, 20]), stride=st.sampled_from([0, 1]), rtl=RTL)
def test_windows_cover_lists(get, strategy, compat, words, patches, stride, rtl):
    renderer = get(strategy, compat, patches=patches)
    rendered = renderer.render(words, return_overflowing_patches=True, stride=stride, rtl=rtl)
    whole = set()
    firsts = []
    for window in (rendered, *rendered.overflowing):
        _check(window, patches)
        firsts.append(window.first_word)
        whole |= set(range(window.first_word, len(words) - window.lost))
    assert firsts == sorted(set(firsts))
    for index in set(range(len(words))) - whole:
        # Wider than a window, or about so: words may be cut in another way beside others.
        alone = renderer.render([words[index]], rtl=rtl)
        assert alone.lost or alone.num_text_patches >= patches - 2


@every_strategy
@given(text=TEXT)
def test_colour_and_grey_agree(get, strategy, compat, text):
    grey, colour = (get(strategy, compat, rgb=rgb).render(text) for rgb in (False, True))
    _check(colour, 64, rgb=True)
    assert (grey.num_text_patches, grey.word_starts, grey.lost) == (
        colour.num_text_patches,
        colour.word_starts,
        colour.lost,
    )


@every_strategy
@given(text=TEXT)
def test_what_was_drawn_before_changes_nothing(get, make, strategy, compat, text):
    """Cells come from a cache; a new renderer draws them afresh."""
    known = get(strategy, compat)
    fallbacks = list(known.fallback_fonts)
    fresh = make(strategy=strategy, compat=compat, fallback_fonts=fallbacks, missing_glyph="box", max_seq_length=64)
    known.render(text)
    assert (known.render(text).pixel_values == fresh.render(text).pixel_values).all()


@every_cell_strategy
@given(words=st.lists(st.text("abcfjWM.,1", min_size=1, max_size=9), min_size=1, max_size=8))
def test_a_text_is_its_words(get, strategy, compat, words):
    """Left to right, a text is drawn as the list of its words (`mono` draws the spaces, too)."""
    if strategy == "mono":
        return
    renderer = get(strategy, compat)
    text, one_by_one = renderer.render("  ".join(words)), renderer.render(words)
    assert (text.pixel_values == one_by_one.pixel_values).all()
    assert text.word_starts == one_by_one.word_starts


@example(words=["0000", "_00"], patches=5)  # a word that is cut off and whose ink reaches to its left
@given(words=st.lists(TEXT.map(lambda text: "".join(text.split())), max_size=12), patches=PATCHES)
def test_words_are_those_of_continuous(get, words, patches):
    words = [word for word in words if word]
    whole = get("words", patches=patches).render(words, return_offset_mapping=True)
    part = get("continuous", patches=patches).render(words, return_offset_mapping=True)
    assert (whole.pixel_values == part.pixel_values).all()
    assert whole.num_text_patches == part.num_text_patches


@every_strategy
def test_empty_input(get, strategy, compat):
    renderer = get(strategy, compat, patches=8)
    for text in ("", "   ", "\n"):
        rendered = renderer.render(text, return_offset_mapping=True)
        assert (rendered.num_text_patches, rendered.lost) == (1, 0)
        assert (rendered.pixel_values[:, :16] == 255).all()
        if strategy != "continuous":
            assert rendered.word_starts == [1]
    assert renderer.render(("", "")).sep_patches == [1, 3]
    assert renderer.render([""]).word_starts == [0, 1]
    assert (renderer.render([]).word_starts, renderer.render([]).sep_patches) == ([0], [0])
    if compat is None:
        assert renderer.render(["a", "", "b"]).word_starts == [0, 1, 2, 3]
