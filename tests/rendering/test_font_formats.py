"""Collections, variable fonts, and glyphs in colour: CBDT, sbix and COLR."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import uharfbuzz as hb

from pixlm import TextRenderer
from pixlm.errors import UsageError

from . import made_fonts as made

EMOJI = "\U0001f600"


def columns_of_ink(renderer: TextRenderer, text: str) -> np.ndarray:
    pixels = renderer.render(text, padding=False).pixel_values[:, : -renderer.pixels_per_patch]
    return np.flatnonzero((pixels < 128).any(axis=0))


@pytest.fixture
def collection(tmp_path):
    narrow = made.save(made.build({"a": (0, 0, 200, 700), " ": (0, 0, 0, 0)}, "Narrow"), tmp_path / "narrow.ttf")
    wide = made.save(made.build({"a": (0, 0, 900, 700), " ": (0, 0, 0, 0)}, "Wide"), tmp_path / "wide.ttf")
    return made.collection([narrow, wide], tmp_path / "both.ttc")


def test_a_face_of_a_collection_is_chosen_by_its_number(collection, tmp_path):
    for face, name, family in (("", "narrow", "Narrow"), ("#0", "narrow", "Narrow"), ("#1", "wide", "Wide")):
        renderer = TextRenderer(f"{collection}{face}")
        alone = TextRenderer(tmp_path / f"{name}.ttf")
        assert renderer.fonts[0].family == family
        assert (renderer.render("aa a").pixel_values == alone.render("aa a").pixel_values).all()
    with pytest.raises(UsageError, match="faces 0 to 1"):
        TextRenderer(f"{collection}#2")
    with pytest.raises(UsageError, match="one face only"):
        TextRenderer(f"{tmp_path / 'wide.ttf'}#1")


def test_both_faces_of_a_collection_are_saved_as_one_file(collection, tmp_path):
    renderer = TextRenderer(f"{collection}#1", fallback_fonts=[f"{collection}#0"])
    renderer.save_pretrained(tmp_path / "saved")
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == ["both.ttc", "text_renderer_config.json"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = TextRenderer.from_pretrained(tmp_path / "saved")
    assert [font.family for font in again.fonts] == ["Wide", "Narrow"]
    assert (again.render("a").pixel_values == renderer.render("a").pixel_values).all()


def test_a_variable_font_is_drawn_at_its_default(tmp_path):
    font = made.variable(tmp_path / "variable.ttf")
    plain = made.save(made.build({"a": (0, 0, 400, 500), " ": (0, 0, 0, 0)}), tmp_path / "plain.ttf")
    assert (TextRenderer(font).render("aaa").pixel_values == TextRenderer(plain).render("aaa").pixel_values).all()


@pytest.mark.skipif(not hasattr(hb, "RasterPaint"), reason="this uharfbuzz paints no layers")
@pytest.mark.parametrize("version", [0, 1])
def test_layers_of_colour(tmp_path, version):
    font = made.layered(tmp_path / "layers.ttf", version)
    pixels = TextRenderer(font, rgb=True).render(EMOJI, padding=False).pixel_values
    colours = {tuple(pixel) for pixel in pixels.reshape(-1, 3).tolist()}
    assert {(255, 0, 0), (0, 0, 255)} <= colours
    red, blue = ((pixels == colour).all(axis=2) for colour in ((255, 0, 0), (0, 0, 255)))
    assert red.sum() > blue.sum() > 20, "the blue box is half as wide, and on top"
    assert red.any(axis=0).nonzero()[0].min() < blue.any(axis=0).nonzero()[0].min()
    grey = TextRenderer(font).render(EMOJI, padding=False).pixel_values[:, :-16]
    assert (grey == 0).any(), "a silhouette in grey"


def test_layers_without_a_library_that_paints_them(tmp_path, monkeypatch):
    font = made.layered(tmp_path / "layers.ttf", 1)
    monkeypatch.delattr(hb, "RasterPaint", raising=False)
    with pytest.warns(UserWarning, match="COLR.*pip install -U uharfbuzz"):
        renderer = TextRenderer(font, rgb=True)
    assert (renderer.render(EMOJI).pixel_values[:, :16] == 0).any(), "a black outline"


def test_strikes_of_an_sbix_font(tmp_path):
    font = made.strikes(tmp_path / "strikes.ttf")
    renderer = TextRenderer(font, rgb=True)
    pixels = renderer.render(EMOJI, padding=False).pixel_values
    green = (pixels == (0, 255, 0)).all(axis=2)
    assert green.sum() > 100
    assert 11 <= np.ptp(green.any(axis=0).nonzero()[0]) + 1 <= 14, "13 1/3 pixels wide, whatever the strike"
    assert len(columns_of_ink(TextRenderer(font), "a")) > 3, "letters are outlines"


def test_broken_strikes_are_blank_and_say_so(tmp_path):
    font = made.strikes(tmp_path / "strikes.ttf")
    data = font.read_bytes().replace(b"IDAT", b"JUNK")
    font.write_bytes(data)
    with pytest.warns(UserWarning, match="damaged"):
        TextRenderer(font, rgb=True).render(EMOJI)
