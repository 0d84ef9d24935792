"""Calibration of classifiers, and doubt of masked models by dropout."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pixlm import hub
from pixlm.analysis.calibration import calibration, read_predictions
from pixlm.analysis.dropout import draw_uncertainty, dropping, monte_carlo
from pixlm.data.masking import RandomMasking
from pixlm.errors import UsageError
from pixlm.models.heads import Head
from toy_classifiers import classifier

TEXT = "the cat sat on the mat and the dog ate it"


def row(confidence: float, label: str = "a") -> str:
    scores = {"a": confidence, "b": 1 - confidence}
    return json.dumps(
        {"id": "1", "text": "t", "label": label, "prediction": max(scores, key=scores.get), "scores": scores}
    )


def test_the_error_is_the_distance_of_confidence_and_accuracy():
    # Ten answers with 0.9, of which six are right; ten with 0.55, of which five are.
    scores = [{"a": 0.9, "b": 0.1}] * 10 + [{"a": 0.55, "b": 0.45}] * 10
    labels = ["a"] * 6 + ["b"] * 4 + ["a"] * 5 + ["b"] * 5
    found = calibration(scores, labels, bins=10)
    assert found.expected == pytest.approx(0.5 * 0.3 + 0.5 * 0.05)
    assert found.maximum == pytest.approx(0.3)
    assert found.accuracy == 0.55
    assert found.confidence == pytest.approx(0.725)
    brier = (6 * 2 * 0.1**2 + 4 * 2 * 0.9**2 + 5 * 2 * 0.45**2 + 5 * 2 * 0.55**2) / 20
    assert found.brier == pytest.approx(brier)
    likelihood = -(6 * np.log(0.9) + 4 * np.log(0.1) + 5 * np.log(0.55) + 5 * np.log(0.45)) / 20
    assert found.likelihood == pytest.approx(likelihood)
    assert [each.count for each in found.bins] == [0, 0, 0, 0, 0, 10, 0, 0, 10, 0]
    sure = calibration([{"a": 1.0, "b": 0.0}] * 4, ["a"] * 4)
    assert sure.expected == sure.adaptive == sure.brier == 0
    assert sure.bins[-1].count == 4
    # A certain answer that is wrong is as bad as can be, and no infinity.
    assert calibration([{"a": 1.0, "b": 0.0}], ["b"]).likelihood < 30


def test_random_answers_that_say_so_are_calibrated():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 20_000)
    labels = ["a" if right else "b" for right in rng.random(20_000) < sure]
    found = calibration([{"a": p, "b": 1 - p} for p in sure], labels)
    assert found.expected < 0.02
    assert found.adaptive < 0.02


def test_the_command_and_bad_files(tmp_path, pixlm):
    good = tmp_path / "run" / "predictions-test.jsonl"
    good.parent.mkdir()
    good.write_text("\n".join([row(0.8), row(0.7, "b"), row(0.3, "b")]) + "\n")
    out = tmp_path / "out"
    code, printed, error = pixlm("analyze", "calibration", good.parent, "--output", out)
    assert code == 0, error
    assert "ECE" in printed
    written = json.loads((out / "calibration.json").read_text())
    assert written["predictions-test"]["examples"] == 3
    assert {path.suffix for path in out.iterdir()} == {".json", ".md", ".png", ".svg"}
    unlabelled = {"text": "t", "label": None, "scores": {"a": 1.0}}
    for name, text, message in (
        ("words.jsonl", json.dumps({"words": ["a"], "labels": ["X"], "predictions": ["X"]}), "has no probabilities"),
        ("plain.txt", "no JSON", "1: not a line of predictions.jsonl"),
        ("odds.jsonl", row(1.5), "scores are no probabilities"),
        ("nan.jsonl", row(float("nan")), "scores are no probabilities"),
        ("unlabelled.jsonl", json.dumps(unlabelled), "no example has a label"),
        ("empty.jsonl", "", "holds no text"),
        ("nan.jsonl", row(float("nan")), "nan.jsonl:1: scores are no probabilities"),
        ("logits.jsonl", json.dumps({"label": "a", "scores": {"a": 0.9, "b": 0.8}}), "1 together"),
        ("below.jsonl", row(0.5) + "\n" + row(-0.5), "below.jsonl:2: scores are no probabilities"),
    ):
        (tmp_path / name).write_text(text)
        code, _, error = pixlm("analyze", "calibration", tmp_path / name, "--output", out)
        assert code == 2
        assert message in error
    assert "holds no predictions" in pixlm("analyze", "calibration", out, "--output", out)[2]
    assert read_predictions(good)[1] == ["a", "b", "b"]


def test_dropout_varies_where_patches_were_removed():
    model = classifier("pixel-nano", Head.PRETRAINING, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    found = monte_carlo(model, TEXT, RandomMasking(0.4), samples=4, rate=0.2)
    removed = found.plain.removed
    assert (found.variance[removed] > 0).all()
    assert not found.variance[~removed].any()
    assert found.samples == 4
    assert found.correlation is None or -1 <= found.correlation <= 1
    again = monte_carlo(model, TEXT, RandomMasking(0.4), samples=4, rate=0.2)
    np.testing.assert_array_equal(again.variance, found.variance)
    other = monte_carlo(model, TEXT, RandomMasking(0.4), samples=4, rate=0.5)
    assert other.variance[removed].mean() > found.variance[removed].mean()
    columns = ~np.repeat(removed, 16)
    np.testing.assert_array_equal(found.mean[:, columns], found.plain.original[:, columns])
    picture = draw_uncertainty(found, scale=1)
    assert picture.ndim == 3
    # Nothing stays behind.
    assert not model.model.training
    assert model.model.config.attention_probs_dropout_prob == 0.0
    assert all(module.p == 0.0 for module in model.model.modules() if isinstance(module, torch.nn.Dropout))
    state = torch.random.get_rng_state()
    monte_carlo(model, TEXT, RandomMasking(0.4), samples=2, rate=0.2)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_models_own_dropout_is_used_and_none_is_said():
    model = classifier("pixel-nano", Head.PRETRAINING, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.3)
    found = monte_carlo(model, TEXT, RandomMasking(0.4), samples=2)
    assert found.rate == 0.3
    assert found.variance.any()
    with dropping(model.model, None):
        assert model.model.training
    none = classifier("pixel-nano", Head.PRETRAINING, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    with pytest.raises(UsageError, match=r"trained with dropout 0, .* name a rate"):
        monte_carlo(none, TEXT)
    with pytest.raises(UsageError, match="use 2 or more"):
        monte_carlo(none, TEXT, samples=1)
    with pytest.raises(UsageError, match="between 0 and 1"):
        monte_carlo(none, TEXT, rate=1.0)
    with pytest.raises(UsageError, match="masked PIXEL model; this is BertFor"):
        monte_carlo(classifier("bert-nano"), TEXT)


def test_the_command_draws_doubt(tmp_path, pixlm):
    model = classifier("pixel-nano", Head.PRETRAINING, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    hub.save(tmp_path / "model", model.model, model.encoder)
    command = ("analyze", "uncertainty", TEXT, "--model", tmp_path / "model", "--output", tmp_path / "out")
    code, _, error = pixlm(*command)
    assert code == 2
    assert "name a rate" in error
    code, printed, error = pixlm(*command, "--dropout", "0.1", "--samples", 3)
    assert code == 0, error
    assert "3 passes with dropout 0.1" in printed
    written = json.loads((tmp_path / "out" / "uncertainty.json").read_text())
    assert written["patches"]
    assert (tmp_path / "out" / "uncertainty.png").is_file()
    assert pixlm(*command, "--samples", 1, "--dropout", "0.1")[0] == 2
