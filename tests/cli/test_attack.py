"""`pixlm attack`: attacked copies that tasks can read, and sweeps of fine-tuned models."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib
import pytest
from PIL import Image

from pixlm.data import conllu

ROOT = Path(__file__).resolve().parents[2]
OTHER_FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSerif.ttf"


@pytest.fixture(scope="module")
def tagger(treebank, tmp_path_factory):
    """A tagger that has seen two batches: what it says is of no interest, only that it changes with the text."""
    from pixlm.training.config import DataConfig, FinetuneConfig, RenderConfig, TrainConfig
    from pixlm.training.finetune import finetune

    folder = tmp_path_factory.mktemp("runs") / "tagger"
    config = FinetuneConfig(
        model="pixel-nano",
        output=str(folder),
        data=DataConfig(path=str(treebank)),
        train=TrainConfig(max_steps=2, batch_size=8, learning_rate=1e-2, schedule="constant", warmup=0),
        render=RenderConfig(max_seq_length=64),
    )
    finetune("pos", config)
    return folder


def test_copies(treebank, tmp_path, pixlm):
    code, out, _ = pixlm(
        "attack", "--data", treebank, "--attack", "full-swap,intrude", "--strength", "0,0.5", "--output", tmp_path / "x"
    )
    assert code == 0
    assert "written to" in out
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [
        "full-swap0", "full-swap50", "intrude0", "intrude50",
    ]  # fmt: skip
    (source,) = treebank.glob("*-ud-test.conllu")
    words = [sentence.words for sentence in conllu.read(source)]
    for name, same in (("full-swap0", True), ("full-swap50", False), ("intrude50", False)):
        copied = conllu.read(tmp_path / "x" / name / source.name)
        assert ([sentence.words for sentence in copied] == words) is same


def test_sweep(tagger, treebank, tmp_path, pixlm):
    arguments = [
        "attack", "pos", "--model", tagger, "--model", f"{tagger}/.", "--data", treebank, "--split", "dev",
        "--attack", "confusable,font", "--strength", "0.5,1", "--font", OTHER_FONT, "--output", tmp_path / "x",
    ]  # fmt: skip
    code, out, _ = pixlm(*arguments)
    assert code == 0
    assert "curves" in out
    record = json.loads((tmp_path / "x" / "attack.json").read_text(encoding="utf-8"))
    assert (record["task"], record["metric"], record["split"], record["seed"]) == ("pos", "accuracy", "dev", 42)
    points = {(p["model"], p["attack"], p["strength"]): p for p in record["points"]}
    assert len(points) == 2 * 2 * 3
    model = str(tagger)
    clean = points[model, "confusable", 0.0]["scores"]
    code, _, _ = pixlm(
        "evaluate", "pos", "--model", tagger, "--data", treebank, "--split", "dev", "--output", tmp_path / "e"
    )
    assert code == 0
    evaluated = json.loads((tmp_path / "e" / "metrics.json").read_text(encoding="utf-8"))["dev"]
    assert clean == evaluated
    for attack in ("confusable", "font"):
        assert points[model, attack, 0.0]["scores"] == clean
        half, whole = (points[model, attack, strength] for strength in (0.5, 1.0))
        assert half["scores"]["examples"] == clean["examples"]
        assert 0.2 < half["changed"] < 0.8 < whole["changed"] <= 1
        assert points[f"{tagger}/.", attack, 1.0]["scores"] == whole["scores"]
    copies = tmp_path / "copies"
    pixlm("attack", "--data", treebank, "--attack", "confusable", "--strength", "0.5", "--output", copies)
    pixlm(
        *("evaluate", "pos", "--model", tagger, "--data", copies / "confusable50", "--split", "dev"),
        *("--output", tmp_path / "c"),
    )
    on_copy = json.loads((tmp_path / "c" / "metrics.json").read_text(encoding="utf-8"))["dev"]
    assert on_copy == points[model, "confusable", 0.5]["scores"] != clean
    with Image.open(tmp_path / "x" / "attack.png") as image:
        assert min(image.size) > 200
    code, _, err = pixlm(*arguments)
    assert code == 2
    assert "holds a sweep already" in err


def test_a_model_sees_the_attacked_text_and_the_other_font(tagger, treebank):
    from pixlm.robustness import Attacker
    from pixlm.robustness.sweep import _attack, _mixed, _uncovered, _with_font
    from pixlm.training.finetuned import load_finetuned

    model = load_finetuned("pos", str(tagger))
    (path,) = treebank.glob("*-ud-dev.conllu")
    examples = model.task.read([path])
    _, clean = model.run(examples)
    _, attacked = model.run(_attack(examples, Attacker("stacked-marks", 1.0), "dev", "question")[0])
    assert attacked["loss"] != clean["loss"]
    other = _with_font(model, str(tagger), str(OTHER_FONT))
    _, drawn = model.run(examples, encoder=other)
    assert drawn["loss"] != clean["loss"]
    everything = _mixed(model, other, examples, [True] * len(examples), 32)
    assert everything["accuracy"] == drawn["accuracy"]
    nothing = _mixed(model, other, examples, [False] * len(examples), 32)
    assert nothing["accuracy"] == clean["accuracy"]
    some = _mixed(model, other, examples, [True, False] * (len(examples) // 2), 32)
    assert some["examples"] == len(examples)
    assert _uncovered(model, examples) == 0
    assert _uncovered(model, [model.task.example(["so", "\ue124\ue123 \ue123"], "1")]) == 2


@pytest.mark.parametrize(
    ("task", "data", "model", "part", "options"),
    [
        ("parsing", "ud", "pixel-nano", "question", []),
        ("ner", "uner", "bert-nano", "question", []),
        ("qa", "jaquad", "pixel-nano", "context", ["--task.stride", 40]),
    ],
)
def test_sweeps_of_other_tasks(task, data, model, part, options, tmp_path, pixlm):
    folder = ROOT / "tests/data/excerpts" / data
    files = {split: next(folder.glob(f"*{split}*")) for split in ("train", "dev")}
    code, _, err = pixlm(
        *("finetune", task, "--model", model, "--data.train", files["train"], "--output", tmp_path / "run"),
        *("--train.max-steps", 2, "--train.batch-size", 2, "--train.warmup", 0, "--train.learning-rate", 0.01),
        *("--render.max-seq-length", 200, *options),
    )
    assert code == 0, err
    code, _, err = pixlm(
        *("attack", task, "--model", tmp_path / "run", "--data.dev", files["dev"], "--split", "dev", "--part", part),
        *("--attack", "full-shuffle,font", "--strength", "1", "--font", OTHER_FONT, "--output", tmp_path / "sweep"),
    )
    assert code == 0, err
    points = json.loads((tmp_path / "sweep" / "attack.json").read_text(encoding="utf-8"))["points"]
    clean, attacked, _, drawn = (point["scores"] for point in points)
    assert points[1]["changed"] > 0.2
    assert attacked["loss"] != clean["loss"]
    if model.startswith("bert"):
        assert {name: clean[name] for name in drawn} == drawn


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "x", "--output", "y"], "name at least one attack"),
        (["--attack", "swap", "--output", "y"], "no data given"),
        (["--attack", "swap", "--data", "x"], "no output folder"),
        (["--attack", "swop", "--data", "x", "--output", "y"], "did you mean swap"),
        (["--attack", "swap", "--strength", "20%", "--data", "x", "--output", "y"], "must be numbers from 0 to 1"),
        (["--attack", "swap", "--strength", "20", "--data", "x", "--output", "y"], "must be from 0 to 1"),
        (["--attack", "visual", "--flavour", "pixel", "--data", "x", "--output", "y"], "scripts do not have it"),
        (["--attack", "swap", "--data", "/nowhere", "--output", "y"], "no such file or folder"),
        (["pos", "--attack", "swap", "--data", "x", "--output", "y"], "no model given"),
        (["pos", "--attack", "font", "--model", "m", "--data", "x", "--output", "y"], "name its file with --font"),
        (["pas", "--attack", "swap"], "pos"),
    ],
)
def test_wrong_use(arguments, message, pixlm):
    code, _, err = pixlm("attack", *arguments)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_segmentation_needs_running_text(tagger, treebank, tmp_path, pixlm):
    code, _, err = pixlm(
        "attack", "pos", "--model", tagger, "--data", treebank, "--attack", "segmentation", "--output", tmp_path / "x"
    )
    assert code == 2
    assert "acts on running text" in err
