"""Sizes, grids and pixel values as pixparse, Pix2Struct and Donut have them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from golden_documents import cases, name_of
from pixlm.data.pages.augment import Augment, bitmap
from pixlm.data.pages.canvas import to_canvas
from pixlm.data.pages.example import PageBox
from pixlm.data.pages.flatten import flatten
from pixlm.data.pages.geometry import align_long_axis, grid_size, ratio_size
from pixlm.data.pages.header import header_renderer, with_boxes, with_header


def image_of(rows: list[list[int]]) -> Image.Image:
    return Image.fromarray(np.array(rows, np.uint8))


def photograph(width: int = 90, height: int = 130) -> Image.Image:
    rng = np.random.default_rng(3)
    small = Image.fromarray(rng.integers(0, 256, (13, 9, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("case", cases("image_ops", "resize_keep_ratio_size"), ids=name_of)
def test_ratio_size(case):
    given = case["input"]
    size = (given["image_wh"][1], given["image_wh"][0])
    assert list(ratio_size(size, given["target_hw"], longest=given["longest"])) == case["output"]


@pytest.mark.parametrize("case", cases("image_ops", "align_long_axis_size"), ids=name_of)
def test_long_axis(case):
    given = case["input"]
    assert list(align_long_axis(Image.new("L", given["image_wh"]), given["target_hw"]).size) == case["output"]


def test_bitmap():
    (case,) = cases("image_ops", "bitmap")
    made = bitmap(image_of(case["input"]["pixels"]), case["input"]["threshold"])
    assert np.asarray(made).tolist() == case["output"]


@pytest.mark.parametrize("case", cases("image_ops", "task_default", "better_eval"), ids=name_of)
def test_canvas_values(case):
    given, wanted = case["input"], case["output"]
    fit = "stretch" if case["kind"] == "task_default" else "ratio"
    page = to_canvas(image_of(given["pixels"]), tuple(given["target_hw"]), fit)
    values = (page - given["mean"]) / given["std"]
    assert np.abs(values - np.array(wanted["values"]).reshape(wanted["shape"])).max() < 1e-5


@pytest.mark.parametrize("case", cases("pix2struct_patches"), ids=name_of)
def test_grid(case):
    given, wanted = case["input"], case["output"]
    size = (given["image_wh"][1], given["image_wh"][0])
    patch = tuple(given["patch"])
    assert grid_size(size, patch, given["max_patches"]) == (wanted["rows"], wanted["cols"])
    if given["max_patches"] <= 64:
        flat = flatten(photograph(*given["image_wh"]), patch, given["max_patches"])
        assert flat.shape == (wanted["used"], wanted["shape"][1])
        assert flat[0, :2].tolist() == wanted["first_ids"]
        assert flat[-1, :2].tolist() == wanted["last_ids"]


def test_patches_are_those_of_transformers():
    from transformers import Pix2StructImageProcessorPil

    image = photograph()
    theirs = Pix2StructImageProcessorPil(max_patches=50)(image, return_tensors="np")["flattened_patches"][0]
    ours = flatten(image, (16, 16), 50)
    assert np.array_equal(theirs[: len(ours)], ours)
    assert not theirs[len(ours) :].any()


def test_donut_page_is_that_of_transformers():
    # transformers' thumbnail is bilinear and cuts sizes; Donut's own, Pillow's, is bicubic and rounds them. They agree
    # where the first step suffices.
    from transformers import DonutImageProcessorPil

    processor = DonutImageProcessorPil(size={"height": 64, "width": 48})
    for image, close in ((photograph(270, 360), 1e-2), (photograph(200, 240), 1e-2), (photograph(200, 400), 0.3)):
        theirs = processor(image, return_tensors="np")["pixel_values"][0]
        ours = (to_canvas(image, (64, 48), "donut") - 0.5) / 0.5
        assert ours.shape == theirs.shape == (3, 64, 48)
        assert np.abs(theirs - ours).max() < close
    assert (ours[:, :, 0] == -1).all()  # black padding


@pytest.mark.parametrize("augment", list(Augment))
@pytest.mark.parametrize("fit", ["stretch", "donut", "ratio"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_training_pages_are_a_function_of_the_draw(augment, fit, mode):
    image = photograph().convert(mode)

    def draw(seed: int) -> np.ndarray:
        return to_canvas(image, (64, 48), fit, rng=np.random.default_rng(seed), augment=augment)

    pages = [draw(seed) for seed in range(12)]
    assert all(np.array_equal(page, draw(seed)) for seed, page in enumerate(pages))
    assert {page.shape for page in pages} == {(1 if mode == "L" else 3, 64, 48)}
    same = len({page.tobytes() for page in pages}) == 1
    assert same == (fit == "stretch" and augment is Augment.NONE)


def test_every_distortion_keeps_size_and_mode():
    from pixlm.data.pages.augment import _PRESETS

    for mode in ("L", "RGB"):
        image = photograph().resize((13, 9)).resize((90, 130), Image.Resampling.NEAREST).convert(mode)
        for preset in _PRESETS.values():
            for _, distortion in preset:
                made = [distortion(image, np.random.default_rng(seed)) for seed in range(5)]
                assert {(one.size, one.mode) for one in made} == {(image.size, mode)}
                assert any(one.tobytes() != image.tobytes() for one in made)


def test_a_strip_does_not_become_a_bomb():
    page = to_canvas(Image.new("L", (60000, 2), 255), (640, 480), "donut")
    assert page.shape == (1, 640, 480)


@pytest.mark.parametrize("size", [(1, 60000), (60000, 1)])
def test_a_strip_below_a_header_does_not_become_a_bomb(size):
    page, _ = with_header(Image.new("L", size, 255), "Read the receipt.", header_renderer())
    assert 1_000_000 < page.width * page.height < 81_000_000


def test_a_box_far_beyond_a_page_is_drawn_at_once():
    page = with_boxes(Image.new("RGB", (20, 30), "black"), [PageBox("", -1e30, 2, 1e30, 1e40)], fill="white")
    assert page.getpixel((10, 1)) == (0, 0, 0)
    assert {page.getpixel((x, y)) for x in (0, 19) for y in (2, 29)} == {(255, 255, 255)}
