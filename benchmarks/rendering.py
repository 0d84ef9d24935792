"""Rendering speed as ratios, side by side in one run: `python benchmarks/rendering.py`.

Compares TextRenderer with Pillow's own text drawing (basic layout, one font) on the same lines, a first pass over
unseen text with a second one, and full canvases with used patches only. Also prints the time that the import takes next
to numpy's. Absolute numbers depend on the machine and what else it does; the ratios are what to look at.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pixlm import TextRenderer
from pixlm.rendering.fonts import default_font

UDHR = Path(__file__).resolve().parent.parent / "tests" / "data" / "udhr" / "udhr.tsv"
LANGUAGES = {
    "eng": "English",
    "ukr": "Ukrainian",
    "hin": "Hindi",
    "arb": "Arabic",
    "tha": "Thai",
    "cmn_hans": "Chinese",
}
REPEATS = 20
"""The sample is small: every line is drawn this often, each time with another number in front, so that it is unseen."""


def lines_per_second(draw: Callable[[str], object], lines: list[str], repeats: int = 1) -> float:
    """Best of ``repeats`` passes, in lines per second of processor time."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        for line in lines:
            draw(line)
        best = min(best, time.process_time() - start)
    return len(lines) / best


def pillow(line: str) -> np.ndarray:
    """The same strip with Pillow."""
    canvas = Image.new("L", (16 * 529, 16), 255)
    ImageDraw.Draw(canvas).text((2, -3), line, font=FONT, fill=0)
    return np.asarray(canvas)


def import_time(module: str) -> float:
    """Seconds that importing ``module`` takes in a fresh process, best of five, the interpreter's start left out."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    return min(float(run.stdout) for run in runs)


FONT = ImageFont.truetype(str(default_font()), 13, layout_engine=ImageFont.Layout.BASIC)


def main() -> None:
    """Print the table."""
    rows = UDHR.read_text(encoding="utf-8").splitlines()
    print(f"{'':10} {'Pillow':>9} {'cold':>9} {'warm':>9} {'warm, used only':>16}  ratios to Pillow")
    for code, name in LANGUAGES.items():
        sample = [row.split("\t")[-1] for row in rows if row.split("\t")[0] == code]
        lines = [f"{number} {line}" for number in range(REPEATS) for line in sample]
        base = lines_per_second(pillow, lines, 3)
        renderer = TextRenderer()
        cold = lines_per_second(renderer.render, lines)
        warm = lines_per_second(renderer.render, lines, 3)
        used = lines_per_second(lambda line, r=renderer: r.render(line, padding=False), lines, 3)
        ratios = "  ".join(f"{value / base:.1f}" for value in (cold, warm, used))
        print(f"{name:10} {base:9.0f} {cold:9.0f} {warm:9.0f} {used:16.0f}  {ratios}")
    numpy, ours = import_time("numpy"), import_time("pixlm.rendering")
    print(f"\nimport: numpy {numpy:.3f} s, pixlm.rendering {ours:.3f} s ({ours / numpy:.1f} x)")


if __name__ == "__main__":
    main()
