"""The pango backend in the system's Python, where that has PyGObject and this environment has not.

PyGObject is rarely installed in a virtual environment, so without this the backend, and the comparison with the true
PangoCairo, would hardly ever run. Debian and Ubuntu: apt-get install python3-gi python3-gi-cairo gir1.2-pango-1.0.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PYTHON = Path("/usr/bin/python3")
#: This environment's packages: they fit a Python of the same version only.
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), sysconfig.get_path("platlib"), sysconfig.get_path("purelib")]),
}
NEEDED = """
import sys
assert sys.version_info[:2] == {version}, f"it is Python {{sys.version_info[0]}}.{{sys.version_info[1]}}"
import cairo, gi, numpy, uharfbuzz, freetype
gi.require_version("Pango", "1.0")
gi.require_version("PangoCairo", "1.0")
"""


@pytest.fixture(scope="module")
def run():
    if importlib.util.find_spec("gi") is not None:
        pytest.skip("PyGObject is installed here, so test_pango.py runs here")
    if not PYTHON.exists():
        pytest.skip(f"there is no {PYTHON}")

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PYTHON), *command], env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, check=False
        )

    probe = run("-c", NEEDED.format(version=tuple(sys.version_info[:2])))
    if probe.returncode:
        pytest.skip(f"{PYTHON} cannot run the backend: {probe.stderr.strip().splitlines()[-1]}")
    return run


def test_the_backend(run):
    done = run("-m", "pytest", "tests/rendering/backends/test_pango.py", "-q", "-p", "no:cacheprovider", "-rs")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "SKIPPED" not in done.stdout


def test_random_lines(run):
    done = run("scripts/fuzz_against_pango.py", "--lines", "400", "--seed", "5", "--show", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 failures" in done.stdout
    assert "unknown" not in done.stdout
