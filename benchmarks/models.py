"""What a model does not compute, as ratios side by side in one run.

    python benchmarks/models.py                          # base size, 2 threads, some minutes
    python benchmarks/models.py --model pixel-small --batch-size 16 --cases ud topic

The yardstick is how the original code runs: eager attention, colour images as floats, every text padded to
``max_seq_length``. Against it: batches sorted by length and padded to a usual width, and packed rows, both with grey
bytes and fused attention. Times are CPU time (all threads) per text; texts are real sentences, their lengths those of
the data: UD English and SIB-200 if ``--data`` holds them, else the Vietnamese treebank that ships with the repository.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# Threads that wait must not count as work on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from pixlm import TextRenderer
from pixlm.data import conllu
from pixlm.data.encoders import Encoded, RenderedText
from pixlm.data.packing import pack
from pixlm.data.sampler import BatchSampler, width_for
from pixlm.models import PixelForQuestionAnswering, PixelForSequenceClassification, PixelForTokenClassification, preset

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "demo" / "data" / "UD_Vietnamese-VTB" / "vi_vtb-ud-train.conllu"
FLOORS = {"ud": 4.0, "topic": 4.0, "qa": 1.5, "full": 1.1}
"""What the ratios of the better of our two ways should at least be; for memory it is :data:`MEMORY_FLOOR`."""
MEMORY_FLOOR = 2.0
HEADS = {
    "ud": PixelForTokenClassification,
    "topic": PixelForSequenceClassification,
    "qa": PixelForQuestionAnswering,
    "full": PixelForTokenClassification,
}
MAX_LENGTH = {"ud": 256, "topic": 256, "qa": 400, "full": 529}
EPOCH, MEASURED = 24, 6
"""Batches of an epoch, over which lengths are sorted, and how many of them are measured."""
WIDTHS = (10, 9, 6, 9, 6, 8, 6)
WAYS = ("original", "padded", "packed")


@dataclass
class Job:
    """Batches of one case in one way, a model, and what a step and an inference over all of them are."""

    case: str
    way: str
    model: torch.nn.Module
    batches: list[dict[str, torch.Tensor]]
    texts: int
    slots: int

    def train(self) -> None:
        self.model.train()
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5)
        for batch in self.batches:
            self.model(**batch, **self.labels(batch)).loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    def infer(self) -> None:
        self.model.eval()
        with torch.inference_mode():
            for batch in self.batches:
                self.model(**batch)

    def labels(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Any labels: what is learnt does not change the time."""
        shape = batch["attention_mask"].shape
        if self.case == "qa":
            return {"start_positions": torch.ones(shape[0]).long(), "end_positions": torch.ones(shape[0]).long()}
        return {"labels": torch.zeros(shape if self.case != "topic" else shape[0]).long()}


def texts_of(case: str, data: Path, number: int) -> tuple[list[str], str]:
    """Sentences of a case, and where they are from; the lengths of "qa" and "full" are made by joining sentences."""
    treebank, topics = data / "ud" / "en_ewt" / "en_ewt-ud-dev.conllu", data / "topic" / "sib200_eng_Latn" / "train.tsv"
    if case == "topic" and topics.is_file():
        with topics.open(encoding="utf-8", newline="") as file:
            found, source = (
                [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)],
                topics,
            )
    else:
        source = treebank if treebank.is_file() else SHIPPED
        found = [" ".join(sentence.words) for sentence in conllu.read(source)]
    order = np.random.default_rng(0).permutation(len(found))
    return [found[index] for index in order[: number * (30 if case in ("qa", "full") else 1)]], source.name


def encoded_texts(case: str, data: Path, number: int) -> tuple[list[Encoded], str]:
    """Rendered texts: as they are; joined to fill 60 % of the canvas on average (40 to 80); or all of it."""
    longest = MAX_LENGTH[case]
    encoder = RenderedText(TextRenderer(max_seq_length=longest))
    texts, source = texts_of(case, data, number)
    if case in ("qa", "full"):
        fill = np.linspace(0.4, 0.8, number) if case == "qa" else np.full(number, 2.0)
        pool = iter(texts * 10)
        joined = []
        for share in fill:
            text = next(pool)
            while encoder.measure(text) < share * longest - 10:
                text += " " + next(pool)
            joined.append(text)
        texts = joined
    return [encoder.encode(text) for text in texts], source


def batches_of(way: str, encoded: Sequence[Encoded], longest: int, batch_size: int) -> list[dict[str, torch.Tensor]]:
    """Batches as a run has them: some, evenly spread over the lengths. The yardstick's are all alike: two of them."""
    encoder = RenderedText(TextRenderer(max_seq_length=longest))
    if way == "original":
        groups = [list(encoded[start : start + batch_size]) for start in (0, batch_size)]
    else:
        lengths = np.array([one.length for one in encoded])
        sampler = BatchSampler(lengths, batch_size=batch_size, micro_batch_size=batch_size, steps=1, seed=0)
        batches = sorted(sampler.epoch_batches(0).tolist(), key=lambda batch: lengths[batch].max())
        middle = [int((place + 0.5) * len(batches) / MEASURED) for place in range(min(MEASURED, len(batches)))]
        groups = [[encoded[index] for index in batches[place]] for place in middle]
    made = []
    for group in filter(None, groups):
        if way == "packed":
            width = width_for(max(one.length for one in group), longest)
            images, patches = [one.units["pixel_values"] for one in group], [one.length for one in group]
            arrays = pack(images, patches, width, patch_size=16, channels=1)
        else:
            width = longest if way == "original" else width_for(max(one.length for one in group), longest)
            arrays = encoder.pad(group, width)
        batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
        if way == "original":
            batch["pixel_values"] = batch["pixel_values"].expand(-1, 3, -1, -1).float() / 255
        made.append(batch)
    return made


def job(case: str, way: str, arguments: argparse.Namespace) -> tuple[Job, str]:
    """Everything of one case and way."""
    number = arguments.batch_size * (2 if case == "full" else EPOCH)
    encoded, source = encoded_texts(case, arguments.data, number)
    batches = batches_of(way, encoded, MAX_LENGTH[case], arguments.batch_size)
    torch.manual_seed(0)
    config = preset(arguments.model, num_channels=3)
    config._attn_implementation = "eager" if way == "original" else "sdpa"
    model = HEADS[case](config)
    texts = arguments.batch_size * len(batches)
    slots = sum(batch["pixel_values"].shape[0] * batch["pixel_values"].shape[-1] // 16 for batch in batches)
    return Job(case, way, model, batches, texts, slots), source


def cpu_seconds(work: Callable[[], None], repeats: int) -> float:
    """Best of ``repeats``; the first batch has warmed up what there is to warm up."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def peak_memory(case: str, way: str, arguments: argparse.Namespace) -> float:
    """Peak memory in MB of a process that does one epoch of fine-tuning steps, weights and optimizer included."""
    command = [sys.executable, __file__, "--model", arguments.model, "--batch-size", str(arguments.batch_size)]
    command += ["--data", str(arguments.data), "--threads", str(arguments.threads), "--memory-of", case, way]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pixel-base", help="preset")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--cases", nargs="+", choices=HEADS, default=list(HEADS))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="holds ud/ and topic/")
    parser.add_argument("--memory-of", nargs=2, metavar=("CASE", "WAY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory_of:
        job(*arguments.memory_of, arguments)[0].train()
        status = Path("/proc/self/status").read_text()  # getrusage would give the parent's peak, were it higher
        print(int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 1024)
        return
    print(f"{arguments.model}, batches of {arguments.batch_size}, {arguments.threads} threads")
    columns = ("slots/text", "train ms", "ratio", "infer ms", "ratio", "peak MB", "ratio")
    print(f"{'case':6} {'way':9} " + " ".join(f"{name:>{width}}" for name, width in zip(columns, WIDTHS, strict=True)))
    for case in arguments.cases:
        yardstick: tuple[float, float, float] | None = None
        best = {"train": 0.0, "infer": 0.0, "memory": 0.0}
        for way in WAYS:
            if way == "packed" and case == "full":
                continue
            this, source = job(case, way, arguments)
            train = 1000 * cpu_seconds(this.train, arguments.repeats) / this.texts
            infer = 1000 * cpu_seconds(this.infer, arguments.repeats) / this.texts
            memory = peak_memory(case, way, arguments)
            yardstick = yardstick or (train, infer, memory)
            ratios = [before / now for before, now in zip(yardstick, (train, infer, memory), strict=True)]
            if way != "original":
                best = {name: max(best[name], ratio) for name, ratio in zip(best, ratios, strict=True)}
            print(
                f"{case:6} {way:9} {this.slots / this.texts:10.1f} {train:9.1f} {ratios[0]:6.2f} {infer:9.1f} "
                f"{ratios[1]:6.2f} {memory:8.0f} {ratios[2]:6.2f}   {source if way == 'original' else ''}",
                flush=True,
            )
        floor = FLOORS[case]
        missed = [name for name in ("train", "infer") if best[name] < floor]
        if case in ("ud", "topic") and best["memory"] < MEMORY_FLOOR:
            missed.append("memory")
        print(f"{case:6} at least {floor}: {'missed in ' + ', '.join(missed) if missed else 'met'}", flush=True)


if __name__ == "__main__":
    main()
