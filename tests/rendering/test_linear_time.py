"""Work and memory grow with the length of the text, not faster: counted in executed lines of code, and in bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pixlm
from pixlm import TextRenderer
from pixlm.rendering.strategies import STRATEGIES

FONTS = Path(__file__).resolve().parents[1] / "golden" / "fonts"
SOURCE = str(Path(pixlm.__file__).parent)
MODES = [*((name, None) for name in STRATEGIES), ("continuous", "pixel"), ("bigrams", "pixel-m4")]

#: Ten minutes of a machine, and time is no measure on a busy one: for whoever changes how text is cut.
HEAVY = pytest.mark.skipif("PIXLM_HEAVY" not in os.environ, reason="takes minutes; set PIXLM_HEAVY=1")

#: Repeated as often as a length asks for.
UNITS = {
    "one word": "xy",
    "words": "ab ",
    "right-to-left words": "\u05e9\u05dc\u05d5\u05dd ",
    "both directions": "ab \u05e9\u05dc 12 ",
    "marks": "\u0301",
    "marks on right-to-left letters": "\u05d0\u05b8\u05b8\u05b8",
    "embeddings": "\u202b",
    "embeddings and their ends": "\u202ba\u202c",
    "isolates": "\u2067a\u05d0",
    "brackets": "(\u05d0[",
    "joiners": "\U0001f600\u200d",
    "Han": "\u65e5",
    "unassigned": "\u0378\U0003fffe",
    "surrogates": "\ud800a",
    "controls": "\x00\r\u2028",
}


def _renderer(strategy: str, compat: str | None) -> TextRenderer:
    return TextRenderer(
        FONTS / "NotoSans-Regular.ttf",
        fallback_fonts=[FONTS / "NotoSansHebrew-Regular.ttf", FONTS / "NotoSansCJKsc-subset.otf"],
        strategy=strategy,
        compat=compat,
        missing_glyph="box",
        max_seq_length=32,
    )


def _render(renderer: TextRenderer, text: str, windows: bool = False) -> None:
    keywords = {"return_offset_mapping": True}
    if windows:
        keywords |= {"return_overflowing_patches": True, "stride": 2}
    for given in (text, text.split(" ")):
        renderer.render(given, **keywords)
    if renderer.compat == "pixel":  # whose windows on pairs lay out all that is left, each of them
        keywords = {}
    renderer.render((text[:10], text), text_a_max_length=4, **keywords)


def _lines_of_code(renderer: TextRenderer, text: str, windows: bool) -> int:
    """Lines of pixlm's code that are executed, comprehensions counted once per element."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if not frame.f_code.co_filename.startswith(SOURCE):
            return None
        count += event == "line"
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        _render(renderer, text, windows)
    finally:
        sys.settrace(previous)
    return count


@pytest.mark.parametrize("windows", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("strategy", "compat"), MODES)
def test_lines_of_code_grow_linearly(strategy, compat, windows):
    renderer = _renderer(strategy, compat)
    for name, unit in UNITS.items():
        _render(renderer, unit * 40)  # what is met for the first time goes into caches
        short, long = (_lines_of_code(renderer, unit * (length // len(unit)), windows) for length in (600, 2400))
        assert long < 5 * short + 2000, f"{name}: {short} lines of code for 600 characters, {long} for 2400"


@HEAVY
@pytest.mark.parametrize(("strategy", "compat"), MODES)
@pytest.mark.parametrize("name", UNITS)
def test_eight_times_the_text_costs_eight_times_the_time(strategy, compat, name):
    renderer = _renderer(strategy, compat)

    def seconds(length: int) -> float:
        text = UNITS[name] * (length // len(UNITS[name]))
        began = time.process_time()
        for given in (text, [text], (text, text)):
            renderer.render(given, return_offset_mapping=True)
        return time.process_time() - began

    seconds(5_000)
    eighth, whole = seconds(25_000), seconds(200_000)
    assert whole < 8 * 4 * eighth + 0.5  # 64 times if time grew with the square


MEMORY = """
import resource, sys
sys.path.insert(0, {folder!r})
from test_linear_time import UNITS, _renderer
import numpy as np
renderer = _renderer({strategy!r}, {compat!r})
renderer.render("warm up")
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in ("words", "both directions", "marks", "Han"):
    unit = UNITS[name]
    text = unit * (1_000_000 // len(unit))
    for given in (text, [text], (text, text)):
        renderer.render(given, return_offset_mapping=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used)
"""


@HEAVY
@pytest.mark.parametrize(("strategy", "compat"), MODES)
def test_memory_of_a_million_characters(strategy, compat):
    code = MEMORY.format(folder=str(Path(__file__).parent), strategy=strategy, compat=compat)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1_500_000  # kilobytes
