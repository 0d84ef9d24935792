"""Bigrams against recorded outputs of PIXEL-M4's renderer that do not ship with the repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LINES = ROOT.parent / "shared" / "golden" / "rendering-lines"


@pytest.mark.parity
@pytest.mark.slow
def test_recorded_lines():
    if not LINES.is_dir():
        pytest.skip("the recorded lines are not there: they do not ship with the repository")
    script = ROOT / "scripts" / "check_rendering_lines.py"
    command = [sys.executable, str(script), "--mode", "bigrams", "--sample", "60", "--in-process"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
