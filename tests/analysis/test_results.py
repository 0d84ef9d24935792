"""Tables of results: scores of runs and of several seeds beside the published ones of the same data."""

from __future__ import annotations

import json

import pytest

from pixlm.analysis.results import as_markdown, published, results_of
from pixlm.errors import UsageError

FEW = ("--train.max-steps", "1", "--train.batch-size", "4", "--render.max-seq-length", "32")


def test_runs_stand_beside_what_was_published_on_their_data(treebank, tmp_path, pixlm):
    output = tmp_path / "vietnamese"
    command = ("finetune", "pos", "--model", "pixel-nano", "--data", treebank, *FEW)
    assert pixlm(*command, "--seeds", "1,2", "--output", output)[0] == 0
    mean = json.loads((output / "metrics.json").read_text())["test"]
    dev, test = results_of(output)
    assert (dev.split, test.split) == ("dev", "test")
    assert dev.published == ()
    assert test.data == dev.data == "UD Vietnamese-VTB"
    assert (test.metric, test.value, test.runs) == ("accuracy", mean["accuracy"], 2)
    assert [each.value for each in test.published] == [0.857]
    single = results_of(output / "seed-1")[1]
    assert (single.runs, single.deviation) == (1, None)
    code, shown, _ = pixlm("table", output, "--output", tmp_path / "t.md")
    assert code == 0
    assert "85.7" in shown
    assert (tmp_path / "t.md").read_text() == as_markdown([dev, test])


def test_what_is_no_run_is_refused(tmp_path, pixlm):
    code, _, error = pixlm("table", tmp_path)
    assert code == 2
    assert "holds no finished run" in error
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(UsageError, match="not a run of pixlm"):
        results_of(tmp_path)


def test_published_scores_are_fractions_of_known_tasks():
    assert len(published()) > 50
    assert all(0 < each.value < 1 and (each.files or each.name) for each in published())
    assert {each.task for each in published()} == {"pos", "parsing", "ner", "glue", "qa"}
