"""A job on a cluster, with commands that stand for SLURM's and really run the script on this machine."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

pytest.importorskip("submitit")

SMALL = (
    *("--model", "pixel-nano", "--render.max-seq-length", "127", "--train.batch-size", "8", "--train.log-steps", "1"),
    *("--train.learning-rate", "1e-3", "--train.dropout", "0", "--train.max-steps", "12", "--train.eval-steps", "100"),
)
# Runs the script in the background as the job 7 of two nodes, again as long as it is queued again.
SBATCH = """#!/bin/bash
grep -q -- "--nodes=2" "$1" && grep -q -- "--signal=USR2@60" "$1" || { echo "wrong script" >&2; exit 1; }
here=$(dirname "$0")
(
  export SLURM_JOB_ID=7 SLURM_NTASKS=2 SLURM_JOB_NUM_NODES=2 SLURM_JOB_NODELIST=localhost SLURM_RESTART_COUNT=0
  while true; do
    bash "$1"
    rm "$here/queued" 2>/dev/null || break
    SLURM_RESTART_COUNT=$((SLURM_RESTART_COUNT + 1))
  done
  touch "$here/ended"
) > "$here/job.log" 2>&1 &
echo "Submitted batch job 7"
"""
# Starts both tasks; the first time they get the signal of a job that has to make room, after the fifth step.
SRUN = """#!/bin/bash
while [[ "$1" == --* ]]; do [[ "$1" == --output || "$1" == --error ]] && shift; shift; done
for task in 0 1; do
  SLURM_PROCID=$task SLURM_NODEID=$task SLURM_LOCALID=0 "$@" >> "$(dirname "$0")/task-$task.log" 2>&1 &
  tasks="$tasks $!"
done
if [[ $SLURM_RESTART_COUNT == 0 ]]; then
  until [[ $(grep -c '"loss"' "$RUN/log.jsonl" 2>/dev/null) -ge 5 ]]; do sleep 0.02; done
  kill -USR2 $tasks
fi
wait
"""
SCONTROL = """#!/bin/bash
[[ "$1 $2" == "requeue 7" ]] && touch "$(dirname "$0")/queued"
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("scontrol", SCONTROL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("RUN", str(tmp_path / "run"))
    return folder


def losses(run: Path) -> list[float]:
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows if "loss" in row]


@pytest.mark.slow
def test_a_job_that_had_to_make_room_goes_on(cluster, texts, tmp_path, pixlm):
    command = ("pretrain", *SMALL, "--data", texts, "--output", tmp_path / "run")
    more = ("--slurm.nodes", "2", "--slurm.gpus", "0", "--slurm.grace", "60", "--slurm.hours", "1")
    code, out, error = pixlm(*command, *more)
    assert code == 0, error
    assert out.startswith("submitted job 7: 2 nodes, 2 processes; log: ")
    deadline = time.monotonic() + 200
    while not (cluster / "ended").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    log = (cluster / "task-0.log").read_text()
    assert "SIGUSR2: stopping after this step and saving a checkpoint" in log, log
    assert "is complete; the same command goes on from there" in log
    assert "resuming from checkpoint-" in log
    assert (tmp_path / "run" / "metrics.json").exists(), log
    alone = ("pretrain", *SMALL, "--data", texts, "--output", tmp_path / "alone")
    assert pixlm(*alone)[0] == 0
    assert losses(tmp_path / "run") == pytest.approx(losses(tmp_path / "alone"), rel=1e-4)


def test_what_does_not_fit_is_said_before_anything_is_queued(cluster, texts, tmp_path, pixlm, monkeypatch):
    command = ("pretrain", *SMALL, "--data", texts, "--output", tmp_path / "run", "--slurm.nodes")
    for more, message in (
        (("3", "--slurm.gpus", "1"), "--train.batch-size 8 cannot be shared by 3 nodes with 1 processes each"),
        (("0",), "--slurm.nodes 0: must be 1 or more"),
        (("1", "--slurm.gpus", "0"), "sbatch refused the job"),  # the stand-in wants two nodes
    ):
        code, _, error = pixlm(*command, *more)
        assert code == 2, error
        assert message in error.splitlines()[-1]
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, error = pixlm(*command, "2", "--slurm.gpus", "0")
    assert code == 2
    assert "there is no sbatch and srun here" in error
