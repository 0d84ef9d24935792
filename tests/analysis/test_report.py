"""Reports of runs: everything is within the page, texts are shown as texts, and what is missing is said."""

from __future__ import annotations

import json
import re
import shutil

import pytest

import page_data
from pixlm.analysis.report import report
from pixlm.analysis.run_folder import read_run
from pixlm.errors import UsageError

FEW = ("--train.max-steps", "2", "--train.log-steps", "1", "--train.batch-size", "4", "--render.max-seq-length", "64")
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def tagged(tmp_path_factory, treebank):
    from pixlm.cli import main

    run = tmp_path_factory.mktemp("report") / "run"
    command = ["finetune", "pos", "--model", "pixel-nano", "--data", str(treebank), "--output", str(run), *FEW]
    assert main(command) == 0
    return run


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """A classifier of evil texts and labels."""
    from pixlm.cli import main

    root = tmp_path_factory.mktemp("classes")
    (root / "data").mkdir()
    rows = "".join(f"{EVIL} {word}\t{label}\n" for word, label in (("good", "<b>for</b>"), ("bad", "against")) * 4)
    for split in ("train", "dev"):
        (root / "data" / f"{split}.tsv").write_text(f"text\tlabel\n{rows}", encoding="utf-8")
    run = root / "run"
    command = ["finetune", "classify", "--model", "pixel-nano", "--data", str(root / "data"), "--output", str(run)]
    assert main([*command, *FEW]) == 0
    return run


def test_a_tagger_s_report(tagged, tmp_path, pixlm):
    target = tmp_path / "new" / "report.html"
    code, out, _ = pixlm("report", tagged, "--output", target)
    assert code == 0
    assert str(target) in out
    page = target.read_text(encoding="utf-8")
    for part in ("<h2>Scores</h2>", "<h2>Curves</h2>", "<h2>Confusions</h2>", "worst of 8 examples", "polyline"):
        assert part in page
    assert "85.7" in page  # PIXEL's score on this treebank
    accuracy = json.loads((tagged / "metrics.json").read_text())["test"]["accuracy"]
    assert f"{accuracy:.4f}" in page
    assert "max_steps: 2" in page
    assert "data:image/png;base64," in page


def test_the_page_needs_nothing_else(tagged):
    page = report(tagged)
    assert not re.findall(r'(?:src|href)="(?!data:)[^"]', page)
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_texts_and_labels_are_shown_as_texts(classes):
    page = report(classes)
    assert "<script" not in page
    assert "<b>for" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;for" in page
    assert "no relevance" not in page
    assert page.count("<title>") > 10  # of the units of the relevance map
    plain = report(classes, relevance=False)
    assert plain.count("<title>") == 1
    assert "data:image/png" in plain


def test_the_confusion_matrix_counts_every_word(tagged):
    page = report(tagged)
    rows = [json.loads(line) for line in (tagged / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    table = page.split("<h2>Confusions</h2>")[1].split("</table>")[0]
    counts = [int(count) for count in re.findall(r'number"[^>]*>(\d+)</td>', table)]
    assert sum(counts) == sum(len(row["words"]) for row in rows)


@pytest.mark.parametrize("missing", ["run.yaml", "inputs.json", "log.jsonl", "metrics.json"])
def test_what_is_missing_is_said(missing, tagged, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(tagged, run, ignore=shutil.ignore_patterns("checkpoint-*", "model.safetensors"))
    (run / missing).unlink()
    page = report(run)
    assert f"{missing} is missing" in page
    assert ("not finished" in page) == (missing == "metrics.json")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[1, 2]", b"nonsense: [", b'{"dev": 3}', b'"text"', b""])
def test_damage_is_said_and_the_rest_is_shown(content, tagged, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(tagged, run, ignore=shutil.ignore_patterns("checkpoint-*", "model.safetensors"))
    for name in ("run.yaml", "inputs.json", "metrics.json"):
        (run / name).write_bytes(content)
    for name in ("log.jsonl", "predictions.jsonl"):
        with (run / name).open("ab") as file:
            file.write(b"\n{half a li")
    page = report(run)
    assert "log.jsonl: damaged lines left out: 1" in page
    assert "<h2>Curves</h2>" in page


def test_hostile_rows_are_no_error(tmp_path):
    rows = (
        {"id": 3, "words": "abc", "labels": 4, "predictions": None},
        {"words": ["a"], "heads": ["x"], "predicted_heads": ["y"], "predicted_relations": None},
        {"words": ["a"], "heads": [0], "predicted_heads": [10**9], "predicted_relations": [EVIL]},
        {"words": ["a", "b"], "heads": [0, 1], "predicted_heads": [-9, 1], "predicted_relations": ["x", "y"]},
        {"words": ["a"] * 20_000, "heads": [0] * 20_000, "predicted_heads": [2] * 20_000},
        {"text": "t", "label": "a", "prediction": "b", "scores": {"b": float("nan")}},
        {"text": 3, "label": "a", "prediction": "b", "scores": {"b": "x"}},
        {"text": "t", "text_b": 3, "label": "a", "prediction": EVIL, "scores": []},
        {"file": EVIL, "prediction": {"a": [EVIL]}},
    )
    (tmp_path / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    log = (
        {"step": "x", "loss": 1},
        {"step": 1, "loss": float("nan")},
        {"step": 2, "loss": [1]},
        {"step": 3, "loss": True},
        {"step": 10**400, "loss": 1},
        {"step": float("inf"), "loss": 1},
        {"step": 4, "loss": 10**400},
    )
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log), encoding="utf-8")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "bomb.png").write_bytes(page_data.png_header(50_000, 50_000))
    page = report(tmp_path, examples=len(rows))
    assert "<script" not in page
    assert "not finished" in page
    assert "bomb.png" not in page
    assert f"The {len(rows) - 2} worst of {len(rows)}" in page


def test_what_is_left_out_for_its_length_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("pixlm.analysis.run_folder._MOST_LINES", 3)
    (tmp_path / "log.jsonl").write_text("".join(f'{{"step": {step}, "loss": 1}}\n' for step in range(5)))
    assert "log.jsonl: only the first 3 of 5 lines were read" in report(tmp_path)
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 1}\n' * 3)
    assert "were read" not in report(tmp_path)


@pytest.mark.parametrize(
    "metrics", [{"dev": {"accuracy": "x"}}, {"test": {"accuracy": None}}, {"test": {"accuracy": [1]}}]
)
def test_scores_that_are_no_numbers_are_shown_as_they_are(metrics, tagged, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(tagged, run, ignore=shutil.ignore_patterns("checkpoint-*", "model.safetensors"))
    (run / "metrics.json").write_text(json.dumps(metrics))
    page = report(run)
    assert "<h2>Beside published scores</h2>" not in page
    assert "<h2>Scores</h2>" in page


def test_pretraining_runs_have_a_report(texts, tmp_path, pixlm):
    run = tmp_path / "run"
    assert (
        pixlm("pretrain", "--model", "pixel-nano", "--data", texts, "--output", run, *FEW, "--pictures.steps", 1)[0]
        == 0
    )
    assert pixlm("report", run)[0] == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<h2>Pictures</h2>" in page
    assert "<h2>Confusions</h2>" not in page
    assert read_run(run).missing == []


def test_wrong_use_is_one_line(tmp_path, pixlm):
    for given, message in ((tmp_path, "is no run of pixlm"), (tmp_path / "none", "no such folder")):
        code, _, error = pixlm("report", given)
        assert code == 2
        assert message in error
        assert len(error.strip().splitlines()) == 1
    with pytest.raises(UsageError):
        report(tmp_path)
    assert pixlm("report", tmp_path, "--examples", "-1")[0] == 2
