"""What `pip install "pixlm[train]"` brings is enough for every verb: nothing of another extra is imported with it."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMPORTS = """
import importlib, sys
for name in {missing!r}:
    sys.modules[name] = None
from pixlm.cli import VERBS
import pixlm.tasks
for module, _, _ in VERBS.values():
    importlib.import_module(module)
"""


def distributions(*extras: str) -> set[str]:
    asked = [each for extra in extras for each in PROJECT["optional-dependencies"][extra]]
    names = {re.split(r"[\[<>=; ]", each)[0].lower() for each in asked}
    return names - {"pixlm"}


def modules_of(names: set[str]) -> set[str]:
    return {module for module, known in packages_distributions().items() if names & {name.lower() for name in known}}


def test_train_alone_imports_every_verb():
    others = set(PROJECT["optional-dependencies"]) - {"train", "all"}
    missing = modules_of(distributions(*others) - distributions("train") - {"fsspec"})  # datasets brings fsspec
    if not {"apted", "jiwer", "matplotlib"} <= missing:
        pytest.skip("the extras are not installed")
    script = IMPORTS.format(missing=sorted(missing))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
