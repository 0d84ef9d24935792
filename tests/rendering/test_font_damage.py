"""Damaged fonts are refused in one line, or drawn with; they never take the process down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "font_fuzz.py"
FONTS = {
    "NotoSansHebrew-Regular.ttf": "\u05e9\u05dc\u05d5\u05dd \u05d0\u05d1 abc",
    "NotoSansDevanagari-Regular.ttf": "क्षि हिन्दी a",
    "NotoSansCJKsc-subset.otf": "漢字 中",  # CFF outlines
    "NotoColorEmoji-subset.ttf": "😀🎉 a",
}


def _check(font: Path, text: str, folder: Path, first: int, count: int) -> None:
    command = [sys.executable, str(SCRIPT), str(folder), str(font), text, str(first), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"mutant {lines[-1] if lines else first} ended the process: {done.stderr[-500:]}"
    assert len(lines) == count
    outcomes = [line.split(" ", 1)[1] for line in lines]
    assert [line for line in lines if " error: " in line] == []
    refused = [outcome for outcome in outcomes if outcome.startswith("refused")]
    assert all("mutant.ttf" in outcome and "\\n" not in outcome for outcome in refused)
    assert 0 < len(refused) < count


@pytest.mark.parametrize("font", FONTS)
def test_a_hundred_mutants(fonts, tmp_path, font):
    _check(fonts / font, FONTS[font], tmp_path, 0, 100)


@pytest.mark.slow
@pytest.mark.parametrize("font", FONTS)
def test_a_thousand_mutants(fonts, tmp_path, font):
    _check(fonts / font, FONTS[font], tmp_path, 10_000, 1000)
