"""A pretrained model's other uses: reconstruction with its picture, and vectors of texts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import pixlm as package
from pixlm import hub
from pixlm.analysis.reconstruction import panels
from pixlm.data.masking import RandomMasking
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
        picture = panels(result, model.encoder.renderer, columns=columns, scale=2)
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
