"""Two processes (gloo, CPU): copies and shards of a model train as one process does, and write the same checkpoints."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pixlm import files

pytestmark = pytest.mark.slow  # imports torch twice more

SMALL = (
    *("--model", "pixel-nano", "--render.max-seq-length", "127", "--train.batch-size", "8", "--train.log-steps", "1"),
    *("--train.learning-rate", "1e-3", "--train.warmup", "1", "--train.dropout", "0", "--train.max-steps", "4"),
    *("--train.save-steps", "2", "--train.eval-steps", "2", "--train.eval-batch-size", "1"),
)
DRIVER = """
import json, sys
from pixlm.cli import main
for command in json.loads(sys.argv[1]):
    code = main(command)
    if code:
        sys.exit(code)
"""


def pretrain(texts: Path, output: Path, *more: str) -> list[str]:
    return ["pretrain", *SMALL, "--data", str(texts), "--output", str(output), *more]


def losses(run: Path) -> list[float]:
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [row[name] for row in rows for name in ("loss", "eval_loss") if name in row]


def unfinished(run: Path, copy: Path) -> Path:
    """A copy of a finished run as it was after two steps."""
    shutil.copytree(run, copy)
    for path in copy.iterdir():
        if path.name not in ("run.yaml", "inputs.json", "log.jsonl", "checkpoint-2"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return copy


@pytest.fixture(scope="module")
def odd(texts, tmp_path_factory) -> Path:
    """Texts with an odd number of dev examples, so that one process has one more."""
    folder = tmp_path_factory.mktemp("texts")
    shutil.copy(texts / "train.txt", folder)
    lines = (texts / "dev.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "dev.txt").write_text("\n".join(lines[:3]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def runs(odd, tmp_path_factory) -> Path:
    """The same run by one process (one), by two with copies (ddp), by two with shards (fsdp), and begun by one and
    ended by two with shards (grown)."""
    from pixlm.cli import main

    folder = tmp_path_factory.mktemp("processes")
    assert main(pretrain(odd, folder / "one")) == 0
    unfinished(folder / "one", folder / "grown")
    commands = [
        pretrain(odd, folder / "ddp"),
        pretrain(odd, folder / "fsdp", "--train.sharding", "full", "--train.micro-batch-size", "2"),
    ]
    # The output folder is no part of a configuration.
    commands.append(pretrain(odd, folder / "grown", "--train.sharding", "gradients"))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    driver = folder / "driver.py"
    driver.write_text(DRIVER)
    done = subprocess.run(
        [*launch, str(driver), json.dumps(commands)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("name", ["ddp", "fsdp", "grown"])
def test_two_processes_equal_one(runs, name):
    assert losses(runs / name) == pytest.approx(losses(runs / "one"), rel=1e-5)
    one, two = (load_file(runs / run / "model.safetensors") for run in ("one", name))
    assert one.keys() == two.keys()
    for key in one:
        torch.testing.assert_close(one[key], two[key], rtol=2e-3, atol=2e-5, msg=key)
    assert json.loads((runs / name / "metrics.json").read_text())["dev"]["examples"] == 3


def test_checkpoints_of_shards_are_those_of_one_process(runs):
    one, two = (runs / name / "checkpoint-4" for name in ("one", "fsdp"))
    assert files.verify(two) is None
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}
    moments, sharded = (load_file(path / "optimizer.safetensors") for path in (one, two))
    assert {key: value.shape for key, value in moments.items()} == {key: value.shape for key, value in sharded.items()}


def test_one_process_goes_on_with_a_sharded_run(runs, odd, tmp_path, pixlm):
    left = unfinished(runs / "fsdp", tmp_path / "left")
    code, out, error = pixlm(*pretrain(odd, left, "--train.micro-batch-size", "2"))
    assert code == 0, error
    assert "resuming from checkpoint-2" in out
    assert losses(left) == pytest.approx(losses(runs / "one"), rel=1e-5)
