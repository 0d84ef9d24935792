"""Worker processes that die or hang end a run with one line that names them; the run then goes on from there."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import time
from pathlib import Path

import pytest

from pixlm import files
from pixlm.data.draw import Draw
from pixlm.data.loading import Batches
from pixlm.errors import RunError
from pixlm.tasks.objectives import MaskedPatches

SMALL = (
    *("--model", "pixel-nano", "--render.max-seq-length", "63", "--train.batch-size", "4", "--train.save-steps", "2"),
    *("--train.max-steps", "8", "--train.log-steps", "1", "--train.workers", "2"),
)


def pretrain(texts: Path, output: Path, *more: str) -> tuple[str, ...]:
    return ("pretrain", *SMALL, "--data", str(texts), "--output", str(output), *more)


def plain(drawn: list) -> dict:
    return {"examples": [one.example for one in drawn]}


def pairs(count: int) -> list[list[Draw]]:
    return [[Draw(0, 2 * number), Draw(0, 2 * number + 1)] for number in range(count)]


class Odd(list):
    """Rows of which looking one up does something else."""

    def __init__(self, at: int, what):
        super().__init__(range(100))
        self.at, self.what = at, what

    def __getitem__(self, index):
        return self.what() if index == self.at else super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_are_the_same_with_any_number_of_workers(workers):
    with Batches(range(100), pairs(20), plain, workers=workers) as batches:
        assert [batch["examples"] for batch in batches] == [[2 * n, 2 * n + 1] for n in range(20)]
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("at", "worker", "shown"), [(9, 0, "8, 9"), (2, 1, "2, 3")])
def test_a_worker_that_is_killed_is_named_with_what_it_was_at(at, worker, shown):
    rows = Odd(at, lambda: os.kill(os.getpid(), signal.SIGKILL))
    began = time.monotonic()
    with (
        pytest.raises(
            RunError, match=rf"worker {worker} \(process \d+\) at examples {shown} \(from 0\) was killed by"
        ) as e,
        Batches(rows, pairs(20), plain, workers=2) as batches,
    ):
        list(batches)
    assert "SIGKILL" in str(e.value)
    assert "--train.workers" in str(e.value)
    assert "\n" not in str(e.value)
    assert time.monotonic() - began < 60
    assert not multiprocessing.active_children()


def test_a_worker_that_hangs_is_named_and_ended():
    rows = Odd(11, lambda: time.sleep(1000))
    began = time.monotonic()
    with (
        pytest.raises(RunError, match=r"worker 1 \(process \d+\) at examples 10, 11 \(from 0\) gave nothing for 1 s"),
        Batches(rows, pairs(20), plain, workers=2, timeout=1) as batches,
    ):
        list(batches)
    assert time.monotonic() - began < 60
    assert not multiprocessing.active_children()


def test_errors_that_are_not_about_workers_are_left_alone():
    def spoilt():
        raise ValueError("this page")

    def exhausted_and_then_wrong(batches):
        list(batches)  # after the last one workers end by themselves
        raise RuntimeError("mine")

    with pytest.raises(ValueError, match="this page"), Batches(Odd(3, spoilt), pairs(4), plain, workers=1) as batches:
        list(batches)
    with pytest.raises(RuntimeError, match="mine"), Batches(range(9), pairs(4), plain, workers=1):
        raise RuntimeError("mine")
    with pytest.raises(RuntimeError, match="mine"), Batches(range(9), pairs(4), plain, workers=1) as batches:
        exhausted_and_then_wrong(batches)
    assert not multiprocessing.active_children()


def test_a_run_whose_worker_is_killed_goes_on(texts, tmp_path, pixlm, monkeypatch):
    from pixlm.training.signals import StopOnSignal

    assert pixlm(*pretrain(texts, tmp_path / "straight"))[0] == 0
    output = tmp_path / "run"

    def kill_one(self, step):
        if step == 3:
            os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
        return False

    with monkeypatch.context() as patch:
        patch.setattr(StopOnSignal, "wants_stop", kill_one)
        code, _, error = pixlm(*pretrain(texts, output))
    assert code == 1
    assert re.search(r"^pixlm: data: worker \d \(process \d+\).* was killed by SIGKILL", error.splitlines()[-1])
    assert not multiprocessing.active_children()
    code, out, _ = pixlm(*pretrain(texts, output))
    assert code == 0
    assert "resuming from checkpoint-" in out
    for name in ("model.safetensors", "metrics.json"):
        assert files.sha256(output / name) == files.sha256(tmp_path / "straight" / name)


def test_a_run_whose_worker_hangs_ends_and_goes_on(texts, tmp_path, pixlm, monkeypatch):
    """Also in evaluation; and the time to wait is no part of what a run is."""
    collate = MaskedPatches.collate
    output = tmp_path / "run"

    def hang(training: bool):
        def odd(self, drawn):
            step = drawn[0].draw.step
            if (step is not None) == training and (step is None or step >= 3):
                time.sleep(1000)
            return collate(self, drawn)

        return odd

    began = time.monotonic()
    for training in (True, False):
        with monkeypatch.context() as patch:
            patch.setattr(MaskedPatches, "collate", hang(training))
            code, _, error = pixlm(
                *pretrain(
                    texts, output, "--train.workers", "1", "--train.worker-timeout", "1", "--train.eval-steps", "5"
                )
            )
        assert code == 1, error
        assert re.search(
            r"^pixlm: data: worker \d \(process \d+\) at examples .* gave nothing for 1 s", error.splitlines()[-1]
        )
        assert not multiprocessing.active_children()
    assert time.monotonic() - began < 100
    assert pixlm(*pretrain(texts, output, "--train.eval-steps", "5"))[0] == 0
    assert json.loads((output / "metrics.json").read_text())["dev"]["examples"] > 0


def test_signals_during_evaluation_leave_the_workers_alone(texts, tmp_path, pixlm, monkeypatch):
    """Terminals signal all processes of a run, whatever it is at."""
    predictions = MaskedPatches.predictions

    def signalled(self, *arguments):
        for child in multiprocessing.active_children():
            for number in (signal.SIGINT, signal.SIGTERM):
                os.kill(child.pid, number)
        return predictions(self, *arguments)

    monkeypatch.setattr(MaskedPatches, "predictions", signalled)
    code, _, error = pixlm(*pretrain(texts, tmp_path / "run", "--train.eval-steps", "4"))
    assert code == 0, error
