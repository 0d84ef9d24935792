"""Token baselines take the same way as pixel models: train, score, predict, resume."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pixlm.data import conllu
from pixlm.data.tokens import TokenizedText
from token_models import KINDS, save_checkpoint, tokenizer_and_config

STEPS = ("--train.max-steps", "4", "--train.batch-size", "4", "--train.eval-steps", "2", "--train.save-steps", "2")


def finetune(model, data, output, *more: str) -> list[str]:
    names = ("--model", str(model), "--data", str(data), "--output", str(output), "--render.max-seq-length", "64")
    return ["finetune", "pos", *names, *STEPS, *more]


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(a, b) -> bool:
    one, two = weights(a), weights(b)
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.fixture(scope="module")
def run(treebank, tmp_path_factory):
    from pixlm.cli import main

    output = tmp_path_factory.mktemp("tokens") / "run"
    assert main(finetune("bert-nano", treebank, output)) == 0
    return output


def test_a_run_from_scratch_writes_the_same_files_as_a_pixel_model(run, treebank):
    metrics = json.loads((run / "metrics.json").read_text())
    assert {"examples", "loss", "lost", "accuracy", "majority_accuracy"} <= metrics["test"].keys()
    gold = conllu.read(next(treebank.glob("*test*")))
    rows = [json.loads(line) for line in (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["words"] for row in rows] == [sentence.words for sentence in gold]
    assert metrics["test"]["lost"] == sum(tag is None for row in rows for tag in row["predictions"])
    card = (run / "README.md").read_text(encoding="utf-8")
    assert "tokenizer: WordPiece" in card
    for folder in (run, run / "checkpoint-4"):
        assert (folder / "tokenizer.json").is_file()
        assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"


def test_evaluate_predict_and_load_agree_with_the_run(run, treebank, tmp_path, pixlm):
    import pixlm as library

    written = (run / "predictions.conllu").read_bytes()
    assert pixlm("evaluate", "pos", "--model", run, "--data", treebank, "--output", tmp_path / "e")[0] == 0
    again = json.loads((tmp_path / "e" / "metrics.json").read_text())["test"]
    assert again["accuracy"] == json.loads((run / "metrics.json").read_text())["test"]["accuracy"]
    assert (tmp_path / "e" / "predictions.conllu").read_bytes() == written
    source = next(treebank.glob("*test*"))
    assert pixlm("predict", "pos", "--model", run, "--data", source, "--output", tmp_path / "p")[0] == 0
    assert (tmp_path / "p" / "predictions.conllu").read_bytes() == written
    rows = [json.loads(line) for line in (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    found = library.load(str(run)).predict([row["words"] for row in rows])
    assert [one["predictions"] for one in found] == [row["predictions"] for row in rows]


def test_stopping_and_resuming_is_bit_identical(run, treebank, tmp_path, pixlm, monkeypatch):
    from pixlm.training.signals import StopOnSignal

    with monkeypatch.context() as patch:
        patch.setattr(StopOnSignal, "wants_stop", lambda self, step: step == 3)
        assert pixlm(*finetune("bert-nano", treebank, tmp_path / "run"))[0] == 1
    code, out, _ = pixlm(*finetune("bert-nano", treebank, tmp_path / "run"))
    assert code == 0
    assert "resuming from checkpoint-3" in out
    assert same(run / "checkpoint-4", tmp_path / "run" / "checkpoint-4")
    assert (run / "tokenizer.json").read_bytes() == (tmp_path / "run" / "tokenizer.json").read_bytes()


def test_workers_and_accumulation_change_nothing(run, treebank, tmp_path, pixlm):
    assert pixlm(*finetune("bert-nano", treebank, tmp_path / "w", "--train.workers", "2"))[0] == 0
    assert same(run, tmp_path / "w")
    still = ("--train.dropout", "0.0")
    assert pixlm(*finetune("bert-nano", treebank, tmp_path / "one", *still))[0] == 0
    assert pixlm(*finetune("bert-nano", treebank, tmp_path / "two", *still, "--train.micro-batch-size", "2"))[0] == 0
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=2e-3, atol=2e-5, msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoints_of_others_are_trained_by_the_same_command(kind, treebank, tmp_path, pixlm):
    sentences = [" ".join(sentence.words) for sentence in conllu.read(next(treebank.glob("*train*")))]
    folder = save_checkpoint(tmp_path / "model", kind, sentences)
    code, _, error = pixlm(*finetune(folder, treebank, tmp_path / "run"))
    assert code == 0, error
    assert "accuracy" in json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]
    code, out, _ = pixlm("predict", "pos", "--model", tmp_path / "run", "--text", "Trời đẹp quá !")
    assert code == 0
    assert json.loads(out)["words"] == ["Trời", "đẹp", "quá", "!"]


def test_wrong_use_gets_one_clear_line(run, treebank, texts, tmp_path, pixlm):
    bare = save_checkpoint(tmp_path / "bare", "bert", ["a text"])
    lost = tmp_path / "lost"
    shutil.copytree(run, lost)
    (lost / "tokenizer.json").unlink()
    source = next(treebank.glob("*test*"))
    output = tmp_path / "out"
    unlearnt = ("--model", "bert-nano", "--data", texts, "--output", output)
    for command, message in (
        (
            finetune("bert-nano", treebank, output, "--render.max-seq-length", "300"),
            "300 is more than the 256 positions",
        ),
        (("pretrain", *unlearnt), "models of type 'bert' have no head for pretraining"),
        (("predict", "pos", "--model", "bert-nano", "--text", "a"), "bert-nano was not fine-tuned for pos"),
        (("predict", "pos", "--model", bare, "--text", "a"), "was not fine-tuned for pos"),
        (("predict", "pos", "--model", lost, "--data", source, "--output", output), "holds no tokenizer"),
    ):
        code, _, error = pixlm(*command)
        assert (code, error.count("\n")) == (2, 1), error
        assert message in error
    assert not output.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_answers_survive_the_way_to_tokens_and_back(kind):
    from pixlm.data.readers.questions import read_questions
    from pixlm.tasks.answer_spans import answer_units, characters_of

    excerpts = Path(__file__).parent.parent / "data" / "excerpts"
    examples = read_questions(excerpts / "xquad" / "xquad.en.json")
    examples += read_questions(excerpts / "jaquad" / "jaquad_train_0000.json")
    tokenizer, config = tokenizer_and_config(kind, [example.context for example in examples])
    encoder = TokenizedText(tokenizer, config, 64)
    same = 0
    for example in examples:
        windows = encoder.windows((example.question, example.context), stride=24, first_max_length=20)
        found = [(code, answer_units(code, example.answers[0])) for code in windows]
        spans = [characters_of(code, example.context, *units) for code, units in found if units is not None]
        answer = example.answers[0]
        for start, end in spans:
            assert start < answer.start + len(answer.text)
            assert end > answer.start
        same += any(example.context[start:end] == answer.text for start, end in spans)
    assert len(examples) >= 8
    assert same / len(examples) > 0.85


@pytest.mark.slow
def test_it_learns(treebank, tmp_path, pixlm):
    """A handful of sentences, to near perfection."""
    train = next(treebank.glob("*train*"))
    more = ("--data.train", train, "--data.dev", train, "--render.max-seq-length", "127", "--train.dropout", "0")
    steps = ("--train.max-steps", "150", "--train.eval-steps", "75", "--train.batch-size", "8")
    learning = ("--train.learning-rate", "2e-3", "--train.warmup", "0.1", "--output", tmp_path / "run")
    assert pixlm("finetune", "pos", "--model", "bert-nano", *more, *steps, *learning)[0] == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["dev"]["accuracy"] > 0.97
