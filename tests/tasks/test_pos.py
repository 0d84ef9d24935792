"""Part-of-speech tagging end to end on a few sentences: labels, lost words, scores, files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pixlm.data import conllu
from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import RenderedText
from pixlm.data.examples import WordExample
from pixlm.rendering import TextRenderer
from pixlm.tasks.base import Prediction
from pixlm.tasks.word_labelling import IGNORE, POS, WordPrediction

TRAIN = (
    "--train.max-steps",
    "4",
    "--train.batch-size",
    "4",
    "--train.eval-steps",
    "2",
    "--render.max-seq-length",
    "64",
)


def prediction(index: int, labels: list[str] | None, given: list[str | None]) -> WordPrediction:
    return Prediction(WordExample(id=str(index), words=["w"] * len(given), labels=labels), given)


def test_labels_stand_on_the_first_patch_of_each_word_that_fits():
    encoder = RenderedText(TextRenderer(max_seq_length=12))
    words = ["My", "cat", "loves", "oatmeal", "porridge", "."]
    example = WordExample(id="s", words=words, labels=["PRON", "NOUN", "VERB", "NOUN", "NOUN", "PUNCT"])
    batch = POS.objective(encoder, conllu.UPOS).collate([Drawn(Draw(0, 0), example)])
    labels = batch["labels"][0].numpy()
    starts = np.flatnonzero(labels != IGNORE)
    rendered = encoder.renderer.render(words)
    assert starts.tolist() == [start for start in rendered.word_starts[:-1] if start < rendered.num_text_patches]
    assert [conllu.UPOS[i] for i in labels[starts]] == example.labels[: len(starts)]
    assert 0 < len(starts) < len(words)
    assert int(batch["count"]) == len(starts)
    assert batch["lost"] == len(words) - len(starts)
    assert batch["pixel_values"].shape == (1, 1, 16, 16 * 12)


def test_words_off_the_canvas_are_errors_unless_upstream_scores():
    predictions = [
        prediction(0, ["NOUN", "VERB", "NOUN"], ["NOUN", "NOUN", None]),
        prediction(1, ["NOUN"], ["NOUN"]),
        prediction(2, None, ["X"]),
    ]
    assert POS.metrics(predictions) == {"accuracy": 2 / 4, "words": 4}
    upstream = POS.with_options({"scoring": "upstream", "unknown": 1})
    assert upstream.metrics(predictions) == {"accuracy": 2 / 3, "words": 3}
    train = [WordExample(id="t", words=["a", "b", "c"], labels=["VERB", "VERB", "NOUN"])]
    assert POS.baseline(train, predictions) == {"majority_accuracy": 1 / 4, "lexical_accuracy": 1 / 4}
    seen = [WordExample(id="t", words=["w", "w", "v"], labels=["NOUN", "NOUN", "VERB"])]
    assert POS.baseline(seen, predictions)["lexical_accuracy"] == 3 / 4
    assert POS.metrics([prediction(0, None, [None])]) == {"words": 0}


@pytest.fixture(scope="module")
def run(treebank, tmp_path_factory):
    from pixlm.cli import main

    output = tmp_path_factory.mktemp("pos") / "run"
    command = ("finetune", "pos", "--model", "pixel-nano", "--data", str(treebank), "--output", str(output), *TRAIN)
    assert main(list(command)) == 0
    return output


def test_a_run_writes_scores_and_predictions_in_both_formats(run, treebank):
    metrics = json.loads((run / "metrics.json").read_text())
    for split in ("dev", "test"):
        assert {"examples", "loss", "lost", "accuracy", "majority_accuracy"} <= metrics[split].keys()
        assert metrics[split]["examples"] == 8
        assert 0 <= metrics[split]["accuracy"] <= 1
    gold = conllu.read(next(treebank.glob("*test*")))
    rows = [json.loads(line) for line in (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["words"] for row in rows] == [sentence.words for sentence in gold]
    assert [row["labels"] for row in rows] == [sentence.upos for sentence in gold]
    written = conllu.read(run / "predictions.conllu")
    assert [s.upos for s in written] == [[tag or "_" for tag in row["predictions"]] for row in rows]
    right = sum(a == b for row in rows for a, b in zip(row["labels"], row["predictions"], strict=True) if b)
    scored = sum(len(row["words"]) for row in rows)
    assert metrics["test"]["accuracy"] == pytest.approx(right / scored)
    assert metrics["test"]["lost"] == sum(tag is None for row in rows for tag in row["predictions"])


def test_evaluate_repeats_the_scores_of_the_run(run, treebank, tmp_path, pixlm):
    code, _, _ = pixlm("evaluate", "pos", "--model", run, "--data", treebank, "--output", tmp_path / "e")
    assert code == 0
    again = json.loads((tmp_path / "e" / "metrics.json").read_text())["test"]
    before = json.loads((run / "metrics.json").read_text())["test"]
    assert again["accuracy"] == before["accuracy"]
    assert again["loss"] == pytest.approx(before["loss"], rel=1e-5)
    assert (tmp_path / "e" / "predictions.conllu").read_bytes() == (run / "predictions.conllu").read_bytes()


def test_results_of_a_run_are_not_overwritten(run, treebank, pixlm):
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    source = next(treebank.glob("*test*"))
    for command in (("evaluate", "--data", treebank), ("predict", "--data", source)):
        code, _, error = pixlm(command[0], "pos", "--model", run, "--output", run, *command[1:])
        assert code == 2
        assert "holds a run, whose results would be overwritten" in error
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_predict_needs_no_labels(run, treebank, tmp_path, pixlm):
    source = next(treebank.glob("*test*"))
    bare = tmp_path / "bare.conllu"
    lines = source.read_text(encoding="utf-8").split("\n")
    columns = [line.split("\t") for line in lines]
    bare.write_text(
        "\n".join("\t".join([*c[:3], "_", *c[4:]]) if len(c) == 10 else c[0] for c in columns), encoding="utf-8"
    )
    code, out, _ = pixlm("predict", "pos", "--model", run, "--data", bare, "--output", tmp_path / "p")
    assert code == 0
    assert "predictions.conllu" in out
    assert (tmp_path / "p" / "predictions.conllu").read_bytes() == (run / "predictions.conllu").read_bytes()


def test_predictions_for_words_of_no_file_are_written(run, tmp_path, pixlm):
    code, _, error = pixlm("predict", "pos", "--model", run, "--text", "Trời đẹp !", "--output", tmp_path / "p")
    assert code == 0, error
    rows = [line.split("\t") for line in (tmp_path / "p" / "predictions.conllu").read_text("utf-8").splitlines()[:-1]]
    assert [(len(row), *row[:2]) for row in rows] == [(10, "1", "Trời"), (10, "2", "đẹp"), (10, "3", "!")]
    assert {row[3] for row in rows} <= {*conllu.UPOS, "_"}


def test_models_that_cannot_tag_are_refused(run, treebank, tmp_path, pixlm):
    from pixlm import hub
    from pixlm.models import PixelForPreTraining, PixelForTokenClassification

    source = next(treebank.glob("*test*"))
    renderer = hub.load_renderer(str(run))
    hub.save(tmp_path / "pretrained", hub.load_model("pixel-nano", PixelForPreTraining), renderer)
    config = hub.load_config("pixel-nano", num_labels=3, finetuning_task="ner")
    hub.save(tmp_path / "ner", hub.load_model("pixel-nano", PixelForTokenClassification, config=config), renderer)
    for name, message in (
        ("pretrained", "was not fine-tuned for pos"),
        ("ner", "was not fine-tuned for pos, but for ner"),
    ):
        for command in (("predict", "--data", source, "--output", tmp_path / "out"), ("evaluate", "--data", treebank)):
            code, _, error = pixlm(command[0], "pos", "--model", tmp_path / name, *command[1:])
            assert code == 2
            assert message in error
    assert not (tmp_path / "out").exists()


def test_load_predicts_the_same(run):
    import pixlm

    rows = [json.loads(line) for line in (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    model = pixlm.load(str(run))
    found = model.predict([row["words"] for row in rows], batch_size=32)
    assert [one["predictions"] for one in found] == [row["predictions"] for row in rows]
    assert model.predict(["a sentence"])[0]["words"] == ["a", "sentence"]
    for wrong in ([["a", ""]], [7], [[]]):
        with pytest.raises(pixlm.errors.UsageError, match="list of words"):
            model.predict(wrong)
    with pytest.raises(pixlm.errors.UsageError, match="pretrained masked model"):
        model.reconstruct("a sentence")
