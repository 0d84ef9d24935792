"""A task of one's own, as the documentation writes it, from the command line and from Python."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pixlm import tasks
from pixlm.errors import UsageError

DOCS = Path(__file__).resolve().parents[2] / "docs" / "tasks.md"


def test_the_documented_declaration_is_a_task(treebank, tmp_path, pixlm, monkeypatch):
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.S) if "mytasks.py" in block)
    (tmp_path / "mytasks.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tasks, "TASKS", dict(tasks.TASKS))
    few = ("--train.max-steps", "2", "--train.batch-size", "4", "--render.max-seq-length", "64")
    run = ("--model", "pixel-nano", "--data", treebank, "--output", tmp_path / "run", *few)
    code, _, error = pixlm("finetune", "mytasks:RELATIONS", *run)
    assert code == 0, error
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]["words"] > 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "predictions.jsonl").read_text().splitlines()]
    written = (tmp_path / "run" / "predictions.txt").read_text().splitlines()
    assert written == [" ".join(map(str, row["predictions"])) for row in rows]
    code, shown, error = pixlm("predict", "mytasks:RELATIONS", "--model", tmp_path / "run", "--text", "Trời đẹp quá !")
    assert code == 0, error
    assert json.loads(shown)["words"] == ["Trời", "đẹp", "quá", "!"]


def test_what_is_no_task(pixlm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, message in (("nowhere:TASK", "No module named"), ("json:dumps", "is a function, not a Task")):
        code, _, error = pixlm("finetune", name, "--model", "pixel-nano")
        assert code == 2
        assert message in error


def test_a_name_that_a_model_stores_imports_nothing():
    with pytest.raises(UsageError, match="no task 'os:system'"):
        tasks.find_task("os:system")
