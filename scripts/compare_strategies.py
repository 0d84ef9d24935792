"""How a strategy cuts a corpus: the first table of docs/small-models.md.

    python scripts/compare_strategies.py --data TEXT [--lines 400]

TEXT has a folder of text for each language, held out where a file's name says so. For each language and strategy:
patches for 100 characters, different patches among the first lines, and the share of the held-out lines' patches that
occur in those lines.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
from collections.abc import Iterable
from pathlib import Path

from pixlm.rendering import TextRenderer

STRATEGIES = ("continuous", "bigrams", "grapheme-bigrams")


def main() -> None:
    """Print one table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=400, help="lines of each language; a tenth as many held out")
    parser.add_argument("--only", default="", help="languages, by comma")
    options = parser.parse_args()
    only = set(options.only.split(",")) - {""}
    renderers = {name: TextRenderer(strategy=name, max_seq_length=529) for name in STRATEGIES}
    print("| language | " + " | ".join(f"{name}: patches | different | seen" for name in STRATEGIES) + " |")
    print("|---" * (1 + 3 * len(STRATEGIES)) + "|")
    for folder in sorted(path for path in options.data.iterdir() if path.is_dir()):
        if only and folder.name not in only:
            continue
        files = sorted(folder.glob("*.txt*"))
        train = lines_of([path for path in files if "heldout" not in path.name], options.lines)
        heldout = lines_of([path for path in files if "heldout" in path.name], max(1, options.lines // 10))
        cells = []
        for renderer in renderers.values():
            known = patches_of(renderer, train)
            new = patches_of(renderer, heldout)
            vocabulary = set(known)
            share = sum(patch in vocabulary for patch in new) / max(1, len(new))
            density = 100 * len(known) / max(1, sum(map(len, train)))
            cells += [f"{density:.0f}", f"{len(vocabulary):,}", f"{share:.0%}"]
        print(f"| {folder.name} | " + " | ".join(cells) + " |", flush=True)


def lines_of(paths: Iterable[Path], count: int) -> list[str]:
    """The first ones that hold something, cut so that they fit into a strip."""
    found = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            found += [line.strip()[:300] for line in itertools.islice((line for line in file if line.strip()), count)]
    return found[:count]


def patches_of(renderer: TextRenderer, lines: Iterable[str]) -> list[bytes]:
    """Every patch in use, in order."""
    patches = []
    for line in lines:
        one = renderer.render(line)
        strip = one.pixel_values[:, : 16 * one.num_text_patches]
        patches += [strip[:, at : at + 16].tobytes() for at in range(0, strip.shape[1], 16)]
    return patches


if __name__ == "__main__":
    main()
