"""The pygame backend: what the recorded cases do not reach. They are in test_golden_pygame.py."""

from __future__ import annotations

import itertools
import pickle
import warnings

import numpy as np
import pytest

from pixlm import TextRenderer
from pixlm.errors import UsageError

pytest.importorskip("pygame", reason="pygame is not installed (the extra pygame)")


@pytest.fixture
def make(fonts):
    def make(**arguments) -> TextRenderer:
        arguments = {"backend": "pygame", "max_seq_length": 32, **arguments}
        return TextRenderer(fonts / "NotoSans-Regular.ttf", **arguments)

    return make


def test_ink_begins_at_the_margin_and_is_centred(make):
    renderer = make()
    for text in ("x", "H", "gjpq"):
        ink = renderer.render(text, padding=False).pixel_values[:, :-16] < 255
        rows = np.flatnonzero(ink.any(axis=1))
        assert np.flatnonzero(ink.any(axis=0))[0] == 2
        assert abs((rows[0] + rows[-1] + 1) / 2 - 8) <= 0.5


def test_words_share_a_baseline(make):
    rendered = make().render(["x", "look", "H"])
    for start in rendered.word_starts[:-1]:
        patch = rendered.pixel_values[:, start * 16 : start * 16 + 16]
        assert np.flatnonzero((patch < 255).any(axis=1))[-1] == 10


def test_colour_is_three_equal_channels(make):
    grey = make().render("Abc").pixel_values
    colour = make(rgb=True).render("Abc").pixel_values
    assert (colour == grey[:, :, None]).all()


def test_missing_characters_warn_and_controls_follow_compat(make):
    with pytest.warns(UserWarning, match=r"U\+65E5"):
        assert make().render("日a").missing == "日"
    renderer = make()
    assert (renderer.render("a\tb").pixel_values == renderer.render("a b").pixel_values).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        upstream = make(compat="pixel")
        assert (upstream.render("a\tb").pixel_values != upstream.render("a b").pixel_values).any()


def test_what_it_cannot_do_is_an_error(make, fonts):
    with pytest.raises(UsageError, match="does not order"):
        make().render(("a", "b"), rtl=True)
    with pytest.raises(UsageError, match="one font"):
        make(fallback_fonts=[fonts / "NotoSansHebrew-Regular.ttf"])
    with pytest.raises(UsageError, match="whole numbers"):
        make(dpi=120.5)


def test_offsets_cover_the_text(make):
    text = "Reading begins as a visual act"
    rendered = make().render(text, return_offset_mapping=True)
    spans = [span for span in rendered.offset_mapping if span != (0, 0)]
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert all(left[1] == right[0] for left, right in itertools.pairwise(spans))


def test_long_texts_are_clipped_and_counted(make):
    rendered = make().render("ab " * 20_000)
    assert rendered.num_text_patches == 31
    assert rendered.lost > 39_000


def test_default_font_pickles_and_has_a_fingerprint():
    renderer = TextRenderer(backend="pygame", compat="pixelgpt", max_seq_length=40)
    copy = pickle.loads(pickle.dumps(renderer))
    assert (copy.render("Abc").pixel_values == renderer.render("Abc").pixel_values).all()
    assert "pygame" in renderer.fingerprint["versions"]


def test_saved_and_loaded(make, tmp_path):
    renderer = make(compat="pixel")
    saved = renderer.save_pretrained(tmp_path)
    assert '"PyGameTextRenderer"' in saved.read_text(encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = TextRenderer.from_pretrained(tmp_path)
    assert loaded.backend == "pygame"
    assert (loaded.render("Abc").pixel_values == renderer.render("Abc").pixel_values).all()
