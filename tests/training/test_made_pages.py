"""Pages of `pixlm data pages` are data of every task on pages, as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SMALL = {
    "donut-tiny": ("--page.size", "128", "112"),
    "pix2struct-tiny": ("--page.max-patches", "48"),
    "pali-tiny": ("--page.size", "96", "64"),
}
TASKS = ("ocr", "receipts", "docvqa", "screenshot", "doc-classify", "caption")


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    from pixlm.cli import main

    folder = tmp_path_factory.mktemp("made")
    small = ("--size", "320", "320", "--letters", "9", "11", "--pages", "8", "--dev", "3", "--languages", "en", "ar")
    for form in ("shards", "folder"):
        assert main(["data", "pages", "--output", str(folder / form), "--format", form, *small]) == 0
    return folder


@pytest.mark.parametrize(
    ("task", "model", "form"),
    [
        *((task, "pix2struct-tiny", "shards") for task in TASKS),
        ("ocr", "pali-tiny", "folder"),
        ("receipts", "donut-tiny", "folder"),
        ("docvqa", "pali-tiny", "folder"),
    ],
)
def test_every_task_trains_on_one_set(task, model, form, pages, tmp_path, pixlm, monkeypatch):
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    few = ("--train.max-steps", "1", "--train.batch-size", "2", "--train.warmup", "0", "--task.max-new-tokens", "4")
    data = ("--data", pages / form, "--output", tmp_path / "run", "--page.max-target-length", "64")
    code, _, error = pixlm("finetune", task, "--model", model, *data, *SMALL[model], *few)
    assert code == 0, error
    scores = json.loads((tmp_path / "run" / "metrics.json").read_text())["dev"]
    assert scores["examples"] >= 3
