"""What was read, drawn beside and onto the page."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageColor

from pixlm.analysis.reading import COLOURS, draw_reading, fields_of, stands_in
from pixlm.data.pages.example import PageBox

BOXES = (PageBox("Date: 25/12/2018", 10, 10, 90, 20), PageBox("TOTAL 9.00", 10, 40, 90, 50), PageBox("9", 0, 90, 5, 95))


def coloured(picture: Image.Image, colour: str) -> np.ndarray:
    """Rows and columns [n, 2] of pixels of one colour."""
    return np.argwhere((np.asarray(picture) == ImageColor.getrgb(colour)).all(axis=-1))


def test_fields_are_framed_where_they_stand():
    page = Image.new("L", (100, 100), 255)
    picture = draw_reading(page, {"date": "25/12/2018", "menu": [{"price": "9.00"}]}, BOXES)
    assert picture.mode == "RGB"
    assert picture.height >= 100
    for number, box in enumerate(BOXES[:2]):
        found = coloured(picture.crop((0, 0, 100, 100)), COLOURS[number])
        assert found.min(axis=0).tolist() == [box.top, box.left]
        assert found.max(axis=0).tolist() == [box.bottom, box.right]
        assert len(coloured(picture.crop((100, 0, picture.width, picture.height)), COLOURS[number]))  # and in the panel
    panel = np.asarray(picture.crop((100, 0, picture.width, picture.height)).convert("L"))
    assert (panel < 60).any()  # letters


def test_large_pages_are_scaled_with_their_boxes():
    page = Image.new("RGB", (2000, 2000), "white")
    picture = draw_reading(page, {"total": "9.00"}, [PageBox("9.00", 200, 400, 600, 500)])
    found = coloured(picture.crop((0, 0, 1000, 1000)), COLOURS[0])
    assert found.min(axis=0).tolist() == [200, 100]
    assert found.max(axis=0).tolist() == [250, 300]


def test_text_and_nothing_are_drawn_too():
    page = Image.new("L", (60, 40), 255)
    long = draw_reading(page, "a line of text\n" * 30)
    assert long.height > 400
    assert draw_reading(page, {}).size[1] >= 40


def test_leaves_have_names():
    value = {"menu": [{"nm": "tea"}, {"nm": "cake"}], "total": "3"}
    assert list(fields_of(value)) == [("menu 1.nm", "tea"), ("menu 2.nm", "cake"), ("total", "3")]
    assert list(fields_of("plain")) == [("", "plain")]


def test_where_a_field_stands():
    assert stands_in("25/12/2018", "Date: 25.12.2018")
    assert stands_in("12, Jalan Tampoi, 81200 Johor", "12, JALAN TAMPOI,")
    assert not stands_in("12, Jalan Tampoi, 81200 Johor", "Tampo")  # too short a part
    assert not stands_in("", "anything")
    assert not stands_in("9.00", "")
