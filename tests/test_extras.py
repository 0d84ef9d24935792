"""What `pip install "pixlm[train]"` brings is enough for every verb: nothing of another extra is imported with it."""

import json
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
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


WITHOUT = """
import contextlib, io, json, sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, NotInstalled())
from pixlm.cli import main
said = {{}}
for command in {commands!r}:
    error = io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
        code = main(command)
    said[" ".join(command)] = [code, error.getvalue()]
print(json.dumps(said))
"""


def test_without_extras_each_verb_says_in_one_line_what_to_install(tmp_path):
    from pixlm.cli import VERBS
    from pixlm.cli.analyze import NAMES

    missing = modules_of(distributions(*PROJECT["optional-dependencies"])) - {"packaging"}
    if "torch" not in missing:
        pytest.skip("the extras are not installed")
    needy = [[verb, "a"] for verb, (_, extra, _) in VERBS.items() if extra and verb != "analyze"]
    needy += [["analyze", name] for name in NAMES] + [["demo"], ["data", "tokenizer", "--data", "x", "--output", "y"]]
    able = [["render", "a", "--output", str(tmp_path / "a.png")], ["data", "list"], ["fonts", "check", "a"], ["doctor"]]
    script = WITHOUT.format(missing=sorted(missing), commands=needy + able)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout)
    for command in needy:
        code, error = said[" ".join(command)]
        assert (code, error.count("\n")) == (2, 1), f"{command}: {error}"
        assert 'which is not installed: pip install "pixlm[train' in error, f"{command}: {error}"
    for command in able:
        assert said[" ".join(command)] == [0, ""]
