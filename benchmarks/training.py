"""Training speed as ratios, side by side in one run: `python benchmarks/training.py`.

Compares a pretraining step on rows padded to the longest of their batch, as pixlm does, with the same rows on PIXEL's
full canvas of 529 patches; and the sdpa attention with the eager one. Also says how long rendering and collating a
batch takes next to the step, which is what a data-loader worker has to keep up with.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch

from pixlm import TextRenderer
from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import RenderedText
from pixlm.data.masking import SpanMasking
from pixlm.data.pretraining.corpus import Selection, find_sources, pack_corpus
from pixlm.data.pretraining.parts import Packing
from pixlm.models import PixelForPreTraining, preset
from pixlm.tasks.objectives import MaskedPatches

TEXT = Path(__file__).resolve().parent.parent / "demo" / "data" / "text" / "vi.train.txt"
BATCH = 8


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Best of ``repeats`` after one run to warm up."""
    work()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Print the table."""
    encoder = RenderedText(TextRenderer())
    short = RenderedText(TextRenderer(max_seq_length=61))
    sentences = pack_corpus(find_sources(str(TEXT), {}), short, Packing(), Selection()).splits["train"]
    drawn = [Drawn(Draw(0, index), sentences[index]) for index in range(BATCH)]
    objective = MaskedPatches(encoder, SpanMasking(), seed=0)
    full = MaskedPatches(_FullCanvas(encoder.renderer), SpanMasking(), seed=0)
    times = {"collate": seconds(lambda: objective.collate(drawn))}
    for name, attention, source in (
        ("dynamic padding, sdpa", "sdpa", objective),
        ("dynamic padding, eager", "eager", objective),
        ("full canvas, sdpa", "sdpa", full),
    ):
        config = preset("pixel-tiny", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        config._attn_implementation = attention
        model = PixelForPreTraining(config)
        batch = source.collate(drawn)

        def step(model: PixelForPreTraining = model, batch: dict = batch, source: MaskedPatches = source) -> None:
            loss = source.loss(model, batch)
            (loss.sum / loss.count).backward()

        times[name] = seconds(step)
    base = times["dynamic padding, sdpa"]
    print(f"pixel-tiny, {BATCH} sentences of up to 60 patches, {torch.get_num_threads()} threads")
    for name, value in times.items():
        print(f"{name:24} {value * 1000:8.1f} ms   {value / base:6.2f} x the step with dynamic padding")


class _FullCanvas(RenderedText):
    """Pads every batch to the whole canvas."""

    def batch(self, encoded):  # type: ignore[no-untyped-def]
        return self.pad(encoded, self.max_length)


if __name__ == "__main__":
    main()
