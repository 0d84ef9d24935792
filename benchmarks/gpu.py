"""Patches per second and model FLOP utilisation (MFU) of training steps on one device.

    python benchmarks/gpu.py                                       # a GPU: pixel-base, bf16, compiled
    python benchmarks/gpu.py --model pixel-nano --batch-size 2 --steps 1 --patches 64 --peak-tflops 0.1   # tries it out

Counted is what a step cannot do without (`pixlm.training.flops`). MFU is that, over the time and the device's peak at
dense bf16 (--peak-tflops, or the table there). `benchmarks/pretraining.py` measures whole runs from raw text.
Optimizer and data are not counted, but the optimizer's time is measured.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch

from pixlm.models import PixelForPreTraining, PixelForTokenClassification, preset
from pixlm.training.flops import PEAK_TFLOPS, finetuning_flops, pretraining_flops


def seconds_per_step(step: Callable[[], None], steps: int, device: torch.device) -> float:
    """Mean over ``steps`` after two to warm up."""

    def finished() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    for _ in range(2):
        step()
    start = finished()
    for _ in range(steps):
        step()
    return (finished() - start) / steps


def trainer(
    model: torch.nn.Module, batch: dict[str, torch.Tensor], device: torch.device, arguments: argparse.Namespace
) -> Callable[[], None]:
    """A training step in bfloat16 with float32 weights, as a run does it."""
    model = model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=device.type == "cuda")
    called = torch.compile(model, dynamic=False) if arguments.compile else model
    batch = {name: value.to(device) for name, value in batch.items()}

    def step() -> None:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=arguments.precision == "bf16"):
            loss = called(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def peak_of(device: torch.device, given: float | None) -> float | None:
    """TFLOP/s, or None for an unknown device."""
    if given is not None or device.type != "cuda":
        return given
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)


def main(given: list[str] | None = None) -> None:
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pixel-base", help="preset")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--patches", type=int, default=529)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16" if on_gpu else "fp32")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=on_gpu)
    parser.add_argument("--attention", default="sdpa")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--peak-tflops", type=float)
    arguments = parser.parse_args(given)
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda" if on_gpu else "cpu")
    batch, patches = arguments.batch_size, arguments.patches
    config = preset(
        arguments.model,
        image_size=(16, 16 * patches),
        hidden_dropout_prob=arguments.dropout,
        attention_probs_dropout_prob=arguments.dropout,
    )
    config._attn_implementation = arguments.attention
    peak = peak_of(device, arguments.peak_tflops)
    pixels = torch.randint(0, 256, (batch, 1, 16, 16 * patches), dtype=torch.uint8)
    jobs = {
        "pretraining": (PixelForPreTraining, {}, pretraining_flops(config, patches)),
        "fine-tuning": (
            PixelForTokenClassification,
            {"labels": torch.zeros(batch, patches).long()},
            finetuning_flops(config, patches),
        ),
    }
    name = torch.cuda.get_device_name(device) if on_gpu else "CPU"
    print(f"{arguments.model}, {batch} x {patches} patches, {arguments.precision}, {arguments.attention}, {name}")
    for job, (head, more, flops) in jobs.items():
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(device)
        step = trainer(head(config), {"pixel_values": pixels, **more}, device, arguments)
        seconds = seconds_per_step(step, arguments.steps, device)
        reached = batch * flops / seconds / 1e12
        share = f"{reached / peak:6.1%} MFU" if peak else "MFU unknown: give --peak-tflops"
        memory = f"{torch.cuda.max_memory_allocated(device) / 2**30:6.1f} GiB" if on_gpu else ""
        print(
            f"{job:12} {1000 * seconds:9.1f} ms/step {batch * patches / seconds:12.0f} patches/s "
            f"{flops / 1e9:7.1f} GFLOP/image {reached:8.2f} TFLOP/s  {share} {memory}",
            flush=True,
        )


if __name__ == "__main__":
    main()
