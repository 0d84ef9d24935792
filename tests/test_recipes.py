"""Every recipe runs, on toy data and with few steps; the demonstration's data keeps its promise."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
FEW = ("--train.max-steps", "2", "--train.batch-size", "4", "--train.warmup", "1", "--train.eval-steps", "1")


@pytest.mark.parametrize("recipe", RECIPES, ids=[str(path.relative_to(ROOT / "recipes")) for path in RECIPES])
def test_recipes_run(recipe, texts, treebank, tmp_path, pixlm, monkeypatch):
    monkeypatch.chdir(ROOT)
    output = tmp_path / "run"
    pretraining = "mask:" in recipe.read_text() or "pretrain" in recipe.name
    command = ("pretrain",) if pretraining else ("finetune", "pos")
    data = texts if pretraining else treebank
    small = ("--model", "pixel-nano", "--render.max-seq-length", "64", "--data", data)
    more = ("--data.train", data / "train.txt", "--data.dev", data / "dev.txt", "--data.min-patches", "0")
    code, _, error = pixlm(
        *command, "--config", recipe, *small, *(more if pretraining else ()), "--output", output, *FEW
    )
    assert code == 0, error
    assert json.loads((output / "metrics.json").read_text())["dev"]["examples"] > 0


def test_no_evaluation_sentence_is_in_the_demonstrations_text():
    data = ROOT / "demo" / "data"

    def letters(text: str) -> str:
        return "".join(c for c in unicodedata.normalize("NFC", text).lower() if c.isalnum())

    lines = [line for path in (data / "text").glob("*.txt") for line in path.read_text(encoding="utf-8").splitlines()]
    pretrained = {letters(line) for line in lines if letters(line)}
    evaluated = []
    for split in ("dev", "test"):
        text = (data / "UD_Vietnamese-VTB" / f"vi_vtb-ud-{split}.conllu").read_text(encoding="utf-8")
        evaluated += [letters(line.partition("=")[2]) for line in text.splitlines() if line.startswith("# text")]
    assert len(evaluated) == 600
    assert len(pretrained) > 1000
    assert not pretrained & set(evaluated)


def test_the_demonstration_names_commands_that_exist(monkeypatch, tmp_path):
    """The demonstration itself takes minutes; here each of its commands is parsed by the command line."""
    sys.path.insert(0, str(ROOT / "demo"))
    try:
        import demo
    finally:
        sys.path.pop(0)
    from pixlm.cli import VERBS

    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(demo, "run", lambda title, *arguments: commands.append(arguments))
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    (tmp_path / demo.OUT / "pos").mkdir(parents=True)
    scores = {"test": {"examples": 1, "accuracy": 0.5, "majority_accuracy": 0.25}}
    monkeypatch.setattr(demo, "finished", lambda folder: False)
    (tmp_path / demo.OUT / "pos" / "metrics.json").write_text(json.dumps(scores))
    demo.main()
    assert [command[0] for command in commands] == ["render", "pretrain", "reconstruct", "finetune"]
    assert all(command[0] in VERBS for command in commands)
    for command in commands:
        for argument in command:
            if argument.startswith("recipes/"):
                assert (ROOT / argument).is_file()
