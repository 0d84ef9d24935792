"""A pretrained model's other uses: reconstruction with its picture, and vectors of texts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import pixlm as package
from pixlm import TextRenderer, hub
from pixlm.analysis.reconstruction import panels
from pixlm.data.masking import ChosenMasking, RandomMasking
from pixlm.errors import UsageError
from pixlm.models import PixelForPreTraining

TEXT = "Patches of this sentence are taken away."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    hub.save(path, hub.load_model("pixel-nano", PixelForPreTraining), hub.load_renderer("pixel-nano"))
    return path


def test_only_removed_patches_change(folder):
    model = package.load(str(folder))
    result = model.reconstruct(TEXT, RandomMasking(0.5), seed=1)
    patches = len(result.removed)
    assert result.original.shape == result.masked.shape == result.reconstructed.shape == (16, 16 * patches)
    assert result.removed.sum() == patches - patches // 2
    where = np.repeat(result.removed, 16)
    assert (result.reconstructed[:, ~where] == result.original[:, ~where]).all()
    assert (result.masked[:, where] == 0).all()
    assert (result.reconstructed[:, where] != result.original[:, where]).any()
    assert result.lost == 0
    assert np.isfinite(result.loss)
    again = model.reconstruct(TEXT, RandomMasking(0.5), seed=1)
    assert (again.reconstructed == result.reconstructed).all()
    assert (model.reconstruct(TEXT, RandomMasking(0.5), seed=2).removed != result.removed).any()


def test_the_picture_has_three_panels_and_tints_what_was_removed(folder):
    model = package.load(str(folder))
    result = model.reconstruct(TEXT, seed=1)
    for columns in (6, 100):
        picture = panels(result, columns=columns, scale=2)
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        tinted = (picture == (255, 236, 170)).all(-1)
        assert tinted.any()
        # In the middle panel every removed patch is blank paper: 16 * 16 pixels, each four in the picture.
        assert tinted.sum() >= result.removed.sum() * 16 * 16 * 4


def test_the_command_writes_a_png(folder, tmp_path, pixlm):
    target = tmp_path / "new" / "filled.png"
    code, out, _ = pixlm("reconstruct", TEXT, "--model", folder, "--output", target, "--mask.ratio", "0.4")
    assert code == 0
    assert "patches removed, loss" in out
    assert Image.open(target).mode == "RGB"
    code, _, error = pixlm("reconstruct", TEXT, "--model", folder, "--columns", "0")
    assert code == 2
    assert "--columns" in error


def test_vectors_do_not_depend_on_the_batch(folder):
    model = package.load(str(folder))
    texts = ["one", "a longer text than the other", "एक वाक्य"]
    together = model.embed(texts)
    assert together.shape == (3, 128)
    apart = np.concatenate([model.embed([text]) for text in texts])
    np.testing.assert_allclose(together, apart, rtol=1e-4, atol=1e-5)
    assert model.embed([]).shape == (0, 128)


def test_a_pretrained_model_does_not_predict(folder):
    with pytest.raises(UsageError, match="needs a fine-tuned model"):
        package.load(str(folder)).predict([["a", "b"]])


@pytest.mark.parametrize("patches", [(0,), (1, 2, 5), tuple(range(9))])
def test_exactly_the_chosen_patches_go(folder, patches):
    result = package.load(str(folder)).reconstruct(TEXT, ChosenMasking(patches))
    assert np.flatnonzero(result.removed).tolist() == list(patches)


def test_nothing_of_a_removed_patch_is_in_what_is_read(tmp_path):
    """Two texts that differ in a removed patch only: the picture that is read is the same, the other is not."""
    renderer = TextRenderer(strategy="mono", max_seq_length=64)
    hub.save(tmp_path, hub.load_model("pixel-nano", PixelForPreTraining), renderer)
    model = package.load(str(tmp_path))
    texts = ("a bi b", "a li b")
    strips = [renderer.render(text, padding=False).pixel_values for text in texts]
    (patch,) = set(np.flatnonzero((strips[0] != strips[1]).any(0)) // 16)
    a, b = (model.reconstruct(text, ChosenMasking((int(patch),))) for text in texts)
    place = np.s_[:, patch * 16 : (patch + 1) * 16]
    assert (a.original[place] != b.original[place]).any()
    assert (a.unaided[place] == b.unaided[place]).all()
    assert (a.reconstructed[place] != b.reconstructed[place]).any()
    assert 0 < a.mse < 1


def test_a_sheet_of_many_texts_and_what_was_measured(folder, tmp_path, pixlm):
    lines = tmp_path / "lines.txt"
    lines.write_text("one text\n\na second text\nthe third one\n", encoding="utf-8")
    target, numbers = tmp_path / "sheet.png", tmp_path / "m" / "sheet.json"
    code, out, _ = pixlm("reconstruct", "--file", lines, "--model", folder, "--output", target, "--metrics", numbers)
    assert code == 0
    assert out.count("masked MSE") == 3
    found = json.loads(numbers.read_text())
    assert [one["text"] for one in found["reconstructions"]] == ["one text", "a second text", "the third one"]
    one = found["reconstructions"][0]
    assert len(one["removed"]) == round(0.25 * one["patches"] + 0.49)
    assert found["masked_mse"] > 0
    single = tmp_path / "one.png"
    assert pixlm("reconstruct", "one text", "--model", folder, "--output", single)[0] == 0
    assert Image.open(target).height > 2 * Image.open(single).height


def test_an_animation_goes_over_mask_ratios(folder, tmp_path, pixlm):
    target = tmp_path / "a.gif"
    command = ("reconstruct", TEXT, "--model", folder, "--output", target, "--panels", "masked", "predicted")
    code, out, _ = pixlm(*command, "--ratios", "0.2", "0.5", "0.8")
    assert code == 0
    assert out.count("patches removed") == 3
    picture = Image.open(target)
    assert picture.n_frames == 3
    assert picture.info["loop"] == 0


def test_passes_with_dropout_are_a_panel_and_numbers(folder, tmp_path, pixlm):
    plain, target, numbers = tmp_path / "plain.png", tmp_path / "doubt.png", tmp_path / "doubt.json"
    command = ("reconstruct", TEXT, "--model", folder, "--metrics", numbers)
    assert pixlm(*command, "--output", plain)[0] == 0
    without = json.loads(numbers.read_text())["reconstructions"][0]
    code, _, error = pixlm(*command, "--output", target, "--samples", 3, "--dropout", "0.2")
    assert code == 0, error
    (found,) = json.loads(numbers.read_text())["reconstructions"]
    doubt = found.pop("uncertainty")
    assert found == without
    assert (doubt["samples"], doubt["dropout"]) == (3, 0.2)
    assert [one["patch"] for one in doubt["patches"]] == found["removed"]
    assert all(one["variance"] > 0 for one in doubt["patches"])
    panes = [np.asarray(Image.open(path)) for path in (plain, target)]
    assert panes[1].shape[0] > panes[0].shape[0]
    height = panes[0].shape[0] - 12
    assert (panes[0][:height, 12:-12] == panes[1][:height, 12 : panes[0].shape[1] - 12]).all()
    assert (panes[1][height + 12 :] == (255, 96, 32)).all(-1).any()  # paper of the patch that is least sure


def test_a_picture_that_gets_too_large_is_refused(folder, tmp_path, pixlm):
    target = tmp_path / "big.png"
    code, _, error = pixlm(
        "reconstruct", *[f"{TEXT} {number} " * 10 for number in range(6)], "--model", folder, "--output", target,
        "--scale", 32, "--no-read",
    )  # fmt: skip
    assert code == 2
    assert "a smaller --scale" in error
    assert not target.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either texts, or a file"),
        (("x", "--file", "y"), "give either texts, or a file"),
        (("--file", "/no/such"), "no such file"),
        (("a", "b", "--output", "a.gif"), "an animation is of one text"),
        (("a", "--ratios", "0.5"), "are those of an animation"),
        (("a", "--output", "a.jpg"), "ends in .png"),
        (("a", "--panels", "blend"), "choose among original, masked"),
        (("a", "--patches", "99"), "the text has the patches 0 to"),
        (("a", "--patches", "-1"), "counted from 0"),
        (("a", "--scale", "33"), "must be 32 or less"),
        (("a", "--samples", "1", "--dropout", "0.1"), "use 2 or more"),
        (("a", "--dropout", "0.1"), "is that of --samples"),
    ],
)
def test_wrong_use_is_one_line(arguments, message, folder, pixlm):
    code, _, error = pixlm("reconstruct", *arguments, "--model", folder)
    assert code == 2
    assert message in error
    assert len(error.strip().splitlines()) == 1


def test_lone_surrogates_and_what_cannot_be_drawn(folder, tmp_path, pixlm):
    command = ("reconstruct", "--model", folder, "--output", tmp_path / "a.png")
    code, _, error = pixlm(*command, "--metrics", tmp_path / "a.json", "one \udced two", "--no-read")
    assert code == 0, error
    (found,) = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["reconstructions"]
    assert found["text"] == "one \udced two"
    for arguments, message in (
        ((*command, "one", " "), "text 2 is empty"),
        ((*command, "one", "--metrics", tmp_path), "is a folder; name a file"),
        (("reconstruct", "one", "--model", folder, "--output", tmp_path / "a.gif", "--ratios", "1"), "--ratios 1.0"),
    ):
        code, _, error = pixlm(*arguments)
        assert (code, error.count("\n")) == (2, 1), error
        assert message in error
