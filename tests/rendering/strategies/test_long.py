"""The properties of test_properties.py with more examples."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_more_examples():
    properties = Path(__file__).parent / "test_properties.py"
    command = [sys.executable, "-m", "pytest", str(properties), "-q", "-x"]
    done = subprocess.run(
        command, env={**os.environ, "PIXLM_HYPOTHESIS": "more"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
