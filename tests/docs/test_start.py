"""The first steps of docs/start.md run as they are written, with fewer steps of training."""

from __future__ import annotations

import json

import pytest

from command_lines import ROOT, console_lines

FEW = ("--train.max-steps", "2", "--train.warmup", "1", "--train.eval-steps", "2", "--train.batch-size", "4")


@pytest.mark.slow
def test_training_by_hand(tmp_path, pixlm, monkeypatch):
    monkeypatch.chdir(ROOT)  # where the page says to be: recipes name files of the demonstration
    run = set()
    for line in console_lines(ROOT / "docs" / "start.md"):
        words = line.words
        if words[0] != "pixlm" or not {"runs/pretrain", "runs/pos"} & set(words):
            continue
        words = [f"{tmp_path}/{word}" if word.startswith("runs/") or word == "filled.png" else word for word in words]
        few = FEW if words[1] in ("pretrain", "finetune") else ()
        code, out, error = pixlm(*words[1:], *few)
        assert code == 0, error
        run.add(words[1])
    assert run == {"pretrain", "reconstruct", "finetune", "evaluate", "predict"}
    assert (tmp_path / "filled.png").is_file()
    record = json.loads(out)  # of the last line, predict
    assert len(record["predictions"]) == len(record["words"]) == 6


def test_drawing(tmp_path, pixlm, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_text.txt").write_text("Hello, मानव\n", encoding="utf-8")
    for line in console_lines(ROOT / "docs" / "start.md"):
        if line.words[0] == "pixlm" and line.words[1] in ("render", "doctor"):
            code, out, error = pixlm(*line.words[1:])
            assert code == 0, out + error
    assert (tmp_path / "hello.png").is_file()
