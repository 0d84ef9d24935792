"""Filling in held-out text: what the predictors are, and that a perfect model is measured as perfect."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

from pixlm import hub
from pixlm.analysis.filling import _left_of, fill_in
from pixlm.data.masking import RandomMasking
from pixlm.data.pretraining.rows import Corpus
from pixlm.errors import UsageError
from pixlm.inference import PixelLM
from pixlm.models import target_patches
from pixlm.tasks.objective import Loss
from pixlm.tasks.objectives import MaskedPatches

LINES = ["the cat sat on the mat", "the dog ate the other cat", "a mat is not a dog, is it?", "the other dog sat there"]


def corpus(lines: list[str], encoder) -> Corpus:
    import numpy as np

    return Corpus({"en": lines}, [np.array([encoder.encode(line).length for line in lines], np.int32)])


@pytest.fixture
def model() -> PixelLM:
    name, drawn = "pixel-nano", {"strategy": "bigrams", "max_seq_length": 31}
    torch.manual_seed(0)
    return PixelLM(hub.load_model(name), hub.load_encoder(name, **drawn))


def test_the_left_neighbour_is_the_nearest_that_is_seen():
    removed = torch.tensor([[1, 0, 1, 1, 0, 0, 1]]).bool()
    assert _left_of(removed).tolist() == [[-1, -1, 1, 1, 1, 4, 5]]


def test_a_perfect_model_is_measured_as_perfect(model, monkeypatch):
    def knows(self, network, batch):
        logits = target_patches(batch["pixel_values"], 256, normalise=True)
        return Loss(logits.sum(), batch["count"], SimpleNamespace(logits=logits))

    monkeypatch.setattr(MaskedPatches, "loss", knows)
    rows = corpus(LINES, model.encoder)
    ((name, found),) = fill_in(model, rows, rows, RandomMasking(0.4), batch_size=3)
    assert name == "en"
    assert found.loss["model"] == 0
    assert found.patches >= 20
    assert found.characters >= 30
    assert found.read["nearest"] == 1.0
    # Drawn with the average contrast instead of its own a cell may be taken for another.
    assert found.read["model"] > 0.9
    assert found.read["white"] == 0
    assert found.read["left"] < 0.3


def test_trivial_predictors_are_what_they_say(model):
    rows = corpus(LINES, model.encoder)
    ((_, found),) = fill_in(model, rows, rows, RandomMasking(0.4), read_strips=0)
    assert not found.read
    # Patches have variance 1, so an empty one is about 1 off; the mean is the best constant.
    assert found.loss["white"] == pytest.approx(255 / 256, abs=0.02)
    assert found.loss["mean"] < found.loss["white"]
    assert found.loss["left"] > 1
    again = dict(fill_in(model, rows, rows, RandomMasking(0.4), read_strips=0, batch_size=2))["en"]
    assert again.loss == pytest.approx(found.loss, rel=1e-5)


def test_the_command_writes_a_table(texts, tmp_path, pixlm):
    run = tmp_path / "run"
    small = ("--render.strategy", "bigrams", "--render.max-seq-length", "63", "--train.batch-size", "4")
    assert (
        pixlm("pretrain", "--model", "pixel-nano", *small, "--data", texts, "--output", run, "--train.max-steps", 1)[0]
        == 0
    )
    out = tmp_path / "out"
    command = ("analyze", "reconstruction", "--model", run, "--output", out)
    code, printed, error = pixlm(*command, "--data", texts, "--strips", 3, "--read-strips", 1)
    assert code == 0, error
    found = json.loads((out / "reconstruction.json").read_text())
    (one,) = found.values()
    assert set(one["loss"]) == {"model", "mean", "white", "left"}
    assert set(one["read"]) == {"model", "nearest", "white", "left", "frequent"}
    assert (out / "reconstruction.md").read_text().count("\n") == 3
    assert "written to" in printed
    code, _, error = pixlm(*command, "--data.train", texts / "train.txt")
    assert code == 2
    assert "no dev split" in error
    assert pixlm("analyze", "dreams")[0] == 2
    assert pixlm("analyze")[0] == 0


def test_models_without_a_decoder_are_refused(model):
    rows = corpus(LINES, model.encoder)
    with pytest.raises(UsageError, match="pretrained masked model"):
        next(fill_in(PixelLM(hub.load_model("bert-nano"), model.encoder), rows, rows, RandomMasking(0.4)))
