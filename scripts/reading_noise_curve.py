"""How well text is read back from its own picture, and from a noisy or blurred one.

    python scripts/reading_noise_curve.py FOLDER                      # accuracy per strategy and script, noise curve
    python scripts/reading_noise_curve.py FOLDER --plot docs/images/reading-noise.png

FOLDER holds UTF-8 text files, one a language, named NAME.txt. The odd lines of a file are the corpus, the even ones are
read. Prints Markdown: the share of characters that are read right (difflib's matching blocks; spaces count), with word
starts known; characters read per CPU second, the first time and again; then the same with noise added to every pixel
(standard deviation, white is 1 and black 0, clipped) or a box blur (read with blur=None).
"""

import argparse
import difflib
import time
from pathlib import Path

import numpy as np

from pixlm import TextRenderer

STRATEGIES = ("bigrams", "grapheme-bigrams", "mono", "words")
NOISE = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
BLUR = (3, 5)


def accuracy(texts: list[str], read: list[str]) -> float:
    right = total = 0
    for text, other in zip(texts, read, strict=True):
        text = " ".join(text.split())
        total += len(text)
        matcher = difflib.SequenceMatcher(None, text, other, autojunk=False)
        right += len(text) if text == other else sum(block.size for block in matcher.get_matching_blocks())
    return right / total


def halves(path: Path, lines: int) -> tuple[list[str], list[str]]:
    """Corpus and lines to be read."""
    every = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return every[::2], every[1::2][:lines]


def blurred(image: np.ndarray, size: int) -> np.ndarray:
    """The mean over squares of ``size`` pixels a side."""
    padded = np.pad(image, [(size // 2, size - 1 - size // 2)] * 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    return windows.mean(axis=(2, 3))


def read_all(
    renderer: TextRenderer, images: list[np.ndarray], starts: list, corpus: list[str], blur: float | None = 0.0
) -> list[str]:
    return [one.text for one in renderer.read(images, word_starts=starts, candidates=tuple(corpus), blur=blur)]


def table(folder: Path, lines: int) -> None:
    print("| text | " + " | ".join(f"{strategy} | first, again (chars/s)" for strategy in STRATEGIES) + " |")
    print("|---" * (1 + 2 * len(STRATEGIES)) + "|")
    renderers = {strategy: TextRenderer(strategy=strategy, max_seq_length=4096) for strategy in STRATEGIES}
    for path in sorted(folder.glob("*.txt")):
        corpus, texts = halves(path, lines)
        if not texts:
            continue
        row = [path.stem]
        for renderer in renderers.values():
            rendered = [renderer.render(text, padding=False) for text in texts]
            images, starts = [one.pixel_values for one in rendered], [one.word_starts for one in rendered]
            read_all(renderer, images[:1], starts[:1], corpus)  # makes the reader
            speeds = []
            for _ in range(2):
                start = time.process_time()
                read = read_all(renderer, images, starts, corpus)
                speeds.append(sum(map(len, texts)) / (time.process_time() - start))
            row += [f"{100 * accuracy(texts, read):.2f}", f"{speeds[0]:.0f}, {speeds[1]:.0f}"]
        print("| " + " | ".join(row) + " |", flush=True)


def curve(folder: Path, names: list[str], strategies: list[str], lines: int) -> dict[str, list[float]]:
    print("\n| text, strategy | " + " | ".join(f"noise {level}" for level in NOISE) + " | "
          + " | ".join(f"blur {size} px" for size in BLUR) + " |")  # fmt: skip
    print("|---" * (1 + len(NOISE) + len(BLUR)) + "|")
    curves: dict[str, list[float]] = {}
    for strategy in strategies:
        renderer = TextRenderer(strategy=strategy, max_seq_length=4096)
        for name in names:
            corpus, texts = halves(folder / f"{name}.txt", lines)
            rendered = [renderer.render(text, padding=False) for text in texts]
            starts = [one.word_starts for one in rendered]
            clean = [one.pixel_values / 255 for one in rendered]
            random = np.random.default_rng(0)
            values = []
            for level in NOISE:
                images = [np.clip(image + random.normal(0, level, image.shape), 0, 1) for image in clean]
                values.append(100 * accuracy(texts, read_all(renderer, images, starts, corpus)))
            curves[f"{name}, {strategy}"] = list(values)
            for size in BLUR:
                images = [blurred(image, size) for image in clean]
                values.append(100 * accuracy(texts, read_all(renderer, images, starts, corpus, None)))
            cells = " | ".join(f"{value:.1f}" for value in values)
            print(f"| {name}, {strategy} | {cells} |", flush=True)
    return curves


def plot(curves: dict[str, list[float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (axes, samples) = pyplot.subplots(1, 2, figsize=(11, 4), width_ratios=(3, 2), layout="constrained")
    for name, values in curves.items():
        axes.plot(NOISE, values, marker="o", label=name)
    axes.set(xlabel="noise (standard deviation; black 0, white 1)", ylabel="characters read right (%)", ylim=(0, 101))
    axes.grid(alpha=0.3)
    axes.legend()
    renderer = TextRenderer(strategy="bigrams", max_seq_length=4096)
    image = renderer.render("All human beings are born free", padding=False).pixel_values / 255
    random = np.random.default_rng(0)
    levels = (0.0, 0.1, 0.2, 0.3, 0.4)
    rows = [np.clip(image + random.normal(0, level, image.shape), 0, 1) for level in levels]
    samples.imshow(np.concatenate(rows), cmap="gray", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    samples.set_yticks([16 * place + 8 for place in range(len(levels))], [str(level) for level in levels])
    samples.set_xticks([])
    samples.set_title("what is read, by noise")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"\nwritten to {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=int, default=30, help="lines read of each file")
    parser.add_argument("--curve", nargs="+", default=["eng", "rus", "cmn_hans"], help="files of the noise curve")
    parser.add_argument("--strategies", nargs="+", default=["bigrams", "grapheme-bigrams", "words"])
    parser.add_argument("--plot", type=Path, help="PNG of the curve")
    parser.add_argument("--no-table", action="store_true")
    arguments = parser.parse_args()
    if not arguments.no_table:
        table(arguments.folder, arguments.lines)
    curves = curve(arguments.folder, arguments.curve, arguments.strategies, min(arguments.lines, 15))
    if arguments.plot:
        plot(curves, arguments.plot)


if __name__ == "__main__":
    main()
