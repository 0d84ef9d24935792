"""Every mistake a person can make: one clear line, exit code 2 or 1, nothing lost, no traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import pixlm as package
from pixlm.cli import VERBS
from pixlm.training.config import read_settings

POS = ("finetune", "pos", "--model", "pixel-nano", "--train.max-steps", "1")


def one_line(error: str) -> str:
    assert "Traceback" not in error
    lines = [line for line in error.splitlines() if line.startswith("pixlm: ")]
    assert len(lines) == 1, error
    return lines[0]


def test_help_lists_every_verb_and_every_verb_has_help(pixlm):
    code, out, _ = pixlm("--help")
    assert code == 0
    for verb in VERBS:
        assert verb in out
        arguments = (verb, "pos", "--help") if verb in ("finetune", "evaluate", "predict") else (verb, "--help")
        code, out_verb, _ = pixlm(*arguments)
        assert code == 0
        assert "--" in out_verb
    assert pixlm("--version")[1] == f"pixlm {package.__version__}\n"


def test_an_unknown_verb_task_and_flag(pixlm):
    code, _, error = pixlm("rendr", "x")
    assert code == 2
    assert one_line(error) == "pixlm: no verb 'rendr'; did you mean render?"
    code, _, error = pixlm("finetune", "poss")
    assert code == 2
    assert "no task 'poss'; tasks: pos" in one_line(error)
    code, _, error = pixlm("finetune")
    assert code == 2
    assert "needs a task first" in one_line(error)
    code, _, error = pixlm(*POS, "--train.max-step", "3")
    assert code == 2
    assert "--train.max-steps" in error
    assert pixlm(*POS, "--train.max-steps", "many")[0] == 2


def test_what_must_be_named(pixlm, treebank, tmp_path):
    for arguments, message in (
        (("finetune", "pos", "--data", str(treebank), "--output", str(tmp_path / "o")), "no model given"),
        ((*POS, "--data", str(treebank)), "no output folder given"),
        ((*POS, "--output", str(tmp_path / "o")), "no train split given; name its file with --data.train"),
        (("predict", "pos", "--model", "pixel-nano"), "needs either --data FILE or --text"),
        (("evaluate", "pos"), "no model given"),
        (("reconstruct", "text"), "no model given"),
    ):
        code, _, error = pixlm(*arguments)
        assert code == 2
        assert message in one_line(error)
    assert not (tmp_path / "o").exists()


def test_missing_and_empty_data(pixlm, tmp_path):
    output = tmp_path / "o"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.conllu").write_text("")
    for data, message in (
        (("--data", tmp_path / "none"), "no such file or folder"),
        (("--data", tmp_path / "empty"), "no data found; looked for *train*.conllu"),
        (("--data.train", tmp_path / "none.conllu"), "none.conllu: no such file (--data.train)"),
        (("--data.train", tmp_path), "is a folder, not a file (--data.train)"),
        (("--data.train", tmp_path / "empty.conllu"), "empty.conllu: holds no sentence"),
    ):
        code, _, error = pixlm(*POS, *data, "--output", output)
        assert code == 2
        assert message in one_line(error)
    (tmp_path / "empty.txt").write_text("\n \n")
    pretrain = ("pretrain", "--model", "pixel-nano", "--output", output, "--data")
    for data, message in (
        (tmp_path / "none.txt", "no such file or folder"),
        (tmp_path / "empty", "no data found; looked for *train*.txt"),
        (tmp_path / "empty.txt", "empty.txt: holds no text"),
    ):
        code, _, error = pixlm(*pretrain, data)
        assert code == 2
        assert message in one_line(error)
    assert not output.exists()


def test_broken_conllu_names_file_and_line(pixlm, treebank, tmp_path):
    source = next(treebank.glob("*train*"))
    lines = source.read_text(encoding="utf-8").split("\n")
    number = next(i for i, line in enumerate(lines) if line.startswith("3\t"))
    for broken, message in (
        (lines[number].rsplit("\t", 1)[0], f"line {number + 1}: 9 columns where CoNLL-U has 10"),
        (
            "\t".join([*lines[number].split("\t")[:3], "NOON", *lines[number].split("\t")[4:]]),
            "unknown part of speech 'NOON'",
        ),
    ):
        path = tmp_path / "broken-ud-train.conllu"
        path.write_text("\n".join([*lines[:number], broken, *lines[number + 1 :]]), encoding="utf-8")
        code, _, error = pixlm(*POS, "--data.train", path, "--output", tmp_path / "o")
        assert code == 2
        line = one_line(error)
        assert message in line
        assert f"{path}, line {number + 1}" in line
    assert not (tmp_path / "o").exists()


def test_models_that_are_none(pixlm, treebank, tmp_path):
    (tmp_path / "folder").mkdir()
    for name, message in (
        (str(tmp_path / "folder"), "holds no model: config.json is missing"),
        ("pixel-nanno", "did you mean pixel-nano"),
        (str(tmp_path / "floder"), "did you mean"),
    ):
        code, _, error = pixlm("finetune", "pos", "--model", name, "--data", treebank, "--output", tmp_path / "o")
        assert code == 2
        assert message in one_line(error)
    assert not (tmp_path / "o").exists()


def test_fonts_that_are_none(pixlm, tmp_path):
    (tmp_path / "font.ttf").write_bytes(b"not a font" * 100)
    for font, message in (("font.ttf", "font.ttf"), ("none.ttf", "none.ttf")):
        code, _, error = pixlm("render", "x", "--font", tmp_path / font, "--output", tmp_path / "x.png")
        assert code == 2
        assert message in one_line(error)
    assert not (tmp_path / "x.png").exists()


def test_a_script_that_no_font_covers(pixlm, tmp_path):
    picture = tmp_path / "x.png"
    text = "cat \U00012000\U00012001"  # cuneiform
    code, out, _ = pixlm("render", text, "--output", picture)
    assert code == 0
    assert "U+12000" in out
    code, _, error = pixlm("render", text, "--output", tmp_path / "y.png", "--missing-glyph", "error")
    assert code == 2
    assert "U+12000" in one_line(error)
    assert not (tmp_path / "y.png").exists()
    code, out, _ = pixlm("doctor", "--text", text)
    assert code == 1
    assert "Xsux" in out
    assert "U+12000" in out


def test_configuration_files(pixlm, texts, tmp_path):
    path = tmp_path / "c.yaml"
    output = tmp_path / "o"
    for content, message in (
        ("train: {learning_rat: 1}", "unknown setting train.learning_rat; did you mean train.learning_rate?"),
        ("train: {max_steps: soon}", "train.max_steps must be int, not 'soon'"),
        ("train: {schedule: stairs}", "train.schedule must be one of linear, cosine, constant, "),
        ("train: 3", "train is a group of settings, not 3"),
        ("just words", "holds no settings"),
        ("a: [1", "not YAML"),
        ("seed: 1\ntrain:\n  max_steps: 2\n  max_steps: 3\n", "'max_steps' twice"),
        ("command: finetune pos", "is the configuration of pixlm finetune pos, not of pixlm pretrain"),
    ):
        path.write_text(content)
        code, _, error = pixlm(
            "pretrain", "--config", path, "--model", "pixel-nano", "--data", texts, "--output", output
        )
        assert code == 2
        line = one_line(error)
        assert message in line
        assert str(path) in line
    code, _, error = pixlm("pretrain", "--config", tmp_path / "none.yaml")
    assert code == 2
    assert "no such file (--config)" in one_line(error)
    assert not output.exists()


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="needs a device without end")
def test_settings_without_end(pixlm):
    code, _, error = pixlm("pretrain", "--config", "/dev/zero")
    assert code == 2
    assert "/dev/zero: larger than 10 MB" in one_line(error)


def test_settings_merge_keys_of_others(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n")
    assert read_settings(path)["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize("name", ["a\\0b", "a\\ud800b"])
def test_outputs_that_no_folder_can_be_called(pixlm, texts, tmp_path, name):
    path = tmp_path / "c.yaml"
    path.write_text(f'output: "{name}"\n')
    code, _, error = pixlm("pretrain", "--config", path, "--model", "pixel-nano", "--data", texts)
    assert code == 2
    assert "holds characters that no name of a folder can have" in one_line(error)


def test_names_longer_than_the_system_takes(pixlm):
    code, _, error = pixlm(*POS, "--data", "x" * 5000, "--output", "o")
    assert code == 2
    assert len(one_line(error)) < 2000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_data_that_are_no_files(pixlm, tmp_path):
    os.mkfifo(tmp_path / "pipe.conllu")
    (tmp_path / "link.conllu").symlink_to("link.conllu")
    for flag in ("--data", "--data.train"):
        for name, reason in (("pipe", "is a pipe or a device"), ("link", "is a link that leads nowhere")):
            code, _, error = pixlm(*POS, flag, tmp_path / f"{name}.conllu", "--output", tmp_path / "o")
            assert code == 2
            assert f"{name}.conllu: {reason}" in one_line(error)


def test_sizes_that_do_not_divide(pixlm, texts, tmp_path):
    base = ("pretrain", "--model", "pixel-nano", "--data", texts, "--output", tmp_path / "o", "--train.batch-size", "8")
    code, _, error = pixlm(*base, "--train.micro-batch-size", "3")
    assert code == 2
    assert "does not divide" in one_line(error)
    code, _, error = pixlm(*base, "--train.max-steps", "0")
    assert code == 2
    assert "must be above 0" in one_line(error)
    for more, message in (
        (("--train.learning-rate", "-1"), "--train.learning-rate must be above 0"),
        (("--train.report-to", "wandb"), 'pip install "pixlm[wandb]"'),
        (("--train.dropout", "2"), "--train.dropout 2.0: must be"),
        (("--train.adam-betas", "2", "3"), "--train.adam-betas must both be"),
        (("--seed", "-1"), "--seed -1: must be"),
        (("--render.max-seq-length", "257"), "more than the 256 positions of pixel-nano"),
        (("--mask.max-span", "3", "--mask.span-weights", "0.5", "1"), "--mask.span-weights (0.5, 1.0): give 3"),
        (("--mask.ratio", "1.5"), "--mask.ratio 1.5"),
        (("--train.learning-rate", "inf"), "--train.learning-rate inf: must be a finite number"),
        (("--train.epochs", "nan"), "--train.epochs nan: must be a finite number"),
        (("--train.batch-size", "0"), "--train.batch-size 0: must be 1 or more"),
        (("--render.max-seq-length", "1"), "--render.max-seq-length 1: must be 2 or more"),
        (("--data.max-heldout", "0"), "--data.max-heldout 0: must be 1 or more"),
        (("--data.min-patches", "-1"), "--data.min-patches -1: must be 0 or more"),
        (("--data.limit", "5"), "--data.limit is for hub: streams"),
        (("--train.packing", "on"), "--train.packing on is for fine-tuning"),
        (("--mask.ratio", "0"), "--mask.ratio 0 removes nothing"),
        (("--mask.span-weights", *["nan"] * 5, "1"), "--mask.span-weights"),
        (("--pictures.steps", "0"), "--pictures.steps 0: must be 1 or more"),
    ):
        code, _, error = pixlm(*base, *more)
        assert code == 2
        assert message in one_line(error)
    assert not (tmp_path / "o").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(pixlm, texts, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    output = tmp_path / "locked" / "run"
    code, _, error = pixlm("pretrain", "--model", "pixel-nano", "--data", texts, "--output", output)
    assert code == 1
    assert "Permission denied" in one_line(error)


def test_output_that_is_a_file(pixlm, texts, tmp_path):
    Path(tmp_path / "file").write_text("x")
    code, _, error = pixlm("pretrain", "--model", "pixel-nano", "--data", texts, "--output", tmp_path / "file")
    assert code == 2
    assert "is a file" in one_line(error)
