"""How long fine-tuning waits for data: `python benchmarks/tasks.py [UD_FOLDER]`.

Prints, for POS tagging with a small model on the CPU, the share of a step's time that the training process spends
waiting for its next batch, from raw text: per strategy, with no worker (the training process renders itself) and with
one, without and with encoded examples cached on disk. Wall-clock shares of one run; torch gets one thread, so that a
worker has a core of its own on a two-core machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch.utils.data import DataLoader

from pixlm import hub
from pixlm.data import splits
from pixlm.data.cache import cached
from pixlm.data.draw import DrawnDataset
from pixlm.data.sampler import BatchSampler
from pixlm.models.heads import head_class
from pixlm.tasks import find_task

MODEL, BATCH, STEPS, WARM = "pixel-tiny", 32, 40, 5
DEMO = Path(__file__).resolve().parent.parent / "demo" / "data" / "UD_Vietnamese-VTB"


def wait_share(folder: Path, strategy: str, workers: int, cache: bool) -> tuple[float, float]:
    """(share of the time that is waiting for data, milliseconds a step)."""
    task = find_task("pos")
    examples = task.read(splits.find(str(folder), {}, task.naming).train)
    labels = task.labels(examples)
    config = hub.load_config(MODEL, **task.config_for(labels))
    encoder = hub.load_encoder(MODEL, strategy=strategy, max_seq_length=256)
    if cache:
        encoder = cached(encoder, [task.requests(examples)])
    model = hub.load_model(MODEL, head_class("pixel", task.head), config=config).train()
    objective = task.objective(encoder, labels)
    rows, lengths = task.rows(examples, encoder, training=True)
    sampler = BatchSampler(lengths, batch_size=BATCH, micro_batch_size=BATCH, steps=STEPS, seed=0)
    loader = iter(
        DataLoader(DrawnDataset(rows), batch_sampler=sampler, collate_fn=objective.collate, num_workers=workers)
    )
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    waited = begun = 0.0
    for step in range(STEPS):
        if step == WARM:
            waited, begun = 0.0, time.perf_counter()
        asked = time.perf_counter()
        batch = next(loader)
        waited += time.perf_counter() - asked
        loss = objective.loss(model, batch)
        (loss.sum / loss.count).backward()
        optimizer.step()
        optimizer.zero_grad()
    total = time.perf_counter() - begun
    return waited / total, 1000 * total / (STEPS - WARM)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO
    print(f"{MODEL}, batches of {BATCH} sentences of {folder.name}, {STEPS - WARM} steps, one torch thread")
    print(f"{'strategy':18} {'workers':>7} {'cache':>6} {'waiting':>8} {'ms/step':>8}")
    with tempfile.TemporaryDirectory() as own:
        os.environ["PIXLM_CACHE"] = own
        for strategy in ("bigrams", "continuous"):
            for workers, cache in ((0, False), (1, False), (1, True)):
                share, step = wait_share(folder, strategy, workers, cache)
                print(f"{strategy:18} {workers:7} {'yes' if cache else 'no':>6} {100 * share:7.1f}% {step:8.1f}")


if __name__ == "__main__":
    main()
