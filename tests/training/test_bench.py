"""Models beside each other: equal budgets, costs, the table, runs that are taken over."""

from __future__ import annotations

import json
from concurrent.futures import Future
from pathlib import Path

import pytest
import yaml

from pixlm.errors import UsageError
from pixlm.training import bench as module
from pixlm.training.bench import BenchConfig, Row, bench
from pixlm.training.cost import Cost


class InThisProcess:
    """In place of a process of its own, which takes seconds to start."""

    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, function, *arguments):
        future: Future = Future()
        future.set_result(function(*arguments))
        return future


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "ProcessPoolExecutor", InThisProcess)
    monkeypatch.setattr(module, "SUITES", {"ud": ("pos",)})


def config(treebank, output, **more) -> BenchConfig:
    given = {"steps": 2, "batch_size": 4, "seeds": "0,1", **more}
    return BenchConfig(model="pixel-nano", data=(str(treebank),), budget="tiny", output=str(output), **given)


def test_every_model_gets_the_same_budget_and_data(quick, treebank, tmp_path, monkeypatch):
    rows = bench("ud", config(treebank, tmp_path))
    models = [row.model for row in rows]
    assert models == ["pixel-nano", "bert-nano", "(majority)", "(lexical)"]
    runs = [yaml.safe_load(path.read_text()) for path in sorted(tmp_path.rglob("run.yaml"))]
    assert len(runs) == 4
    assert all(run["train"] == runs[0]["train"] and run["data"] == runs[0]["data"] for run in runs)
    assert (runs[0]["train"]["max_steps"], runs[0]["train"]["batch_size"]) == (2, 4)
    assert runs[0]["train"]["patience"] is None
    assert {run["render"]["max_seq_length"] for run in runs} == {256}
    pixel, bert, *guesses = rows
    assert pixel.cost.parameters < bert.cost.parameters
    assert pixel.cost.units_per_word > 1 < bert.cost.units_per_word
    assert all(row.cost.seconds > 0 and row.cost.cpu_seconds > 0 for row in (pixel, bert))
    assert all(len(row.scores) == 2 and row.deviation is not None and row.lost == 0 for row in (pixel, bert))
    assert all(row.cost is None and row.deviation is None for row in guesses)
    for row, seed in ((pixel, 0), (bert, 1)):
        scores = json.loads((tmp_path / row.data / "pos" / row.model / f"seed-{seed}" / "metrics.json").read_text())
        assert scores["test"]["accuracy"] == row.scores[seed]
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["budget"] == {"steps": 2, "batch_size": 4, "learning_rate": 1e-3}
    assert [row["model"] for row in report["rows"]] == models
    assert report["rows"][0]["cost"]["parameters"] == pixel.cost.parameters
    # The same command takes over what is done; another budget does not mix with it.
    monkeypatch.setattr(module, "measured", lambda *_: pytest.fail("trained again"))
    assert bench("ud", config(treebank, tmp_path)) == rows
    with pytest.raises(UsageError, match=r"with another train\.max_steps"):
        bench("ud", config(treebank, tmp_path, steps=3))


def test_the_cost_of_a_resumed_run_is_not_known(quick, treebank, tmp_path, monkeypatch):
    from pixlm.errors import RunError
    from pixlm.training.signals import StopOnSignal

    one = config(treebank, tmp_path, seeds="0", baseline=())
    with monkeypatch.context() as patch:
        patch.setattr(StopOnSignal, "wants_stop", lambda self, step: step == 1)
        with pytest.raises(RunError, match="interrupted"):
            bench("ud", one)
    rows = bench("ud", one)
    assert rows[0].cost is None
    assert len(rows[0].scores) == 1


def test_wrong_use(quick, treebank, tmp_path, pixlm):
    given = ("--model", "pixel-nano", "--data", treebank, "--output", tmp_path / "out")
    for command, message in (
        (("bench",), "needs a suite first: ud"),
        (("bench", "du", *given), "no suite 'du'"),
        (("bench", "ud", *given[2:]), "no model given"),
        (("bench", "ud", *given[:2], *given[4:]), "no data given"),
        (("bench", "ud", *given[:4]), "no output folder given"),
        (("bench", "ud", *given, "--baseline", "pixel-nano"), "two are called pixel-nano"),
        (("bench", "ud", *given, "--seeds", "x"), "--seeds 'x'"),
    ):
        code, _, error = pixlm(*command)
        assert (code, error.count("\n")) == (2, 1), error
        assert message in error
    assert not list(Path(tmp_path).rglob("run.yaml"))


def test_the_table_shows_scores_and_costs(quick, treebank, tmp_path, pixlm, monkeypatch):
    cost = Cost(seconds=12.4, cpu_seconds=11.6, memory=150.2, parameters=560_000, units_per_word=2.3)
    rows = [
        Row("UD_X", "pos", "pixel-nano", "test", "accuracy", (0.5, 0.6), lost=3, cost=cost),
        Row("UD_X", "pos", "(majority)", "test", "accuracy", (0.25,)),
    ]
    monkeypatch.setattr("pixlm.cli.bench.bench", lambda *_: rows)
    code, out, _ = pixlm("bench", "ud", "--model", "pixel-nano", "--data", treebank, "--output", tmp_path)
    assert code == 0
    assert "1000 steps of 16 examples" in out
    line = next(line for line in out.splitlines() if "pixel-nano" in line)
    assert line.split() == ["pixel-nano", "0.5500", "±", "0.0707", "0.56", "M", "2.30", "3", "12", "12", "150"]
    assert "(majority)" in out


@pytest.mark.slow
def test_each_run_has_a_process_of_its_own(treebank, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SUITES", {"ud": ("pos",)})
    rows = bench("ud", config(treebank, tmp_path, seeds="0", baseline=()))
    assert rows[0].cost is not None
    if Path("/proc/self/status").exists():
        assert 0 < rows[0].cost.memory < 2000
    # Bad input inside the process is the same one line.
    (tmp_path / "bad").mkdir()
    with pytest.raises(UsageError, match="pixel-nano"):
        bench(
            "ud",
            config(treebank, tmp_path / "bad", seeds="0", baseline=(), render=module.RenderConfig(max_seq_length=999)),
        )
