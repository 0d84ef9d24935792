"""What a person sees of a run: the line per interval, pictures, trackers."""

from __future__ import annotations

import importlib.machinery
import json
import re
import sys
import types

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from pixlm.training.watch import Meter, duration, line

SMALL = (
    *("--model", "pixel-nano", "--render.max-seq-length", "127", "--train.batch-size", "8", "--train.max-steps", "4"),
    *("--train.log-steps", "2", "--train.dropout", "0.1"),
)


@pytest.fixture
def wandb(monkeypatch):
    """A module in wandb's place that writes down what it is told."""
    module = types.ModuleType("wandb")
    module.__spec__ = importlib.machinery.ModuleSpec("wandb", None)
    module.told = []
    module.init = lambda **options: module.told.append(("init", options))
    module.log = lambda row, step: module.told.append((step, row))
    module.finish = lambda: module.told.append(("finish", {}))
    module.Image = lambda picture: picture
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_lines_pictures_and_trackers(texts, tmp_path, pixlm, wandb):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    plain = ("pretrain", *SMALL, "--data", texts, "--output", tmp_path / "plain")
    assert pixlm(*plain)[0] == 0
    run = tmp_path / "run"
    command = ("pretrain", *SMALL, "--data", texts, "--output", run, "--pictures.steps", "2")
    code, _, error = pixlm(*command, "--train.report-to", "tensorboard", "wandb")
    assert code == 0
    pattern = (
        r"pretrain: step 4/4  loss [\d.]+  norm [\d.]+  lr [\d.e-]+  [\d,]+ patches/s  MFU [\d.]+%  "
        r"data wait [\d.]+%  ETA 0 s\n"
    )
    assert re.search(pattern, error), error
    rows = [json.loads(text) for text in (run / "log.jsonl").read_text().splitlines()]
    row = next(row for row in rows if row["step"] == 4 and "loss" in row)
    assert 0 < row["data_wait"] < 1
    assert 0 < row["mfu"] < 2
    # Pictures look, and change nothing.
    assert load_file(run / "model.safetensors").keys() == load_file(tmp_path / "plain" / "model.safetensors").keys()
    assert (run / "model.safetensors").read_bytes() == (tmp_path / "plain" / "model.safetensors").read_bytes()
    names = [f"step-{step}-text-{number}.png" for step in (2, 4) for number in (1, 2)]
    assert sorted(path.name for path in (run / "pictures").iterdir()) == sorted(names)
    early, late = (np.asarray(Image.open(run / "pictures" / f"step-{step}-text-1.png")) for step in (2, 4))
    assert early.shape == late.shape
    assert (early != late).any()
    assert (early[: len(early) // 3] == late[: len(late) // 3]).all()  # the original
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"images": 0}).Reload()
    assert [event.step for event in events.Scalars("loss")] == [2, 4]
    assert events.Scalars("loss")[1].value == pytest.approx(row["loss"])
    assert [event.step for event in events.Images("text-1")] == [2, 4]
    assert wandb.told[0][1]["project"] == "pixlm"
    assert wandb.told[0][1]["config"]["train"]["max_steps"] == 4
    assert (4, pytest.approx({key: value for key, value in row.items() if key != "step"})) in wandb.told
    assert wandb.told[-1][0] == "finish"


def test_speed_is_that_of_the_steps_and_waiting_a_share_of_it(monkeypatch):
    now = 0.0
    monkeypatch.setattr("pixlm.training.watch.time.perf_counter", lambda: now)
    meter = Meter("patches", peak=1000.0)
    meter.begin(10)
    for _ in range(2):
        with meter.step():
            with meter.waiting():
                now += 1
            now += 3
        meter.add(units=100, flops=2000)
        now += 6  # evaluation
    row = meter.read(12, 20)
    assert (row.pop("seconds"), row.pop("eta")) == (8, 8 * 10.0)
    assert row == {"patches_per_second": 200 / 8, "data_wait": 0.25, "mfu": 4000 / 8 / 1000}


def test_the_line_shows_what_there_is():
    row = {"loss": 0.51234, "grad_norm": None, "skipped": 3, "seen": {"en": 20, "hi": 10}, "eta": 93784.0}
    assert line(row) == "loss 0.5123  skipped 3  en 20 hi 10  ETA 1 d 2 h"
    assert [duration(seconds) for seconds in (59, 61, 3700)] == ["59 s", "1 min 1 s", "1 h 1 min"]
