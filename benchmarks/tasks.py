"""How long fine-tuning waits for data: `python benchmarks/tasks.py [UD_FOLDER]`.

Fine-tunes small taggers on the CPU as `pixlm finetune pos` does, from raw text, and prints the share of a step's time
that the training process spends waiting for its next batch (`data_wait` in log.jsonl): per model and strategy, with no
worker (the training process renders itself) and with one, without and with encoded examples cached on disk. Shares of
wall-clock time within each run, its first steps left out; torch gets one thread, so that a worker has a core of its own
on a two-core machine.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path

import torch

from pixlm.training.config import DataConfig, FinetuneConfig, RenderConfig, TrainConfig
from pixlm.training.finetune import finetune

BATCH, INTERVAL, INTERVALS = 32, 10, 4
CASES = (("pixel-tiny", "bigrams"), ("pixel-tiny", "continuous"), ("pixel-nano", "bigrams"))
DEMO = Path(__file__).resolve().parent.parent / "demo" / "data" / "UD_Vietnamese-VTB"


def wait_share(model: str, train: Path, strategy: str, workers: int, cache: bool) -> tuple[float, float]:
    """(share of the time that is waiting for data, patches a second) of all intervals of the log but the first."""
    steps = INTERVAL * INTERVALS
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        config = FinetuneConfig(
            model=model,
            output=str(Path(folder) / "run"),
            data=DataConfig(train=str(train), cache=cache),
            render=RenderConfig(strategy=strategy, max_seq_length=256),
            train=TrainConfig(
                batch_size=BATCH, max_steps=steps, save_steps=steps, log_steps=INTERVAL, workers=workers, warmup=0
            ),
        )
        with contextlib.redirect_stderr(io.StringIO()):
            finetune("pos", config)
        lines = (Path(folder) / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if "data_wait" in row][1:]
    share, speed = (sum(row[name] for row in rows) / len(rows) for name in ("data_wait", "patches_per_second"))
    return share, speed


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO
    train = next(folder.glob("*-ud-train.conllu"))
    kept = INTERVAL * (INTERVALS - 1)
    print(f"batches of {BATCH} sentences of {train.name}, {kept} steps, one torch thread")
    print(f"{'model':12} {'strategy':12} {'workers':>7} {'cache':>6} {'waiting':>8} {'patches/s':>10}")
    with tempfile.TemporaryDirectory() as own:
        os.environ["PIXLM_CACHE"] = own
        for model, strategy in CASES:
            for workers, cache in ((0, False), (1, False), (1, True)):
                share, speed = wait_share(model, train, strategy, workers, cache)
                kind = f"{model:12} {strategy:12} {workers:7} {'yes' if cache else 'no':>6}"
                print(f"{kind} {100 * share:7.1f}% {speed:10,.0f}", flush=True)


if __name__ == "__main__":
    main()
