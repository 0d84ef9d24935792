"""The tests with the lowest, or the newest, versions that pyproject.toml allows: python scripts/try_versions.py lowest

    make test-lowest    # transformers, uharfbuzz and datasets at their lower bounds
    make test-newest    # everything as new as the bounds allow
    python scripts/try_versions.py lowest tests/models tests/data -x     # what follows goes to pytest

Beside the torch of constraints.txt. Makes an environment, .venv-lowest or .venv-newest, prints what it found, and runs
the tests in it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("transformers", "uharfbuzz", "datasets")
"""The packages whose bounds are tested."""


def requirements() -> list[str]:
    """All of pixlm's own, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]


def lowest() -> list[str]:
    """`name==bound` of each of NAMES."""
    bounds = dict(re.findall(r"^([\w-]+)>=([\w.]+)", "\n".join(requirements()), re.MULTILINE))
    return [f"{name}=={bounds[name]}" for name in NAMES]


def main() -> int:
    """Make the environment and run the tests; the exit code is pytest's."""
    if sys.argv[1:2] not in (["lowest"], ["newest"]):
        print("say lowest or newest", file=sys.stderr)
        return 2
    which, *options = sys.argv[1:]
    (torch,) = re.findall(r"^torch==.*$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    folder = ROOT / f".venv-{which}"
    if not folder.exists():
        venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    pins = [torch, *(lowest() if which == "lowest" else [])]
    subprocess.run([*pip, "install", "--quiet", "--upgrade", *pins, "--editable", f"{ROOT}[all,dev]"], check=True)
    listed = subprocess.run([*pip, "list", "--format", "freeze"], check=True, capture_output=True, text=True).stdout
    print(", ".join(line for line in listed.split() if line.partition("==")[0] in (*NAMES, "torch")), flush=True)
    return subprocess.run([python, "-m", "pytest", *(options or ["-m", "not slow"])], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
