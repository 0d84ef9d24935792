"""Several seeds: a run each, mean and deviation of their scores, and nothing done twice."""

from __future__ import annotations

import json
import statistics

import pytest

from pixlm.errors import UsageError
from pixlm.training.seeds import parse_seeds, summary

FEW = ("--train.max-steps", "2", "--train.batch-size", "4", "--render.max-seq-length", "32")


def test_a_run_per_seed_then_mean_and_deviation(treebank, tmp_path, pixlm):
    output = tmp_path / "runs"
    command = ("finetune", "pos", "--model", "pixel-nano", "--data", treebank, "--output", output, *FEW)
    code, shown, _ = pixlm(*command, "--seeds", "3,5")
    assert code == 0
    assert "±" in shown
    scores = [json.loads((output / f"seed-{seed}" / "metrics.json").read_text())["test"] for seed in (3, 5)]
    mean = json.loads((output / "metrics.json").read_text())["test"]
    losses = [one["loss"] for one in scores]
    assert losses[0] != losses[1]
    assert mean["loss"] == pytest.approx(statistics.fmean(losses))
    assert mean["loss_std"] == pytest.approx(statistics.stdev(losses))
    assert mean["runs"] == 2
    before = (output / "seed-3" / "model.safetensors").stat().st_mtime_ns
    code, _, _ = pixlm(*command, "--seeds", "3,5,6")
    assert code == 0
    assert (output / "seed-3" / "model.safetensors").stat().st_mtime_ns == before
    assert json.loads((output / "metrics.json").read_text())["test"]["runs"] == 3
    code, _, error = pixlm(*command, "--seeds", "3", "--train.learning-rate", "1e-3")
    assert code == 2
    assert "train.learning_rate" in error


def test_scores_that_not_all_runs_have_are_left_out():
    runs = [{"dev": {"loss": 1.0, "words": 5, "f1": 0.5}}, {"dev": {"loss": 2.0, "words": 5}}]
    assert summary(runs) == {"dev": {"loss": 1.5, "loss_std": pytest.approx(0.70710678), "words": 5, "runs": 2}}


@pytest.mark.parametrize("text", ["", "a", "1,1", "-1", "1.5"])
def test_seeds_must_be_different_numbers(text):
    with pytest.raises(UsageError, match="different whole numbers"):
        parse_seeds(text)
