"""Every recipe runs, on toy data and with few steps; the demonstration's data keeps its promise."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import pytest

import toy_data
import toy_pages
from pixlm.training.config import read_settings

ROOT = Path(__file__).resolve().parent.parent
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
SMALLER = {"qa": ("--render.max-seq-length", "128", "--task.stride", "20", "--task.question-max-length", "40")}
"""The published windows do not fit the small model."""
FEW = ("--train.max-steps", "2", "--train.batch-size", "4", "--train.warmup", "1", "--train.eval-steps", "1")


def command_of(recipe: Path) -> list[str]:
    return str(read_settings(recipe)["command"]).split()


TRAINING = [recipe for recipe in RECIPES if command_of(recipe)[0] != "attack"]
ATTACKS = [recipe for recipe in RECIPES if recipe not in TRAINING]


@pytest.mark.parametrize("recipe", ATTACKS, ids=lambda path: path.stem)
def test_recipes_of_attacks_run(recipe, tmp_path, pixlm):
    task = command_of(recipe)[1] if command_of(recipe)[1:] else None
    (tmp_path / "data").mkdir()
    data = toy_data.folder(task or "pos", tmp_path / "data")
    models: list[object] = []
    for name in ("pixel-nano", "bert-nano") if task else ():
        output = tmp_path / name
        small = ("--model", name, "--render.max-seq-length", "64", "--train.max-steps", "1", "--train.batch-size", "4")
        code, _, error = pixlm("finetune", task, *small, "--train.warmup", "0", "--data", data, "--output", output)
        assert code == 0, error
        models += ["--model", output]
    one = ("--strength", "0.5", "--data", data, "--output", tmp_path / "sweep")
    code, _, error = pixlm("attack", "--config", recipe, *models, *one)
    assert code == 0, error
    attacks = read_settings(recipe)["attack"].split(",")
    if task is None:
        assert len(list((tmp_path / "sweep").glob("*/attack.json"))) == len(attacks)
        return
    points = json.loads((tmp_path / "sweep" / "attack.json").read_text())["points"]
    assert len(points) == 2 * len(attacks) * 2
    assert (tmp_path / "sweep" / "attack.png").stat().st_size > 10_000


def small_model(recipe: Path) -> str:
    """The smallest model of the family that a recipe is for."""
    settings = read_settings(recipe)
    name = str(settings.get("model", "")).lower()
    if recipe.parent.name == "documents":
        return next(
            f"{each}-tiny" for each in ("donut", "pix2struct", "pali") if each in name.replace("cruller", "donut")
        )
    if "textgpt" in name:
        return "textgpt-nano"
    return "pixelgpt-nano" if "gpt" in name else "pixel-nano"


def toy_text(recipe: Path, texts: Path) -> tuple[object, ...]:
    """Instead of a recipe's text: as many sources as it has; without dev files, it holds documents of them out."""
    data = read_settings(recipe).get("data", {})
    if "sources" not in data:
        return ("--data.train", texts / "train.txt", "--data.dev", texts / "dev.txt", "--data.min-patches", "0")
    sources = [word for name in data["sources"] for word in (f"--data.sources.{name}", texts / "train.txt")]
    documents = ("--data.documents", "lines", "--data.heldout", "0.2", "--data.min-patches", "1")
    return (*sources, *documents)


def training_recipe(path: Path):
    """PixelGPT's hundred runs differ in numbers; in short runs of the tests one for each model and task is tried."""
    many = path.parent.name == "pixelgpt" and not path.stem.startswith(("glue-rte", "xnli-en-dualgpt", "emohate"))
    many |= path.parent.name == "documents" and path.stem not in (
        "cruller-base-cord",
        "pix2struct-docvqa",
        "pali-spans",
    )
    marks = [pytest.mark.slow] if many else []
    return pytest.param(path, marks=marks, id=str(path.relative_to(ROOT / "recipes")))


@pytest.mark.parametrize("recipe", [training_recipe(path) for path in TRAINING])
def test_recipes_run(recipe, texts, tmp_path, pixlm, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    output = tmp_path / "run"
    verb = command_of(recipe)[0]
    if recipe.parent.name == "documents":
        few = ("--data", toy_pages.folder(tmp_path / "pages"))
    elif verb == "pretrain":
        few = toy_text(recipe, texts)
    else:
        data = tmp_path / "data"
        data.mkdir()
        few = ("--data", toy_data.folder(recipe.stem, data))
    smaller = SMALLER.get(command_of(recipe)[-1], ("--render.max-seq-length", "64"))
    if recipe.parent.name == "documents":
        smaller = ("--page.size", "128", "112", "--page.max-patches", "48", "--page.max-target-length", "64")
    small = ("--model", small_model(recipe), *smaller)
    code, _, error = pixlm(verb, "--config", recipe, *small, *few, *FEW, "--output", output)
    assert code == 0, error
    assert json.loads((output / "metrics.json").read_text())["dev"]["examples"] > 0


def test_recipes_say_what_they_are_for():
    assert {tuple(command_of(recipe)) for recipe in RECIPES} >= {("pretrain",), ("finetune", "pos"), ("finetune", "qa")}
    for recipe in RECIPES:
        first = recipe.read_text(encoding="utf-8").split("\n")[0]
        assert first.startswith("# "), recipe


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
