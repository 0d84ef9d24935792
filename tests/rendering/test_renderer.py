"""What `TextRenderer` returns: shapes, padding, masks, separators, counts."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

from pixlm import Rendered
from pixlm.errors import UsageError


def test_one_text(renderer):
    rendered = renderer.render("Hello, world")
    assert isinstance(rendered, Rendered)
    assert rendered.pixel_values.shape == (16, 16 * 64)
    assert rendered.pixel_values.dtype == np.uint8
    end = rendered.num_text_patches
    assert rendered.sep_patches == [end]
    assert (rendered.pixel_values[:, 16 * end : 16 * end + 16] == 0).all()
    assert (rendered.pixel_values[:, 16 * end + 16 :] == 255).all()
    assert (rendered.pixel_values[:, :2] == 255).all()
    assert rendered.pixel_values[:, 2 : 16 * end].min() == 0
    assert rendered.attention_mask.tolist() == [1] * (end + 1) + [0] * (63 - end)
    assert rendered.word_starts is None
    assert (rendered.lost, rendered.missing) == (0, "")


def test_colour(make):
    grey, colour = (make(rgb=rgb, max_seq_length=16).render("a 😀 b").pixel_values for rgb in (False, True))
    assert colour.shape == (16, 256, 3)
    # Emoji are coloured; letters are as black as in grey.
    assert not (colour[..., 0] == colour[..., 2]).all()
    assert (colour[:, :10] == grey[:, :10, None]).all()
    batch = make(rgb=True)(["a", "b"])
    assert batch["pixel_values"].shape == (2, 3, 16, 32)


def test_words(renderer):
    words = ["My", "cat", "loves", "oatmeal", "."]
    rendered = renderer.render(words)
    assert len(rendered.word_starts) == 6
    assert rendered.word_starts[-1] == rendered.num_text_patches
    for start in rendered.word_starts[1:-1]:  # a word begins with the patch: at most a bearing of 2 px is white
        assert rendered.pixel_values[:, 16 * start : 16 * start + 3].min() < 255
    assert rendered.lost == 0


def test_words_that_do_not_fit_are_counted(renderer):
    renderer.max_seq_length = 10
    rendered = renderer.render(["word"] * 20)
    assert rendered.lost == 20 - (len(rendered.word_starts) - 1) > 0
    assert rendered.num_text_patches == 9


def test_characters_that_do_not_fit_are_counted(renderer):
    renderer.max_seq_length = 4
    assert renderer.render("m" * 100).lost == 97  # 48 px hold 2 + 3 * 12
    assert renderer.render("ab   ").lost == 0
    rtl = renderer.render("\u05d0" * 100)
    assert 90 < rtl.lost < 100


def test_pair(renderer):
    rendered = renderer.render(("Is it raining?", "Yes."))
    first, second = rendered.sep_patches
    assert rendered.num_text_patches == second
    for separator in (first, second):
        assert (rendered.pixel_values[:, 16 * separator : 16 * separator + 16] == 0).all()


def test_a_truncated_first_text_leaves_no_gap(make):
    text = ("one two three four five six seven eight", "second")
    corrected = make().render(text, text_a_max_length=4)
    upstream = make(compat="pixel").render(text, text_a_max_length=4)
    assert corrected.sep_patches[0] in (4, 5)
    assert upstream.sep_patches[0] > 10
    assert corrected.lost > 0


def test_a_long_first_text_leaves_room_for_the_second(renderer):
    first, second = renderer.render(("word " * 500, "x")).sep_patches
    assert first < second


def test_right_to_left_pairs(renderer):
    pair = ("\u05de\u05d4?", "\u05e9\u05dc\u05d5\u05dd abc 12.")
    automatic = renderer.render(pair).pixel_values
    assert (automatic == renderer.render(pair, rtl=True).pixel_values).all()
    assert (automatic == renderer.render(pair, rtl=False).pixel_values).all()  # each paragraph is RTL by itself
    latin = ("1. a?", "b.")
    assert (renderer.render(latin).pixel_values != renderer.render(latin, rtl=True).pixel_values).any()


def test_the_direction_of_texts_and_lists(renderer, make):
    """``rtl`` puts the stop on the other side; upstream does not look at it."""
    text, words = "abc.", ["abc.", "(d)"]
    for given in (text, words):
        automatic, left, right = (renderer.render(given, rtl=rtl).pixel_values for rtl in (None, False, True))
        assert (automatic == left).all()
        assert (left != right).any()
        upstream = make(compat="pixel", max_seq_length=64)
        assert (upstream.render(given).pixel_values == upstream.render(given, rtl=True).pixel_values).all()
    hebrew = "\u05d0\u05d1."
    assert (renderer.render(hebrew).pixel_values == renderer.render(hebrew, rtl=True).pixel_values).all()
    assert (renderer.render(hebrew).pixel_values != renderer.render(hebrew, rtl=False).pixel_values).any()


def test_a_right_to_left_text_loses_its_end(make):
    """Upstream clips on the right, where such a text begins."""
    text = "\u05d0\u05d1\u05d2 " * 40
    corrected = make(max_seq_length=8).render(text, return_offset_mapping=True)
    assert min(start for start, end in corrected.offset_mapping if end) == 0
    upstream = make(max_seq_length=8, compat="pixel").render(text, return_offset_mapping=True)
    assert min(start for start, end in upstream.offset_mapping if end) > 0
    assert corrected.lost == pytest.approx(upstream.lost, abs=4)
    windows = make(max_seq_length=8, compat="pixel").render(
        text, return_offset_mapping=True, return_overflowing_patches=True
    )
    starts = {start for window in windows.overflowing for start, end in window.offset_mapping if end}
    assert 0 in starts  # what upstream's picture lacks is on a window


def test_nothing_is_cut_in_two(make):
    """The closing separator covers no character: what does not fit as a whole is left out."""
    whole = make(max_seq_length=40).render("mmmmmmmmmmmmmmmmmmmm")
    cut = make(max_seq_length=6).render("mmmmmmmmmmmmmmmmmmmm", return_offset_mapping=True)
    shown = max(end for _, end in cut.offset_mapping)
    assert cut.lost == 20 - shown > 0
    part = make(max_seq_length=40).render("m" * shown)
    assert (cut.pixel_values[:, :80] == part.pixel_values[:, :80]).all()
    assert (cut.pixel_values[:, :80] != whole.pixel_values[:, :80]).any()
    emoji = make(max_seq_length=2).render("😀")  # wider than the canvas: drawn cut off
    assert (emoji.lost, (emoji.pixel_values[:, :16] < 255).any()) == (1, True)


@pytest.mark.parametrize(
    ("padding", "length"), [("max_length", 529), ("longest", None), (False, None), ("multiple_of_64", 63)]
)
def test_padding(make, padding, length):
    rendered = make().render("Hello", padding=padding)
    assert rendered.num_text_patches == 3
    assert rendered.pixel_values.shape == (16, 16 * (length or 4))


def test_multiple_of_64_leaves_a_place_for_cls(make):
    renderer = make()
    for count in (61, 62, 63, 64, 65):
        used = renderer.render(["i"] * count, padding=False).num_text_patches + 1
        width = renderer([["i"] * count], is_split_into_words=True, padding="multiple_of_64").pixel_values.shape[-1]
        assert width // 16 == (63 if used <= 63 else 127)
        assert (width // 16 + 1) % 64 == 0
    renderer.max_seq_length = 80
    assert renderer.render("m" * 500, padding="multiple_of_64").pixel_values.shape[1] == 16 * 80


def test_batch(renderer):
    texts = ["a", "a longer text", ""]
    batch = renderer(texts)
    alone = [renderer.render(text, padding=False) for text in texts]
    longest = max(one.num_text_patches for one in alone) + 1
    assert batch["pixel_values"].shape == (3, 1, 16, 16 * longest)
    assert batch.attention_mask.sum(1).tolist() == [one.num_text_patches + 1 for one in alone]
    for row, one in zip(batch["pixel_values"], alone, strict=True):
        assert (row[0, :, : one.pixel_values.shape[1]] == one.pixel_values).all()
        assert (row[0, :, one.pixel_values.shape[1] :] == 255).all()
    assert set(batch) >= {"pixel_values", "attention_mask", "num_text_patches", "word_starts", "offset_mapping"}
    assert dict(**batch).keys() == set(batch)
    with pytest.raises(AttributeError):
        _ = batch.nothing


def test_kinds_of_batches(renderer):
    assert renderer("one")["pixel_values"].shape[0] == 1
    assert renderer(("a", "b"))["pixel_values"].shape[0] == 1
    assert renderer([("a", "b"), "c"])["pixel_values"].shape[0] == 2
    assert renderer([])["pixel_values"].shape == (0, 1, 16, 0)
    words = renderer(["a", "b"], is_split_into_words=True)
    assert words["word_starts"] == [[0, 1, 2]]
    assert renderer([["a"], ["b", "c"]], is_split_into_words=True)["num_text_patches"].tolist() == [1, 2]
    ragged = renderer(["a", "a longer text"], padding=False)
    assert [image.shape[0] for image in ragged["pixel_values"]] == [1, 1]
    assert ragged["pixel_values"][0].shape[2] < ragged["pixel_values"][1].shape[2]


def test_tensors(renderer):
    torch = pytest.importorskip("torch")
    batch = renderer(["a", "bb"], return_tensors="pt")
    assert batch["pixel_values"].dtype == torch.uint8
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert isinstance(renderer(["a"], padding=False, return_tensors="pt")["pixel_values"][0], torch.Tensor)
    with pytest.raises(UsageError, match="return_tensors"):
        renderer(["a"], return_tensors="tf")


def test_missing_characters(make):
    text = "cat \u14da\u160f\u15e2 face"
    with pytest.warns(UserWarning, match=r"U\+14DA, U\+160F, U\+15E2") as caught:
        rendered = make().render(text)
    assert len(caught) == 1
    assert rendered.missing == "\u14da\u160f\u15e2"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silent = make(missing_glyph="box").render(text)
        with pytest.raises(UsageError, match=r"U\+14DA"):
            make(missing_glyph="error").render(text)
    assert (silent.pixel_values == rendered.pixel_values).all()
    with pytest.raises(UsageError, match="missing_glyph"):
        make(missing_glyph="ignore")


def test_width(make):
    renderer = make()
    assert renderer.text_width("") == 0
    assert renderer.text_width("Hello") == 10 + 8 + 3 + 3 + 8
    assert renderer.text_width("ffi") == 13
    with pytest.raises(TypeError):
        renderer.text_width(["a"])


def test_fallback_fonts_in_a_folder(make, fonts, tmp_path):
    for name in ("NotoSansDevanagari-Regular.ttf", "NotoSansHebrew-Regular.ttf"):
        (tmp_path / name).write_bytes((fonts / name).read_bytes())
    (tmp_path / "readme.txt").write_text("no font")
    renderer = make(fallback_fonts=(), fallback_fonts_dir=tmp_path)
    assert [path.name for path in renderer.fallback_fonts] == [
        "NotoSansDevanagari-Regular.ttf",
        "NotoSansHebrew-Regular.ttf",
    ]
    assert renderer.covers("\u05d0")
    assert not make(fallback_fonts=()).covers("\u05d0")


def test_assigning_the_length(renderer):
    renderer.max_seq_length = 100
    assert renderer.render("a").pixel_values.shape == (16, 1600)
    with pytest.raises(UsageError, match="max_seq_length"):
        renderer.max_seq_length = 0


def test_works_without_torch(fonts):
    code = f"""
import sys
heavy = ("torch", "transformers", "datasets", "fontTools")
sys.modules.update(dict.fromkeys(heavy))  # importing one of them raises
from pixlm import TextRenderer
batch = TextRenderer({str(fonts / "NotoSans-Regular.ttf")!r})(["a text"])
assert batch["pixel_values"].shape[0] == 1
assert not [name for name, module in sys.modules.items() if module and name.split(".")[0] in heavy]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pickling(make):
    renderer = make(rgb=True, compat="pixel", max_seq_length=40)
    text = "Hello \u05e9\u05dc\u05d5\u05dd हिन्दी 😀"
    copy = pickle.loads(pickle.dumps(renderer))
    assert copy.fallback_fonts == renderer.fallback_fonts
    assert copy.max_seq_length == 40
    assert (copy.render(text).pixel_values == renderer.render(text).pixel_values).all()
    assert pickle.loads(pickle.dumps(renderer.render(text))).num_text_patches > 3


def test_a_long_line_takes_time_in_proportion(renderer):
    def seconds(text: str) -> float:
        start = time.process_time()
        assert renderer.render(text).lost > 0
        return time.process_time() - start

    seconds("warm up " * 1000)
    for word in ("word ", "\u05e9\u05dc\u05d5\u05dd "):
        short, long = seconds(word * 20_000), seconds(word * 200_000)
        assert long < 40 * short + 0.5
