"""Page layout: line breaking, alignment, boxes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixlm import TextRenderer
from pixlm.errors import UsageError

RENDERER = TextRenderer(missing_glyph="box")
SIZE, MARGINS = (180, 150), (9, 7, 13, 11)
ALPHABETS = [
    "abcdefghij ABC -'.,/()12 \n",
    "अनुस्वार हिन्दी क्ष\u094d \n।",
    "\u0627\u0644\u0646\u0635 \u0639\u0631\u0628\u064a\u064b 123 abc \n",
    "人人生而自由，在。「」 abc\n",
    "สวัสดีกำ \n",
    "\u05e9\u05dc\u05d5\u05dd ab(1)\u202b\u202c\u2067\u2069 \r\n\u2028\t",
    "\U0001f600\U0001f3fd\u200d\u00a0\u200bé\u0301\u0301\U0010ffff",
]
texts = st.one_of(*(st.text(alphabet, max_size=120) for alphabet in [*ALPHABETS, "".join(ALPHABETS)]))
alignments = st.sampled_from(["start", "left", "right", "center", "justify"])


def ink(page, box, margin=0):
    """The box of what is drawn on a line's rows: (first column, last column + 1); None if there is nothing."""
    columns = np.flatnonzero((page.pixel_values[box.y0 : box.y1] < 255).any(axis=0))
    return (columns[0] - margin, columns[-1] + 1 + margin) if len(columns) else None


@settings(max_examples=150, deadline=None)
@given(texts, alignments, st.sampled_from(["auto", "ltr", "rtl"]), st.sampled_from([0.5, 1.0, 1.7]))
def test_boxes_and_spans(text, alignment, direction, spacing):
    page = RENDERER.render_page(
        text, size=SIZE, margins=MARGINS, alignment=alignment, direction=direction, line_spacing=spacing
    )
    assert page.pixel_values.shape == (SIZE[1], SIZE[0])
    reached = 0
    bottom = MARGINS[1]
    for line in page.lines:
        assert line.start == reached < line.end
        assert bottom <= line.y0 < line.y1 <= SIZE[1] - MARGINS[3]
        assert MARGINS[0] <= line.x0 <= line.x1 <= SIZE[0] - MARGINS[2]
        reached, bottom = line.end, line.y1
    shown = "".join(text[line.start : line.end] for line in page.lines)
    assert text.startswith(shown)
    rest = sum(not char.isspace() for char in text[reached:].translate(dict.fromkeys(range(0x20), " ")))
    assert page.lost >= rest
    assert page.lost == rest or any(line.x1 == SIZE[0] - MARGINS[2] for line in page.lines)
    previous = 0
    for word in page.words:
        assert previous <= word.start < word.end
        assert not any(char.isspace() for char in text[word.start : word.end])
        line = next(line for line in page.lines if line.start <= word.start < line.end)
        assert word.end <= line.end
        assert (line.y0, line.y1) == (word.y0, word.y1)
        assert line.x0 <= word.x0 <= word.x1 <= line.x1
        previous = word.end
    ends, starts = [0, *(word.end for word in page.words)], [*(word.start for word in page.words), reached]
    between = "".join(text[end:start] for end, start in zip(ends, starts, strict=True))
    assert all(char.isspace() or char < " " or char == "\u200b" for char in between)


@pytest.mark.parametrize(
    "text",
    [
        "plain words that fill a few lines of the page, ends",
        "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd " * 6,
        "人人生而自由，在尊严和权利上一律平等。他们赋有",
    ],
)
def test_alignment(text):
    right = SIZE[0] - MARGINS[2]
    is_rtl = text[0] == "\u05e9"
    for alignment in ("start", "left", "right", "center", "justify"):
        page = RENDERER.render_page(text, size=SIZE, margins=MARGINS, alignment=alignment)
        assert len(page.lines) > 1
        for line in page.lines:
            is_last = line is page.lines[-1]
            space = line.x0 - MARGINS[0], right - line.x1
            if alignment == "justify" and not is_last:
                assert space == (0, 0)
            elif alignment == "center":
                assert abs(space[0] - space[1]) <= 1
            elif alignment == "right" or (alignment in ("start", "justify") and is_rtl):
                assert space[1] == 0
            else:
                assert space[0] == 0
            first, last = ink(page, line)
            assert line.x0 - 1 <= first
            assert last <= line.x1 + 1
            assert first - line.x0 <= 5
            assert line.x1 - last <= 9  # the side bearing of a full stop in Han text


def test_right_to_left_words_go_leftwards():
    page = RENDERER.render_page("\u05d0\u05d1\u05d2 \u05d3\u05d4 abc \u05d5", size=(300, 60))
    assert [word.start for word in page.words] == [0, 4, 7, 11]
    assert [word.x0 for word in page.words] == sorted((word.x0 for word in page.words), reverse=True)


def test_order_is_that_of_the_whole_paragraph():
    """An embedding goes on in the next line: there the Latin words still run from right to left."""
    page = RENDERER.render_page("\u202eaaaaaa bbbbbb cccccc dddddd", size=(120, 120), margins=5)
    assert len(page.lines) > 1
    for line in page.lines:
        lefts = [word.x0 for word in page.words if line.start <= word.start < line.end]
        assert lefts == sorted(lefts, reverse=True)


def test_a_short_line_is_that_of_a_strip():
    """Nothing is laid out or drawn in a second way."""
    strip = RENDERER.render("Hand jig", padding=False).pixel_values[:, :-16]
    page = RENDERER.render_page("Hand jig", size=(120, 60), margins=10)
    rows = np.flatnonzero((strip < 255).any(axis=1))
    found = np.flatnonzero((page.pixel_values < 255).any(axis=1))
    part = page.pixel_values[found[0] : found[-1] + 1, 10 - 2 : 10 - 2 + strip.shape[1]]
    assert (part[: rows[-1] + 1 - rows[0]] == strip[rows[0] : rows[-1] + 1]).all()


def test_blank_lines_line_breaks_and_the_end():
    page = RENDERER.render_page("a\n\nb\r\nc\u2029d\n", size=(100, 200))
    assert [(line.start, line.end) for line in page.lines] == [(0, 2), (2, 3), (3, 6), (6, 8), (8, 10)]
    assert page.lines[1].x0 == page.lines[1].x1
    assert len({line.y1 - line.y0 for line in page.lines}) == 1
    empty = RENDERER.render_page("", size=(50, 50))
    assert (empty.lines, empty.words, empty.lost) == ([], [], 0)
    assert (empty.pixel_values == 255).all()


def test_long_words_break_between_clusters_only():
    text = "e\u0301" * 60
    page = RENDERER.render_page(text, size=(100, 120), margins=4)
    assert len(page.lines) > 2
    assert all(line.start % 2 == 0 for line in page.lines)
    assert all(line.x1 <= 96 for line in page.lines)


def test_letters_that_joined_keep_joining_where_a_word_is_torn_apart():
    """The two letters at a break have the forms that they have inside the word."""
    word = "\u0628" * 24  # beh, which joins on both sides
    renderer = TextRenderer()
    whole = renderer._backend.layout(word)
    (alone,), (inside,), (first,) = (
        renderer._backend.layout("\u0628\u0628", context=context).runs
        for context in (("", ""), ("\u0628", "\u0628"), ("", "\u0628"))
    )
    assert inside.glyphs == whole.runs[0].glyphs[-4:-2] != alone.glyphs
    assert first.glyphs == whole.runs[0].glyphs[-2:]
    page = renderer.render_page(word, size=(40, 200), margins=4)
    assert len(page.lines) > 2
    widths = [box.x1 - box.x0 for box in page.lines]
    assert sum(widths) == whole.width  # of letters alone it would be another
    assert renderer._backend.layout("\u0628\u0628").width * 12 != whole.width


def test_syllables_are_not_torn_apart():
    page = TextRenderer().render_page("\u1780\u17d2\u1780\u17b6" * 12, size=(60, 400), margins=4)
    assert len(page.lines) > 2
    assert all(box.start % 4 == 0 for box in page.lines)


def test_a_long_word_starts_a_line():
    page = RENDERER.render_page("see " + "x" * 60, size=(100, 120), margins=4)
    assert page.lines[0].end == 4


def test_a_cluster_wider_than_the_column_is_lost():
    page = RENDERER.render_page("WW", size=(14, 100), margins=2)
    assert page.lost == 2
    assert [(line.start, line.end) for line in page.lines] == [(0, 1), (1, 2)]


def test_what_does_not_fit_is_counted():
    page = RENDERER.render_page("one two\n" * 100, size=(100, 100))
    assert page.lost == 600 - 6 * len(page.lines)
    assert RENDERER.render_page("hello", size=(100, 20), margins=4).lost == 5


def test_line_spacing():
    for spacing, distance in ((1, 19), (2, 38), (0.1, 19)):
        page = RENDERER.render_page("a\nb", size=(100, 100), line_spacing=spacing)
        assert page.lines[1].y0 - page.lines[0].y0 == distance


def test_colour_is_grey_in_three_channels():
    colour = TextRenderer(rgb=True).render_page("Two lines\nof text", size=(100, 80), alignment="justify")
    grey = RENDERER.render_page("Two lines\nof text", size=(100, 80), alignment="justify")
    assert colour.pixel_values.shape == (80, 100, 3)
    assert (colour.pixel_values == grey.pixel_values[:, :, None]).all()


def test_missing_characters():
    text = "a\U0010ffff\nb\ud800"
    with pytest.warns(UserWarning, match=r"U\+10FFFF"):
        page = TextRenderer().render_page(text, size=(100, 100))
    assert "\U0010ffff" in page.missing
    with pytest.raises(UsageError, match="FFFF"):
        TextRenderer(missing_glyph="error").render_page(text)


@pytest.mark.slow
def test_a_megabyte_is_quick():
    for text in ("word " * 200_000, "x" * 1_000_000, "\n" * 1_000_000, "人" * 300_000, "\u05d0\u05d1 " * 300_000):
        page = RENDERER.render_page(text, size=SIZE)
        assert page.lost == sum(not char.isspace() for char in text[page.lines[-1].end :])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"size": (0, 10)}, "size"),
        ({"size": 100}, "size"),
        ({"size": (10.5, 10)}, "size"),
        ({"margins": -1}, "margins"),
        ({"margins": (1, 2)}, "margins"),
        ({"size": (30, 30)}, "no room"),
        ({"line_spacing": 0}, "line_spacing"),
        ({"line_spacing": float("nan")}, "line_spacing"),
        ({"alignment": "middle"}, "justify"),
        ({"direction": "down"}, "rtl"),
    ],
)
def test_wrong_arguments(arguments, word):
    with pytest.raises(UsageError, match=word) as caught:
        RENDERER.render_page("a", **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [None, ("a", "b"), ["a"], b"a"])
def test_wrong_types(text):
    with pytest.raises(TypeError):
        RENDERER.render_page(text)


def test_pygame_draws_pages(fonts):
    pytest.importorskip("pygame", reason="pygame is not installed (the extra pygame)")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = TextRenderer(fonts / "NotoSans-Regular.ttf", backend="pygame").render_page(
            "Some words on a page, in a few lines of text", size=(100, 120), margins=5, alignment="justify"
        )
    assert len(page.lines) > 2
    assert all((line.x0, line.x1) == (5, 95) for line in page.lines[:-1])
    assert page.lost == 0
