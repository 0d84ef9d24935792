"""A pretraining run from raw text: speed, arithmetic, and how long a step waits for its data.

    python benchmarks/pretraining.py                           # a GPU: pixel-base, 256 images a step, bf16, compiled
    python benchmarks/pretraining.py --batch-size 2 --steps 3  # a CPU: pixel-base, three steps
    torchrun --nproc-per-node 8 benchmarks/pretraining.py      # several GPUs; the batch is that of all
    python benchmarks/pretraining.py --model pixel-nano --batch-size 2 --steps 2 --patches 64   # tries it out

Runs `pixlm pretrain` itself, rendering included, on full sequences, and reads its log.jsonl. The first steps
(--warm-up) do not count: compiling and the first use of memory. Evaluation and checkpoints are not part of a step. The
last line is how long PIXEL's published recipe (1,000,000 steps of 256 images) would take at that speed. What rendering
alone does on a core, by strategy, is in `benchmarks/strips.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import tempfile
from pathlib import Path

import torch

from pixlm.training.config import PretrainConfig, RenderConfig, TextConfig, TrainConfig
from pixlm.training.flops import peak_flops
from pixlm.training.plan import dtype_of
from pixlm.training.pretrain import pretrain

TEXT = Path(__file__).resolve().parent.parent / "demo" / "data" / "text" / "vi.train.txt"
RECIPE_IMAGES = 1_000_000 * 256


def corpus(folder: Path, images: int, patches: int) -> Path:
    """The demonstration's text as one document, as often as it takes for ``images`` full sequences."""
    lines = [line for line in TEXT.read_text(encoding="utf-8").splitlines() if line.strip()]
    characters = 3 * images * patches  # a patch holds two to three
    times = 1 + characters // sum(map(len, lines))
    path = folder / "train.txt"
    # Each process of a run writes the same, and none may read half of it.
    aside = folder / f"{os.getpid()}.partial"
    aside.write_text("\n".join(lines * times), encoding="utf-8")
    return aside.replace(path)


def settings(arguments: argparse.Namespace, folder: Path) -> PretrainConfig:
    """The run: PIXEL's recipe, a few steps of it."""
    steps = arguments.warm_up + arguments.steps
    data = str(arguments.data or corpus(folder, arguments.batch_size, arguments.patches))
    return PretrainConfig(
        model=arguments.model,
        output=str(folder / "run"),
        data=TextConfig(train=data),
        render=RenderConfig(max_seq_length=arguments.patches),
        train=TrainConfig(
            learning_rate=1.5e-4,
            schedule="cosine",
            weight_decay=0.05,
            batch_size=arguments.batch_size,
            micro_batch_size=arguments.micro_batch_size,
            max_steps=steps,
            save_steps=steps,
            log_steps=1,
            precision=arguments.precision,
            compile=arguments.compile,
            workers=arguments.workers,
            sharding=arguments.sharding,
        ),
    )


def main(given: list[str] | None = None) -> None:
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pixel-base", help="preset")
    parser.add_argument("--data", type=Path, help="text; default: the demonstration's, repeated")
    parser.add_argument("--patches", type=int, default=529, help="length of a sequence")
    parser.add_argument(
        "--batch-size", type=int, default=256 if on_gpu else 2, help="images a step, over all processes"
    )
    parser.add_argument("--micro-batch-size", type=int, help="images a forward pass and process")
    parser.add_argument("--steps", type=int, default=30 if on_gpu else 3, help="steps that count")
    parser.add_argument("--warm-up", type=int, default=5 if on_gpu else 1, help="steps that do not")
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=on_gpu)
    parser.add_argument("--workers", type=int, default=8 if on_gpu else 0, help="processes that render, a process")
    parser.add_argument("--sharding", choices=["none", "full", "gradients"], default="none")
    arguments = parser.parse_args(given)
    torch.set_float32_matmul_precision("high")
    with tempfile.TemporaryDirectory() as temporary:
        # All processes of a run on one machine need the same folder.
        shared = os.environ.get("TORCHELASTIC_RUN_ID")
        folder = Path(tempfile.gettempdir()) / f"pixlm-{shared}" if shared else Path(temporary)
        folder.mkdir(exist_ok=True)
        os.environ.setdefault("PIXLM_CACHE", str(folder / "cache"))
        config = settings(arguments, folder)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            pretrain(config)
        if os.environ.get("RANK", "0") == "0":
            rows = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
            report(arguments, [row for row in rows if "loss" in row][arguments.warm_up :])
            shutil.rmtree(folder, ignore_errors=True)


def report(arguments: argparse.Namespace, rows: list[dict[str, float]]) -> None:
    """Print the table; a step's seconds are weighed by its patches."""
    seconds = [row["seconds"] for row in rows]
    total = sum(seconds)

    def mean(name: str) -> float:
        return sum(row[name] * each for row, each in zip(rows, seconds, strict=True)) / total

    images = len(rows) * arguments.batch_size / total
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    peak, source = peak_flops(device, dtype_of(arguments.precision))
    world = os.environ.get("WORLD_SIZE", "1")
    print(f"{arguments.model}, {arguments.batch_size} x {arguments.patches} patches a step, {world} x {name}")
    print(f"seconds a step       {total / len(rows):10.3f}")
    print(f"images/s             {images:10.4g}")
    print(f"patches/s            {mean('patches_per_second'):10.0f}")
    print(f"MFU                  {mean('mfu'):10.1%}   of {peak / 1e12:.3g} TFLOP/s a device ({source})")
    print(f"waiting for data     {mean('data_wait'):10.2%}   of a step, {arguments.workers} workers")
    print(f"PIXEL's recipe       {RECIPE_IMAGES / images / 3600:10.0f} hours")


if __name__ == "__main__":
    main()
