"""`pixlm.load(...)`: vectors of texts."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import pixlm
from pixlm import TextRenderer, hub
from pixlm.errors import UsageError
from pixlm.models import PixelEncoder, PixelForPreTraining, PixelForSequenceClassification, preset

TEXTS = ["a", "Some words on a line of text, of middling length.", "", "two words", "x" * 60, ("a pair", "of texts")]


def folder_with(model_class, tmp_path, **fields):
    torch.manual_seed(0)
    config = preset("pixel-nano", image_size=(16, 64 * 16), initializer_range=0.2, **fields)
    hub.save(tmp_path / model_class.__name__, model_class(config), TextRenderer(max_seq_length=64))
    return tmp_path / model_class.__name__


@pytest.fixture
def folder(tmp_path):
    return folder_with(PixelForPreTraining, tmp_path)


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
@pytest.mark.parametrize("layer", [None, 0, 2, -1])
def test_vectors_do_not_depend_on_company(pooling, layer, folder):
    model = pixlm.load(folder)
    alone = np.concatenate([model.embed([text], pooling=pooling, layer=layer) for text in TEXTS])
    for packing in ("on", "off", "auto"):
        together = model.embed(TEXTS, pooling=pooling, layer=layer, packing=packing, batch_size=4)
        assert together.shape == (6, 128)
        assert together.dtype == np.float32
        np.testing.assert_allclose(together, alone, rtol=1e-4, atol=2e-5)


def test_vectors_are_what_the_encoder_says(folder):
    model = pixlm.load(folder)
    encoder = hub.load_model(folder, PixelEncoder)
    rendered = model.encoder.renderer("two words", return_tensors="pt", padding="longest")
    outputs = encoder(rendered["pixel_values"], rendered["attention_mask"], output_hidden_states=True)
    expected = outputs.last_hidden_state[0, 1:].mean(0).detach().numpy()
    np.testing.assert_allclose(model.embed(["two words"])[0], expected, rtol=1e-4, atol=1e-5)
    cls = outputs.hidden_states[1][0, 0].detach().numpy()
    np.testing.assert_allclose(model.embed(["two words"], pooling="cls", layer=1)[0], cls, rtol=1e-4, atol=1e-5)


def test_any_head_has_vectors(tmp_path):
    for model_class in (PixelEncoder, PixelForSequenceClassification):
        model = pixlm.load(folder_with(model_class, tmp_path, pooling_mode="cls"))
        assert model.embed(TEXTS).std() > 0
    assert model.embed([]).shape == (0, 128)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": "one"}, "embed takes a list"),
        ({"pooling": "pma"}, "choose mean, max or cls"),
        ({"layer": 4}, "the model has layers 1 to 3"),
        ({"layer": -5}, "the model has layers 1 to 3"),
        ({"batch_size": 0}, "must be 1 or more"),
    ],
)
def test_wrong_arguments(arguments, message, folder):
    with pytest.raises(UsageError, match=message):
        pixlm.load(folder).embed(**{"texts": TEXTS, **arguments})


def test_a_renderer_of_another_patch_size(folder):
    TextRenderer(max_seq_length=64, pixels_per_patch=24).save_pretrained(str(folder))
    with pytest.raises(UsageError, match=r"reads patches of 16 pixels, but the renderer draws 24") as error:
        pixlm.load(folder)
    assert len(str(error.value).splitlines()) == 1


def test_a_renderer_longer_than_the_model(folder):
    TextRenderer(max_seq_length=100).save_pretrained(str(folder))
    model = pixlm.load(folder)
    assert model.encoder.max_length == 64
    assert model.embed(["long " * 200]).shape == (1, 128)


def test_embed_on_the_command_line(folder, tmp_path, pixlm):
    import pixlm as library

    lines = ["one line", "", "Ein längerer Text mit mehr Wörtern."]
    source = tmp_path / "texts.txt"
    source.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    expected = library.load(folder).embed(lines, layer=1)
    for name in ("v.npy", "v.npz", "deep/v.jsonl"):
        code, out, _ = pixlm("embed", "--model", folder, "--data", source, "--layer", 1, "--output", tmp_path / name)
        assert code == 0
        assert "3 vectors of 128 numbers" in out
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), expected)
    np.testing.assert_array_equal(np.load(tmp_path / "v.npz")["vectors"], expected)
    records = [json.loads(line) for line in (tmp_path / "deep" / "v.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [record["text"] for record in records] == lines
    np.testing.assert_allclose([record["vector"] for record in records], expected, rtol=1e-6)
    assert pixlm("embed", "one line", "--model", folder, "--layer", 1, "--output", tmp_path / "w.npy")[0] == 0
    np.testing.assert_allclose(np.load(tmp_path / "w.npy"), expected[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a text", "--output", "x.npy"], "needs --model"),
        (["a text", "--model", "m"], "needs --output"),
        (["a text", "--model", "m", "--output", "x.txt"], "ends in .npy, .npz, .jsonl"),
        (["--model", "m", "--output", "x.npy"], "either TEXTS or --data"),
        (["--data", "nowhere.txt", "--model", "m", "--output", "x.npy"], "nowhere.txt: No such file"),
    ],
)
def test_wrong_use(arguments, message, pixlm):
    code, _, err = pixlm("embed", *arguments)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_preset_is_said_to_know_nothing(folder, recwarn):
    pixlm.load(str(folder))
    assert not any("without trained weights" in str(each.message) for each in recwarn)
    with pytest.warns(UserWarning, match="pixel-nano is an architecture without trained weights"):
        pixlm.load("pixel-nano")
