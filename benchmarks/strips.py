"""How fast text becomes batches: `python benchmarks/strips.py [--data FOLDER] [--length 529]`.

For each strategy, strips of full length per second of processor time: packed from raw text (which a corpus is once),
drawn from blocks, and both. Then how fast strips that were drawn beforehand are read in random order. One core.

FOLDER holds a folder of text files for each language; default: the text of the demonstration.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pixlm import TextRenderer
from pixlm.data.encoders import RenderedText
from pixlm.data.pretraining.blocks import Cleaner, pack
from pixlm.data.pretraining.corpus import Selection, Source, find_sources, pack_corpus
from pixlm.data.pretraining.documents import Found, Line, Reading, documents, units_of
from pixlm.data.pretraining.parts import Packing
from pixlm.data.pretraining.shards import open_strips, plan_shards, write_shard
from pixlm.rendering.strategies import STRATEGIES

DEMO = Path(__file__).resolve().parent.parent / "demo" / "data" / "text"
STRIPS = 150
"""Strips that are timed in each cell."""


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def some_lines(source: Source, characters: int) -> list[Line | None]:
    """The beginning of a source's text."""
    lines: list[Line | None] = []
    for path in source.files["train"]:
        for unit in units_of(path, Reading()):
            for line in documents(unit, Reading(), Found()):
                lines.append(line)
                characters -= len(line.text) if line else 0
                if characters < 0:
                    return [*lines, None]
    return [*lines, None]


def rendering(sources: list[Source], length: int) -> None:
    """Strips a second by source and strategy."""
    print(f"strips of up to {length} patches per second and core: packed / drawn / both, of raw text")
    print(f"{'':12}" + "".join(f"{strategy:>24}" for strategy in STRATEGIES))
    for source in sources:
        cells = []
        for strategy in STRATEGIES:
            encoder = RenderedText(TextRenderer(strategy=strategy, max_seq_length=length, missing_glyph="box"))
            clean = Cleaner("spaces", encoder.covers)
            lines = some_lines(source, 6 * STRIPS * length)
            blocks: list[str] = []

            def packing(
                encoder: RenderedText = encoder, clean: Cleaner = clean, lines: list = lines, blocks: list = blocks
            ) -> None:
                for block in pack(lines, encoder.count, length - 1, clean):
                    if block is not None:
                        blocks.append(block.text)
                    if len(blocks) == STRIPS:
                        return

            packed = seconds(packing)
            patches = sum(encoder.count(text) + 1 for text in blocks)
            fresh = RenderedText(TextRenderer(strategy=strategy, max_seq_length=length, missing_glyph="box"))
            drawn = seconds(lambda fresh=fresh, blocks=blocks: [fresh.encode(text) for text in blocks])
            full = patches / length  # short documents make short strips; as many full ones as there are patches for
            cells.append(f"{full / packed:.0f} / {full / drawn:.0f} / {full / (packed + drawn):.0f}")
        print(f"{source.name:12}" + "".join(f"{cell:>24}" for cell in cells), flush=True)


def reading(sources: list[Source], length: int) -> None:
    """Strips a second that are read from shards in random order, beside drawing them."""
    encoder = RenderedText(TextRenderer(max_seq_length=length, missing_glyph="box"))
    folder = Path(tempfile.mkdtemp(prefix="pixlm-bench-"))
    os.environ["PIXLM_CACHE"] = str(folder / "cache")
    try:
        text = folder / "text.txt"
        lines = some_lines(sources[0], 6 * 20 * STRIPS * length)
        text.write_text("\n".join(line.text.strip() if line else "" for line in lines), encoding="utf-8")
        corpus = pack_corpus(find_sources(str(text), {}), encoder, Packing(), Selection()).splits
        order = np.random.default_rng(0).permutation(len(corpus["train"]))[: 4 * STRIPS]
        times = {"drawn": (seconds(lambda: [encoder.encode(corpus["train"][int(row)]) for row in order]), 0)}
        for form in ("parquet", "compact"):
            shards = plan_shards(corpus, form, 10_000)
            notes = [write_shard(shard, corpus[shard.split], encoder, folder / form, form) for shard in shards]
            paths = [str(folder / form / shard.file) for shard in shards]
            strips = open_strips({"text": paths}, encoder)["text"]
            taken = seconds(lambda strips=strips: [strips[int(row)] for row in order])
            times[form] = (taken, sum(note["bytes"] for note in notes))
        patches = sum(int(corpus["train"].lengths[row]) for row in order)
        print(f"\n{len(corpus['train'])} strips of {sources[0].name}, in random order:")
        for name, (taken, size) in times.items():
            stored = f", {size / max(len(corpus['train']), 1) / 1000:.1f} kB a strip" if size else ""
            print(f"{name:12}{patches / length / taken:8.0f} strips/s{stored}")
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Print both tables."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", default=str(DEMO))
    arguments.add_argument("--length", type=int, default=529)
    arguments.add_argument("--sources", default="", help="names of some of the folders, with commas")
    given = arguments.parse_args()
    sources = find_sources(given.data, {})
    chosen = [name for name in given.sources.split(",") if name]
    sources = [source for source in sources if not chosen or source.name in chosen]
    rendering(sources, given.length)
    reading(sources, given.length)


if __name__ == "__main__":
    main()
