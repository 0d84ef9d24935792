"""What the cache spares in drawing on, and what a training step costs beside a Llama of the same size.

    python benchmarks/pixelgpt.py                       # the released size, some minutes on a CPU
    python benchmarks/pixelgpt.py --model pixelgpt-tiny --prefix 128 256 --new 64

Drawing: the same patches behind the same prompts, with the key-value cache and by reading everything again for each
patch; "whole" is all of it, the reading of the prompt included, "patch" one more patch alone. Training: forward and
backward pass of the next-patch objective against ``LlamaForCausalLM`` on tokens, trunk, batch and length being the
same. Weights are random. Times are CPU time of all threads, or on a GPU its own; measured in turn, the least of each.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

# Threads that wait must not count as work on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from pixlm.models import PixelGPTForCausalLM, preset

FLOOR = 8.0
"""What the cache should at least spare at the released size, behind 256 patches and more."""


def cost(work: Callable[[], Any], device: torch.device) -> float:
    """Seconds of computing."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        return time.perf_counter() - start
    start = time.process_time()
    work()
    return time.process_time() - start


def best(works: Sequence[Callable[[], Any]], repeat: int, device: torch.device) -> list[float]:
    """The least cost of each, measured in turn."""
    costs = [[cost(work, device) for work in works] for _ in range(repeat)]
    return [min(each) for each in zip(*costs, strict=True)]


def strips(config: Any, rows: int, patches: int, device: torch.device) -> torch.Tensor:
    """Random bytes as strips."""
    side = config.patch_size
    generator = torch.Generator().manual_seed(0)
    shape = (rows, config.num_channels, side, side * patches)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator).to(device)


def drawing(
    model: PixelGPTForCausalLM, prefix: int, new: int, repeat: int, device: torch.device
) -> tuple[float, float]:
    """How many times as long drawing takes without the cache: (whole, patch)."""
    prompt = strips(model.config, 1, prefix, device)

    def draw(count: int, use_cache: bool) -> Callable[[], Any]:
        options = {"max_new_patches": count, "use_cache": use_cache, "stop_at_end": False}
        return lambda: model.generate_patches(prompt, **options)

    # The first patch is the reading of the prompt, either way.
    first, cached, again = best([draw(1, True), draw(new, True), draw(new, False)], repeat, device)
    return again / cached, (again - first) / max(cached - first, 1e-9)


def training(name: str, rows: int, length: int, repeat: int, device: torch.device) -> float:
    """How many times as long a step of PixelGPT takes as one of a Llama."""
    config = preset(name)
    fields = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    more = ("max_position_embeddings", "rms_norm_eps", "vocab_size")
    llama = LlamaForCausalLM(LlamaConfig(**{field: getattr(config, field) for field in (*fields, *more)})).to(device)
    ours = PixelGPTForCausalLM(config).to(device)
    pixels = strips(config, rows, length, device)
    ids = torch.randint(3, config.vocab_size, (rows, length), generator=torch.Generator().manual_seed(0)).to(device)

    def step(model: Any, **batch: Any) -> None:
        model.train()
        model(**batch).loss.backward()
        model.zero_grad(set_to_none=True)

    works = [
        lambda: step(ours, pixel_values=pixels, compute_loss=True),
        lambda: step(llama, input_ids=ids, labels=ids, use_cache=False),
    ]
    best(works, 1, device)
    mine, theirs = best(works, repeat, device)
    return mine / theirs


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pixelgpt-base")
    parser.add_argument("--prefix", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--new", type=int, default=32)
    parser.add_argument("--rows", type=int, default=1, help="sequences of a training step")
    parser.add_argument("--length", type=int, default=256, help="units of a training sequence")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(arguments)
    device = torch.device(args.device)
    torch.manual_seed(0)
    config = preset(args.model)
    print(
        f"{args.model}: {config.hidden_size} wide, {config.num_hidden_layers} layers, {torch.get_num_threads()} threads"
    )
    model = PixelGPTForCausalLM(config).to(device).eval()
    for prefix in args.prefix:
        whole, patch = drawing(model, prefix, args.new, args.repeat, device)
        told = f" (floor {FLOOR:g})" if args.model == "pixelgpt-base" and prefix >= 256 else ""
        print(
            f"drawing {args.new} behind {prefix}: cache spares {whole:.1f} x whole, {patch:.1f} x a patch{told}",
            flush=True,
        )
    del model
    ratio = training(args.model, args.rows, args.length, args.repeat, device)
    print(f"training step of {args.rows} x {args.length}: {ratio:.2f} x LlamaForCausalLM's")


if __name__ == "__main__":
    main()
