"""Rendering speed as ratios to PangoCairo, side by side in one run: `python benchmarks/rendering.py [--text FOLDER]`.

The opponent draws with the system's PangoCairo the way the published renderers do (see `pango_opponent.py`); where
PyGObject is not installed the script says so and stops. Both draw the same lines with the same fonts, one thread each,
in portions that take turns, so that whatever else the machine does hits both, each after a few lines that do not count.
Times are processor time.

* cold: the first pass of both in a process of its own, each after one line of the same language that opens its fonts:
  all caches fill on the way, those of PangoCairo and FreeType, too. Two processes, for who is first of a portion.
* warm: the same lines again. What is kept is glyphs, words and cells, never a whole line unless it is one word.

Lines come from the text that ships with the tests (the Universal Declaration of Human Rights: few, so "cold" sees few
words twice), or from ``--text FOLDER``: one ``LANG.txt`` or ``LANG/LANG.txt.gz`` a language (en, uk, hi, ar, th, ta,
zh), which is how the table of the docs was made. Lines of one script and lines with several ("mixed") are told apart.

The compiled inner loops are used where they were built; with ``PIXLM_PURE_PYTHON=1`` it is Python alone.
Also prints upstream's recorded lines per second on its authors' lines (another machine, another text: an order of
magnitude against a straw man, not a ratio), memory of the warm caches, and the time that the import takes.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import multiprocessing
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append("/usr/lib/python3/dist-packages")  # where Debian puts PyGObject; last, so that nothing else changes

from pango_opponent import PangoOpponent

from pixlm import TextRenderer
from pixlm.errors import UsageError
from pixlm.rendering import compiled
from pixlm.rendering.unicode.properties import SCRIPT
from pixlm.rendering.unicode.scripts import NO_SCRIPT

UDHR = Path(__file__).resolve().parent.parent / "tests" / "data" / "udhr" / "udhr.tsv"


@dataclass(frozen=True)
class Language:
    """``recorded``: upstream's lines per second on a 2.5 GHz Xeon, continuous and bigrams, as measured with the
    published code on other lines of the same script; ``floors``: of bigrams, warm and cold."""

    name: str
    udhr: str
    recorded: tuple[int, int]
    floors: tuple[float, float]


LANGUAGES = {
    "en": Language("English", "eng", (2779, 87), (60, 10)),
    "uk": Language("Ukrainian", "ukr", (2142, 71), (40, 10)),
    "hi": Language("Hindi", "hin", (1779, 74), (40, 10)),
    "ar": Language("Arabic", "arb", (2526, 116), (40, 10)),
    "th": Language("Thai", "tha", (1792, 60), (40, 10)),
    "ta": Language("Tamil", "tam", (1871, 69), (40, 10)),
    "zh": Language("Chinese", "cmn_hans", (2591, 83), (40, 5)),
}
LONGEST = 200  # code points of a line
PORTION = 100  # lines drawn in turn
#: Lines before, which the side has drawn already and whose time does not count. After the other side's turn the
#: processor's caches hold the other's data, and a warm line takes twice the time until they are filled again.
LEAD = 20
FEWEST = 20  # lines to measure with

Draw = Callable[[Any], object]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--text", type=Path, help="folder with a text per language")
    parser.add_argument("--lines", type=int, default=400, help="lines a language")
    parser.add_argument("--only", default=",".join(LANGUAGES), help="languages, by comma")
    options = parser.parse_args()
    samples = {code: read_lines(code, options.text, options.lines) for code in options.only.split(",")}
    try:
        PangoOpponent(TextRenderer())
    except UsageError as error:
        print(f"nothing to compare with: {error}")
        return
    print(f"compiled inner loops: {compiled.status}")
    rows: list[Row] = []
    for code, lines in samples.items():
        rows += measure(code, lines)
    print_table(rows)
    print_opponent(rows)
    print_memory(samples)
    numpy, ours = import_time("numpy"), import_time("pixlm.rendering")
    print(f"\nimport: numpy {numpy:.3f} s, pixlm.rendering {ours:.3f} s (floor: under 0.3)")


def read_lines(code: str, folder: Path | None, count: int) -> list[str]:
    """``count`` lines of a language, cut at sentence ends or spaces to at most 200 code points."""
    text = "".join(_paragraphs(code, folder, count * LONGEST * 3))
    lines: list[str] = []
    for sentence in re.split(r"(?<=[.!?。！？।؟])\s*|\n", text):
        while len(sentence) > LONGEST:
            cut = sentence.rfind(" ", LONGEST // 2, LONGEST)
            cut = LONGEST if cut < 0 else cut
            lines.append(sentence[:cut].strip())
            sentence = sentence[cut:]
        lines.append(sentence.strip())
    lines = list(dict.fromkeys(line for line in lines if len(line) >= 20 and line.isprintable()))
    return lines[:: max(len(lines) // count, 1)][:count]


def _paragraphs(code: str, folder: Path | None, size: int) -> Iterator[str]:
    if folder is None:
        rows = (row.split("\t") for row in UDHR.read_text(encoding="utf-8").splitlines())
        yield from (row[-1] for row in rows if row[0] == LANGUAGES[code].udhr)
        return
    plain, packed = folder / f"{code}.txt", folder / code / f"{code}.txt.gz"
    with gzip.open(packed, "rt", encoding="utf-8") if packed.exists() else plain.open(encoding="utf-8") as file:
        for line in file:
            size -= len(line)
            if size < 0:
                return
            yield line


@dataclass
class Row:
    """One line of the table: lines per second of the opponent, and ours by what was measured."""

    code: str
    mode: str
    opponent: float
    opponent_cold: float
    ours: dict[str, float]


def measure(code: str, lines: list[str]) -> list[Row]:
    """Every mode of one language."""
    mixed = [line for line in lines if len({SCRIPT[char] for char in line} - NO_SCRIPT) > 1]
    lines = [line for line in lines if line not in set(mixed)]
    words = [line.split() for line in lines]
    pairs = list(zip(lines[::2], lines[1::2], strict=False))
    rows = []
    continuous = TextRenderer(missing_glyph="box")
    rows.append(race(code, "continuous", continuous, lines))
    if len(mixed) >= FEWEST:
        rows.append(race(code, "mixed", TextRenderer(missing_glyph="box"), mixed))
    rows.append(race(code, "words", TextRenderer(missing_glyph="box"), words))
    rows.append(race(code, "pair", TextRenderer(missing_glyph="box"), pairs))
    few = lines[: max(len(lines) // 4, FEWEST)]  # the opponent takes 10 ms a line
    rows.append(race(code, "bigrams", TextRenderer(strategy="bigrams", missing_glyph="box"), few, lines))
    batch = TextRenderer(strategy="bigrams", missing_glyph="box")
    batch(lines)
    rows[-1].ours["batch"] = batch_speed(batch, [lines[i : i + 64] for i in range(0, len(lines), 64)])
    return rows


METHODS = {"continuous": "text", "mixed": "text", "words": "words", "pair": "pair", "bigrams": "bigrams"}


def first_pass(mode: str, strategy: str, inputs: list[Any], ours_first: bool) -> tuple[float, float]:
    """Seconds of the opponent and of ours over lines that both see for the first time, in a new process."""
    renderer = TextRenderer(strategy=strategy, missing_glyph="box")
    sides = {
        "theirs": getattr(PangoOpponent(renderer), METHODS[mode]),
        "ours": lambda one: renderer.render(one, padding=False),
    }
    for draw in sides.values():
        draw(inputs[0])
    seconds = dict.fromkeys(sides, 0.0)
    gc.collect()
    for first in range(1, len(inputs), PORTION):
        portion = inputs[first : first + PORTION]
        lead = inputs[max(first - LEAD, 0) : first]
        for side in sorted(sides, reverse=not ours_first):
            seconds[side] += clock(sides[side], portion, lead)
    return seconds["theirs"], seconds["ours"]


def cold(mode: str, strategy: str, inputs: list[Any]) -> tuple[float, float]:
    """Lines per second of the opponent and of ours in a first pass; the mean of one process each for who is first."""
    total = [0.0, 0.0]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for ours_first in (True, False):
            found = pool.apply(first_pass, (mode, strategy, inputs, ours_first))
            total = [total[0] + found[0], total[1] + found[1]]
    count = 2 * (len(inputs) - 1)
    return count / total[0], count / total[1]


def race(code: str, mode: str, renderer: TextRenderer, inputs: list[Any], unseen: list[Any] | None = None) -> Row:
    """First passes over ``unseen`` (default the same lines), and three passes over what both have seen, in turn."""
    theirs, mine = cold(mode, renderer.strategy, inputs if unseen is None else unseen)
    opponent = getattr(PangoOpponent(renderer), METHODS[mode])
    for one in inputs:
        opponent(one)
        renderer.render(one, padding=False)
    gc.collect()
    ours = {"full": 0.0, "used": 0.0}
    warm = 0.0
    passes = 3 if mode != "bigrams" else 1
    for _ in range(passes):
        for first in range(0, len(inputs), PORTION):
            portion = inputs[first : first + PORTION]
            lead = portion[-LEAD:]
            warm += clock(opponent, portion, lead)
            ours["full"] += clock(renderer.render, portion, lead)
            ours["used"] += clock(lambda one: renderer.render(one, padding=False), portion, lead)
    count = len(inputs)
    rates = {name: count * passes / seconds for name, seconds in ours.items()}
    return Row(code, mode, count * passes / warm, theirs, {"cold": mine, **rates})


def batch_speed(renderer: TextRenderer, batches: list[list[str]]) -> float:
    """Lines per second in batches, best of three passes."""
    best = min(clock(renderer, batches) for _ in range(3))
    return sum(map(len, batches)) / best


def clock(draw: Draw, inputs: list[Any], lead: Sequence[Any] = ()) -> float:
    """Processor time of drawing ``inputs`` after ``lead``."""
    for one in lead:
        draw(one)
    start = time.process_time()
    for one in inputs:
        draw(one)
    return time.process_time() - start


def print_table(rows: list[Row]) -> None:
    print(
        f"{'':10} {'mode':11} {'cold':>7} {'full':>7} {'used':>7} {'batch':>7}   times the opponent; * below the floor"
    )
    for row in rows:
        floors = floors_of(row)
        cells = []
        for name in ("cold", "full", "used", "batch"):
            rate = row.ours.get(name)
            if rate is None:
                cells.append(f"{'':7}")
                continue
            ratio = rate / (row.opponent_cold if name == "cold" else row.opponent)
            cells.append(f"{ratio:6.1f}{'*' if ratio < floors.get(name, 0) else ' '}")
        print(f"{LANGUAGES[row.code].name:10} {row.mode:11} {' '.join(cells)}")


def floors_of(row: Row) -> dict[str, float]:
    """What each ratio has to reach."""
    if row.mode == "continuous":
        return {"cold": 1, "full": 4, "used": 7}
    if row.mode == "bigrams":
        warm, cold = LANGUAGES[row.code].floors
        return {"cold": cold, "full": warm, "used": warm, "batch": warm}
    return {"full": 1, "used": 1}


def print_opponent(rows: list[Row]) -> None:
    print("\nlines per second of processor time: the opponent here, and upstream as recorded elsewhere on other lines")
    for row in rows:
        if row.mode in ("continuous", "bigrams"):
            recorded = LANGUAGES[row.code].recorded[row.mode == "bigrams"]
            print(f"{LANGUAGES[row.code].name:10} {row.mode:11} {row.opponent:7.0f} {recorded:7}")


def print_memory(samples: dict[str, list[str]]) -> None:
    print("\nresident memory of caches after all lines (a process each), MB, continuous and bigrams")
    for code, lines in samples.items():
        sizes = [f"{cache_memory(lines, strategy):6.1f}" for strategy in ("continuous", "bigrams")]
        print(f"{LANGUAGES[code].name:10} {' '.join(sizes)}")


def cache_memory(lines: list[str], strategy: str) -> float:
    """Megabytes that a process grows by from the first line to the last."""
    code = (
        "import sys; from pixlm import TextRenderer\n"
        "def rss(): return int(open('/proc/self/statm').read().split()[1]) * 4096 / 1e6\n"
        "lines = sys.stdin.buffer.read().decode().split('\\n')\n"
        f"r = TextRenderer(strategy='{strategy}', missing_glyph='box')\n"
        "r.render(lines[0], padding=False); before = rss()\n"
        "for line in lines: r.render(line, padding=False)\n"
        "print(rss() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input="\n".join(lines).encode(), capture_output=True, check=True
    )
    return float(done.stdout)


def import_time(module: str) -> float:
    """Seconds that importing ``module`` takes in a fresh process, best of five, the interpreter's start left out."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    return min(float(run.stdout) for run in runs)


if __name__ == "__main__":
    main()
