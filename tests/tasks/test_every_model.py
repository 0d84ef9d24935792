"""Every task on every family of models, by the same command: train, score, predict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import toy_data
from pixlm.tasks import TASKS
from pixlm.tasks.documents import DOCUMENTS

CASES = {
    "pos": ["A cat sleeps"],
    "parsing": ["A cat sleeps"],
    "ner": [["Ada", "lives", "here"]],
    "tag": [["Ada", "lives", "here"]],
    "qa": [("Who sleeps?", "A cat sleeps. " * 40)],
    "glue-sst2": ["a warm film"],
    "glue-stsb": [("a warm film", "a cold film")],
    "nli-snli": [("a warm film", "a cold film")],
    "xnli": [("a warm film", "a cold film")],
    "topic": ["a warm film"],
    "classify": ["a warm film"],
    "emohate": ["a warm film"],
}
"""Toy data for each task, and what it predicts from; GLUE with a class and with a number."""
FEW = (
    *("--train.max-steps", "2", "--train.batch-size", "4", "--train.warmup", "1", "--train.eval-steps", "1"),
    *("--train.patience", "9", "--data.cache", "False"),
)
SMALLER = {"qa": ("--render.max-seq-length", "128", "--task.stride", "20", "--task.question-max-length", "40")}


def data_of(case: str, folder: Path) -> Path:
    if case == "tag":
        return toy_data.conll(folder)
    if case == "classify":
        for split in ("train", "dev"):
            rows = "".join(f"{text}\t{label}\n" for text, label in (("warm", "good"), ("cold", "bad")) * 6)
            (folder / f"{split}.tsv").write_text("text\tlabel\n" + rows, encoding="utf-8")
        return folder
    return toy_data.folder(case, folder)


def test_every_task_is_here():
    """Those on pages have models of their own, and tests in tests/training/test_page_runs.py."""
    assert {case.split("-")[0] for case in CASES} == TASKS.keys() - {task.name for task in DOCUMENTS}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["pixel-nano", "bert-nano", "roberta-tiny"])
@pytest.mark.parametrize("case", CASES)
def test_train_score_predict(case, model, tmp_path, pixlm):
    import pixlm as library

    task, run = case.split("-")[0], tmp_path / "run"
    (tmp_path / "data").mkdir()
    data = data_of(case, tmp_path / "data")
    smaller = SMALLER.get(task, ("--render.max-seq-length", "64"))
    code, _, error = pixlm("finetune", task, "--model", model, "--data", data, "--output", run, *smaller, *FEW)
    assert code == 0, error
    scores = json.loads((run / "metrics.json").read_text())["dev"]
    assert scores["examples"] > 0
    shutil.rmtree(run / "checkpoint-2", ignore_errors=True)
    again = tmp_path / "again"
    code, _, error = pixlm("evaluate", task, "--model", run, "--data", data, "--split", "dev", "--output", again)
    assert code == 0, error
    metric = TASKS[task].metric if task != "glue" else {"sst2": "accuracy", "stsb": "spearman"}[case.split("-")[1]]
    assert json.loads((again / "metrics.json").read_text())["dev"].get(metric) == scores.get(metric)
    found = library.load(str(run)).predict(CASES[case])
    assert len(found) == 1
    assert found[0].keys() >= {"prediction" if task not in ("pos", "ner", "tag", "parsing") else "words"}
