"""Runs over texts and pairs from files to files: what they write, predict and refuse, and that they learn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import toy_texts
from pixlm.analysis.calibration import calibration, read_predictions

EXCERPTS = Path(__file__).resolve().parents[2] / "data" / "excerpts"
SMALL = ("--model", "pixel-nano", "--render.max-seq-length", "64", "--train.warmup", "1", "--train.batch-size", "4")
FEW = (*SMALL, "--train.max-steps", "2", "--train.eval-steps", "1")


def finetune(task, data, output, *more):
    from pixlm.cli import main

    assert main(["finetune", task, "--data", str(data), "--output", str(output), *FEW, *more]) == 0
    return output


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def metrics(run):
    return json.loads((run / "metrics.json").read_text())


@pytest.fixture(scope="module")
def topic(tmp_path_factory):
    return finetune("topic", EXCERPTS / "sib200" / "eng_Latn", tmp_path_factory.mktemp("topic") / "run")


@pytest.fixture(scope="module")
def xnli(tmp_path_factory):
    folder = tmp_path_factory.mktemp("xnli")
    data = toy_texts.xnli(folder / "data")
    return finetune("xnli", data, folder / "run", "--task.train-languages", "en", "--task.dev-languages", "en"), data


def test_a_run_writes_scores_and_predictions(topic):
    (dev,) = metrics(topic).values()
    assert {"examples", "loss", "lost", "macro_f1", "accuracy", "majority_accuracy", "lexical_macro_f1"} <= dev.keys()
    rows = lines(topic / "predictions.jsonl")
    assert len(rows) == dev["examples"] == 7
    for row in rows:
        assert list(row) == ["id", "text", "label", "prediction", "scores"]
        assert sum(row["scores"].values()) == pytest.approx(1)
        assert row["prediction"] == max(row["scores"], key=row["scores"].get)
    right = sum(row["label"] == row["prediction"] for row in rows)
    assert dev["accuracy"] == pytest.approx(right / len(rows))
    measured = calibration(*read_predictions(topic / "predictions.jsonl"))
    assert dev["expected_calibration_error"] == pytest.approx(measured.expected, abs=1e-6)


def test_predict_gives_what_the_run_wrote(topic, tmp_path, pixlm):
    import pixlm as package

    rows = lines(topic / "predictions.jsonl")
    found = package.load(str(topic)).predict([row["text"] for row in rows], batch_size=4)
    assert [one["prediction"] for one in found] == [row["prediction"] for row in rows]
    assert found[0]["scores"] == pytest.approx(rows[0]["scores"], abs=1e-5)
    code, out, _ = pixlm("predict", "topic", "--model", topic, "--text", rows[0]["text"], rows[1]["text"])
    assert code == 0
    shown = [json.loads(line) for line in out.splitlines()]
    assert [one["prediction"] for one in shown] == [row["prediction"] for row in rows[:2]]
    assert shown[0]["label"] is None
    bare = toy_texts.table(tmp_path / "bare.tsv", ("text",), *((row["text"],) for row in rows))
    assert pixlm("predict", "topic", "--model", topic, "--data", bare, "--output", tmp_path / "p")[0] == 0
    again = lines(tmp_path / "p" / "predictions.jsonl")
    assert [one["prediction"] for one in again] == [row["prediction"] for row in rows]


def test_zero_shot_transfer_is_scored_per_language(xnli, tmp_path, pixlm):
    run, data = xnli
    found = metrics(run)
    assert set(found) == {
        *(f"dev-{each}" for each in ("en", "ur", "sw")),
        *(f"test-{each}" for each in ("en", "ur", "sw")),
        "dev",
        "test",
    }
    assert found["test"]["examples"] == 18
    assert found["test-ur"]["examples"] == 6
    assert "--config" in (run / "run.yaml").read_text()
    logged = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert any("eval_accuracy" in line and line["eval_examples"] == 6 for line in logged)
    code, _, _ = pixlm("evaluate", "xnli", "--model", run, "--data", data, "--output", tmp_path / "e")
    assert code == 0
    again = metrics(tmp_path / "e")
    assert {name: row["accuracy"] for name, row in again.items()} == {
        name: row["accuracy"] for name, row in found.items() if name.startswith("test")
    }


def test_pairs_are_predicted_from_tuples_and_files(xnli, tmp_path, pixlm):
    import pixlm as package

    run, data = xnli
    rows = lines(run / "predictions.jsonl")[:3]
    pairs = [(row["text"], row["text_b"]) for row in rows]
    found = package.load(str(run)).predict(pairs)
    assert [one["prediction"] for one in found] == [row["prediction"] for row in rows]
    code, _, error = pixlm("predict", "xnli", "--model", run, "--text", "one text")
    assert code == 2
    assert "takes a pair of texts" in error
    (a, b), (c, d) = pairs[:2]
    code, out, _ = pixlm("predict", "xnli", "--model", run, "--text", a, c, "--text-b", b, d)
    assert code == 0
    assert [json.loads(line)["prediction"] for line in out.splitlines()] == [row["prediction"] for row in rows[:2]]
    for wrong in (("--text", a, c, a, "--text-b", b, d), ("--data", "x", "--text-b", b)):
        code, _, error = pixlm("predict", "xnli", "--model", run, *wrong)
        assert code == 2
        assert "--text-b" in error
    assert (
        pixlm("predict", "xnli", "--model", run, "--data", data / "xnli.test.tsv", "--output", tmp_path / "p")[0] == 0
    )
    again = lines(tmp_path / "p" / "predictions.jsonl")
    assert [one["prediction"] for one in again[:3]] == [row["prediction"] for row in rows]


def test_glues_test_split_has_predictions_without_scores(tmp_path):
    run = finetune("glue", toy_texts.glue(tmp_path, "sst2"), tmp_path / "run")
    found = metrics(run)
    assert "accuracy" in found["dev"]
    assert set(found["test"]) == {"examples", "lost"}
    assert (run / "predictions.tsv").read_text().startswith("index\tprediction\n0\t")
    assert "name: sst2" in (run / "run.yaml").read_text()
    config = json.loads((run / "config.json").read_text())
    assert (config["task_options"]["name"], config["pooling_mode"]) == ("sst2", "mean")
    assert list(config["id2label"].values()) == ["negative", "positive"]


def test_models_of_pixels_own_scripts_are_known_by_glues_names(tmp_path, pixlm):
    """Their configuration names the data set as the task, and numbers the labels."""
    import pixlm as package

    data = toy_texts.glue(tmp_path, "sst2")
    run = finetune("glue", data, tmp_path / "run")
    before = metrics(run)["dev"]
    config = json.loads((run / "config.json").read_text())
    for name in ("task_options", "id2label", "label2id", "pooling_mode", "add_layer_norm"):
        del config[name]
    (run / "config.json").write_text(json.dumps({**config, "finetuning_task": "sst2"}))
    for name in ("run.yaml", "manifest.json"):
        (run / name).unlink(missing_ok=True)
    code, _, error = pixlm(
        "evaluate", "glue", "--model", run, "--data", data, "--split", "dev", "--output", tmp_path / "e"
    )
    assert code == 0, error
    assert metrics(tmp_path / "e")["dev"]["accuracy"] == before["accuracy"]
    (one,) = package.load(str(run)).predict(["a warm film"])
    assert set(one["scores"]) == {"negative", "positive"}
    code, _, error = pixlm("evaluate", "nli", "--model", run, "--data", data)
    assert code == 2
    assert "was not fine-tuned for nli, but for sst2" in error


def test_ones_own_columns_are_stored_with_the_model(tmp_path, pixlm):
    head = ("query", "answer", "fit", "lang")
    data = tmp_path / "data"
    for split in ("train", "dev"):
        rows = [(a, b, i / 4, ("fi", "et")[i % 2]) for i, (a, b) in enumerate(toy_texts.PAIRS * 2)]
        toy_texts.table(data / f"{split}.tsv", head, *rows)
    columns = ("--task.text", "query", "--task.text-b", "answer", "--task.label", "fit", "--task.group", "lang")
    run = finetune("classify", data, tmp_path / "run", *columns, "--task.regression")
    found = metrics(run)
    assert {"dev", "dev-fi", "dev-et"} == set(found)
    assert {"pearson", "spearman", "mean_loss", "overlap_pearson"} <= found["dev"].keys()
    rows = lines(run / "predictions.jsonl")
    assert all(isinstance(row["prediction"], float) and row["scores"] == {} for row in rows)
    evaluate = ("evaluate", "classify", "--model", run)
    assert pixlm(*evaluate, "--data", data, "--split", "dev")[0] == 0
    # That pairs were learnt is stored, too.
    toy_texts.table(tmp_path / "single.tsv", ("query", "fit", "lang"), ("one", "1", "fi"))
    single = ("--data.test", tmp_path / "single.tsv", "--task.text-b", "")
    code, _, error = pixlm(*evaluate, *single)
    assert code == 2
    assert "single.tsv, line 2: one text, but pairs of texts are learnt" in error
    code, _, error = pixlm("predict", "classify", "--model", run, "--text", "one")
    assert code == 2
    assert "a pair of texts" in error
    # And options of a type that is none of theirs are refused.
    config = json.loads((run / "config.json").read_text())
    config["task_options"]["regression"] = "very"
    (run / "config.json").write_text(json.dumps(config))
    code, _, error = pixlm(*evaluate, "--data", data, "--split", "dev")
    assert code == 2
    assert "options of classify: regression must be bool, not 'very'" in error


# Bad input: one line with file and line, before anything is written


def tables(folder, train, dev=None, head=("text", "label")):
    toy_texts.table(folder / "train.tsv", head, *train)
    toy_texts.table(folder / "dev.tsv", head, *(train if dev is None else dev))
    return folder


GOOD = [("a", "x"), ("b", "y"), ("c", "x"), ("d", "y")]
NUMBERS = ("--task.regression",)


@pytest.mark.parametrize(
    ("task", "train", "dev", "more", "message"),
    [
        ("classify", GOOD, [("e", "x"), ("f", "z")], (), "dev.tsv, line 3: label 'z' of the dev split is not among"),
        ("classify", [("a", "1"), ("b", "two")], None, NUMBERS, "train.tsv, line 3: the label 'two' is no number"),
        ("classify", [("a", "1"), ("b", "nan")], None, NUMBERS, "train.tsv, line 3: the label 'nan' is no finite"),
        ("classify", GOOD, [], (), "dev.tsv: holds no row"),
        ("classify", [("a", "x"), ("b",)], None, (), "train.tsv, line 3: 1 column where 2 are due"),
        ("classify", [("a", "x"), ("b", "x")], None, (), "there is nothing to learn"),
        ("classify", GOOD, None, ("--task.label", "stars"), "train.tsv: no column 'stars'; it has: text, label"),
        ("topic", GOOD, None, (), "train.tsv: no column 'category'; it has: text, label"),
        ("nli", GOOD, None, (), "train.tsv: no column 'premise'; it has: text, label"),
        ("xnli", GOOD, None, (), "train.tsv: which language?"),
        ("glue", GOOD, None, (), "which data set of GLUE is it? Say --task.name"),
        ("glue", GOOD, None, ("--task.name", "qnli"), "train.tsv: no column 'question'"),
        ("classify", GOOD, None, ("--task.pooling-mode", "pma", "--task.pma-heads", "3"), "pma_heads"),
    ],
)
def test_bad_data_is_refused_in_one_line(task, train, dev, more, message, tmp_path, pixlm):
    data = tables(tmp_path / "data", train, dev)
    output = tmp_path / "run"
    code, _, error = pixlm("finetune", task, "--data", data, "--output", output, *FEW, *more)
    assert code == 2
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not output.exists()


def test_bad_rows_can_be_left_out_and_counted(tmp_path, pixlm):
    data = tables(tmp_path / "data", [*GOOD, ("e",)], [*GOOD, ("f", "z")])
    output = tmp_path / "run"
    skip = ("--data.on-error", "skip")
    code, out, _ = pixlm("finetune", "classify", "--data", data, "--output", output, *FEW, *skip)
    assert code == 0
    assert "2 left out as bad" in out
    assert metrics(output)["dev"]["examples"] == 4
    code, _, error = pixlm("evaluate", "classify", "--model", output, "--data", data, "--split", "dev")
    assert code == 2
    assert "dev.tsv, line 6: label 'z'" in error


# They learn


def overfit(tmp_path, task, rows, *more, steps=150):
    """Train on a few rows and score the same ones."""
    for split in ("train", "dev"):
        toy_texts.table(tmp_path / "data" / f"{split}.tsv", *rows)
    run = finetune(
        task,
        tmp_path / "data",
        tmp_path / "run",
        *("--train.max-steps", str(steps), "--train.eval-steps", str(steps), "--train.learning-rate", "1e-3"),
        *("--train.batch-size", "14", "--train.warmup", "10", "--train.dropout", "0", "--task.pooling-mode", "max"),
        *more,
    )
    return metrics(run)["dev"]


def rows_of(path, count):
    return [tuple(line.split("\t")) for line in path.read_text(encoding="utf-8").splitlines()[: count + 1]]


@pytest.mark.slow
def test_topics_of_real_sentences_are_learnt(tmp_path):
    found = overfit(tmp_path, "topic", rows_of(EXCERPTS / "sib200" / "eng_Latn" / "train.tsv", 14))
    assert found["macro_f1"] > 0.95


@pytest.mark.slow
def test_pairs_of_real_sentences_are_learnt(tmp_path):
    """Whether a Hindi sentence translates an English one, or another one: the rows of both files are parallel."""
    english, hindi = (
        [row[2] for row in rows_of(EXCERPTS / "sib200" / language / "train.tsv", 10)[1:]]
        for language in ("eng_Latn", "hin_Deva")
    )
    rows = [(a[:60], hindi[(i + i % 2) % 10][:40], ("same", "other")[i % 2]) for i, a in enumerate(english)]
    found = overfit(tmp_path, "classify", [("text", "text_b", "label"), *rows])
    assert found["accuracy"] > 0.95


@pytest.mark.slow
def test_numbers_of_real_sentences_are_learnt(tmp_path):
    """How long a sentence is, in hundreds of characters."""
    texts = [row[0] for row in rows_of(EXCERPTS / "sentence_polarity" / "train.tsv", 10)[1:]]
    rows = [(text, f"{len(text) / 100:.2f}") for text in texts]
    found = overfit(tmp_path, "classify", [("text", "label"), *rows], "--task.regression")
    assert found["spearman"] > 0.95
    assert found["loss"] < found["mean_loss"] / 10
