"""Texts and pairs: objectives, scores, baselines, options, and what the data sets declare."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import RenderedText
from pixlm.data.examples import TextExample
from pixlm.data.packing import Packing
from pixlm.data.readers.glue import GLUE as FORMATS
from pixlm.data.splits import Sources, find
from pixlm.errors import UsageError
from pixlm.models import PixelForSequenceClassification, preset
from pixlm.rendering import TextRenderer
from pixlm.tasks import find_task
from pixlm.tasks.base import Prediction
from pixlm.tasks.texts.baselines import LexicalBaseline, majority, overlap
from pixlm.tasks.texts.objectives import Guess
from toy_texts import glue

EXCERPTS = Path(__file__).resolve().parents[2] / "data" / "excerpts"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
TOPICS = ["sports", "travel", "health"]


def text(label, words="some words", second=None, group="", number=0):
    return TextExample(id=str(number), text=words, text_b=second, label=label, group=group)


def batch_of(task, examples, labels, length=40):
    objective = task.objective(RenderedText(TextRenderer(max_seq_length=length)), labels)
    return objective, objective.collate([Drawn(Draw(0, i), example) for i, example in enumerate(examples)])


def model_for(task, labels):
    torch.manual_seed(1)
    return PixelForSequenceClassification(preset("pixel-nano", **task.config_for(labels))).eval()


def test_classes_are_learnt_by_cross_entropy_and_rows_without_label_count_for_nothing():
    task = find_task("topic")
    examples = [text("travel", "a long way"), text(None, "x"), text("sports", "a ball")]
    objective, batch = batch_of(task, examples, TOPICS)
    model = model_for(task, TOPICS)
    with torch.no_grad():
        loss = objective.loss(model, batch)
    logits = loss.outputs.logits
    expected = -logits.log_softmax(-1)[[0, 2], [1, 0]].sum()
    assert torch.allclose(loss.sum, expected)
    assert int(loss.count) == int(batch["count"]) == 2
    reduced = objective.reduce(loss.outputs, batch)
    assert [row.index for row in reduced] == [0, 1, 2]
    for row, scores in zip(reduced, logits.softmax(-1), strict=True):
        assert list(row.value.scores) == TOPICS
        assert list(row.value.scores.values()) == pytest.approx(scores.tolist())
        assert row.value.label == TOPICS[int(scores.argmax())]


def test_numbers_are_learnt_by_squared_error():
    task = find_task("glue").with_options({"name": "stsb"})
    examples = [text(4.5, "a", "b"), text(None, "c", "d"), text(0.0, "e", "f")]
    objective, batch = batch_of(task, examples, [])
    model = model_for(task, [])
    with torch.no_grad():
        loss = objective.loss(model, batch)
    assert loss.outputs.logits.shape == (3, 1)
    given = [row.value.label for row in objective.reduce(loss.outputs, batch)]
    assert float(loss.sum) == pytest.approx((given[0] - 4.5) ** 2 + given[2] ** 2)
    assert int(loss.count) == 2
    no_labels = batch_of(task, [text(None, "a", "b")], [])
    with torch.no_grad():
        nothing = no_labels[0].loss(model, no_labels[1])
    assert (float(nothing.sum), int(nothing.count)) == (0, 0)


def test_pairs_are_drawn_with_a_separator_and_cleaned_as_the_task_says():
    pair = text(None, "a , b", "is n't")
    assert find_task("nli").text(pair) == ("a, b", "isn't")
    assert find_task("classify").text(pair) == ("a , b", "is n't")
    assert find_task("nli").with_options({"clean": False}).text(pair) == ("a , b", "is n't")
    objective, batch = batch_of(find_task("nli"), [pair], ["x", "y"])
    rendered = objective.encoder.renderer.render(("a, b", "isn't"), padding=False)
    assert int(batch["attention_mask"].sum()) == rendered.num_text_patches + 1
    width = rendered.pixel_values.shape[-1]
    assert np.array_equal(batch["pixel_values"][0, 0, :, :width].numpy(), rendered.pixel_values)


@pytest.mark.parametrize(("name", "second"), [("topic", None), ("nli", "b"), ("xnli", "b")])
def test_texts_that_share_a_row_are_scored_as_if_alone(name, second):
    task = find_task(name)
    examples = [text(TOPICS[number % 3], "word " * (1 + number), second) for number in range(6)]
    found = []
    for packing in (Packing.ON, Packing.OFF):
        encoder = RenderedText(TextRenderer(max_seq_length=40))
        encoder.packing = packing
        objective = task.objective(encoder, TOPICS)
        batch = objective.collate([Drawn(Draw(0, i), example) for i, example in enumerate(examples)])
        with torch.no_grad():
            loss = objective.loss(model_for(task, TOPICS), batch)
        scores = [list(row.value.scores.values()) for row in objective.reduce(loss.outputs, batch)]
        found.append((len(batch["pixel_values"]), float(loss.sum), scores))
    (packed, *first), (padded, *second_time) = found
    assert packed < padded == len(examples)
    assert first[0] == pytest.approx(second_time[0], rel=1e-5)
    assert np.allclose(first[1], second_time[1], rtol=1e-5)


def test_characters_off_the_canvas_are_counted():
    _, batch = batch_of(find_task("topic"), [text(None, "word " * 40), text(None, "word")], TOPICS, length=20)
    assert batch["lost"] > 50


def test_scores_of_classes_and_baselines():
    task = find_task("topic")
    gold = ["sports", "travel", "sports", "health", None]
    given = ["sports", "sports", "sports", "health", "health"]
    predictions = [Prediction(text(a), Guess(b)) for a, b in zip(gold, given, strict=True)]
    assert task.metrics(predictions) == pytest.approx({"accuracy": 3 / 4, "macro_f1": (0.8 + 0 + 1) / 3})
    assert task.metrics(predictions[-1:]) == {}
    sure = [Prediction(text(a), Guess(b, {b: 0.9, "politics": 0.1})) for a, b in zip(gold[:2], given[:2], strict=True)]
    assert task.metrics(sure)["expected_calibration_error"] == pytest.approx(0.4)  # 0.9 sure, half of it right
    train = [text("travel", "a long way"), text("travel", "far away"), text("sports", "the ball")]
    found = task.baseline(train, predictions)
    assert found["majority_accuracy"] == 1 / 4
    assert found["majority_macro_f1"] == pytest.approx((2 * 1 / 5) / 3)
    assert {"lexical_accuracy", "lexical_macro_f1"} <= found.keys()
    assert majority([text("b"), text("a"), text(None)]) == "a"
    assert task.baseline([], predictions) == {}


def test_the_lexical_baseline_learns_words():
    train = [text(label, f"{word} {number}") for number in range(9) for label, word in (("A", "apple"), ("B", "bear"))]
    assert LexicalBaseline(train)([text(None, "an apple"), text(None, "two bears")]) == ["A", "B"]


def test_baselines_of_numbers_and_pairs():
    task = find_task("glue").with_options({"name": "stsb"})
    train = [text(1.0, "a", "b"), text(4.0, "a", "b")]
    rows = [text(5.0, "a red cat", "A red cat"), text(2.5, "a red cat", "a dog"), text(0.0, "a cat", "the dog")]
    predictions = [Prediction(row, Guess(1.0)) for row in rows]
    assert overlap(rows) == pytest.approx([1.0, 2 / 5, 0.0])
    found = task.baseline(train, predictions)
    assert found["mean_loss"] == pytest.approx((2.5**2 + 0 + 2.5**2) / 3)
    assert found["overlap_spearman"] == pytest.approx(1.0)
    assert task.metrics(predictions) == {"pearson": 0.0, "spearman": 0.0}
    pairs = [Prediction(text("entailment", "a", "b"), Guess("neutral"))]
    assert "lexical_accuracy" not in find_task("nli").baseline([text("entailment", "a", "b")], pairs)


def test_the_head_is_chosen_in_the_models_configuration():
    assert find_task("xnli").config_for(["a", "b"])["pooling_mode"] == "cls"
    config = find_task("topic").with_options({"pooling_mode": "pma", "pma_heads": 4}).config_for(TOPICS)
    assert (config["pooling_mode"], config["pma_heads"], config["add_layer_norm"]) == ("pma", 4, True)
    assert config["problem_type"] == "single_label_classification"
    assert "pooling_mode" not in find_task("classify").config_for(TOPICS)
    numbers = find_task("glue").with_options({"name": "stsb"}).config_for([])
    assert (numbers["num_labels"], numbers["problem_type"]) == (1, "regression")


# Data sets


METRICS = {"cola": "matthews", "mrpc": "f1", "qqp": "f1", "stsb": "spearman"}


@pytest.mark.parametrize("name", FORMATS)
def test_glue_is_known_by_its_folder(name, tmp_path):
    sources = find(str(glue(tmp_path, name)), {}, find_task("glue").naming)
    task = find_task("glue").settle(sources)
    assert task.options.name == name
    assert task.metric == METRICS.get(name, "accuracy")
    train = task.read(sources.train)
    assert task.labels(train) == list(FORMATS[name].labels.names)
    assert {example.text_b is not None for example in train} == {task.pair}
    scores = task.metrics([Prediction(example, Guess(example.label)) for example in train])
    assert scores[task.metric] == pytest.approx(1.0)
    assert len(scores) == (2 if name in ("mrpc", "qqp", "stsb") else 1)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("glue/SST-2/train.tsv", "sst2"),
        ("pair/stsb_en/stsb-en-cut-train.csv", "stsb"),
        ("STS-B/original/sts-train.tsv", "stsb"),
        ("data/rte/train.tsv", "rte"),
        ("cola_public/raw/in_domain_train.tsv", "cola"),
        ("x/qnli_train.tsv", "qnli"),
        ("sst_2/train.tsv", "sst2"),
    ],
)
def test_names_of_glues_data_sets(path, name):
    assert find_task("glue").settle(Sources(train=(Path("/nowhere") / path,))).options.name == name


def test_glue_without_a_name_asks_for_it():
    for path in ("data/train.tsv", "data/mixed_rte_and_cola/train.tsv"):
        with pytest.raises(UsageError, match=r"--task\.name"):
            find_task("glue").settle(Sources(train=(Path("/nowhere") / path,)))
    with pytest.raises(UsageError, match=r"--task\.name"):
        find_task("glue").read([Path("train.tsv")])
    named = find_task("glue").with_options({"name": "qqp"})
    assert named.settle(Sources(train=(Path("/data/rte/train.tsv"),))).options.name == "qqp"


def test_mnlis_checkpoints_are_picked_on_the_matched_part(tmp_path):
    sources = find(str(glue(tmp_path, "mnli")), {}, find_task("glue").naming)
    task = find_task("glue").settle(sources)
    dev = task.read(sources.dev)
    assert {example.group for example in dev} == {"matched", "mismatched"}
    assert {example.group for example in task.select("dev", dev)} == {"matched"}
    rte = find_task("glue").with_options({"name": "rte"})
    assert rte.select("dev", dev[:1]) == dev[:1]


def test_glue_files_for_the_server(tmp_path):
    task = find_task("glue").with_options({"name": "mnli"})
    rows = [("neutral", "matched"), ("entailment", "mismatched"), ("contradiction", "matched")]
    predictions = [
        Prediction(text(None, "a", "b", group, number), Guess(label)) for number, (label, group) in enumerate(rows)
    ]
    written = task.write(predictions, tmp_path, "predictions")
    assert [path.name for path in written] == [
        "predictions.jsonl",
        "predictions-matched.tsv",
        "predictions-mismatched.tsv",
    ]
    assert written[1].read_text() == "index\tprediction\n0\tneutral\n1\tcontradiction\n"
    for name, label, cell in (
        ("sst2", "positive", "1"),
        ("rte", "not_entailment", "not_entailment"),
        ("stsb", 2.5, "2.500"),
    ):
        task = find_task("glue").with_options({"name": name})
        (_, path) = task.write([Prediction(text(None, "a"), Guess(label))], tmp_path, name)
        assert path.read_text() == f"index\tprediction\n0\t{cell}\n"


def test_xnli_learns_from_the_languages_it_is_told():
    task = find_task("xnli").with_options({"train_languages": ("en",), "dev_languages": ["en", "ur"]})
    rows = [text("neutral", "a", "b", group) for group in ("en", "ur", "sw")]
    assert [row.group for row in task.select("train", rows)] == ["en"]
    assert [row.group for row in task.select("dev", rows)] == ["en", "ur"]
    assert find_task("xnli").select("train", rows) == rows
    with pytest.raises(UsageError, match=r"--task\.train-languages en: the train split has none; it has sw, ur"):
        task.select("train", rows[1:])


def test_python_callers_give_texts_or_pairs():
    assert find_task("topic").example("a text", "1").text == "a text"
    pair = find_task("nli").example(("a", "b"), "1")
    assert (pair.text, pair.text_b) == ("a", "b")
    assert find_task("classify").example(["a", "b"], "1").text_b == "b"
    for name, wrong, wanted in (
        ("topic", ("a", "b"), "takes a text"),
        ("nli", "a", "takes a pair"),
        ("nli", ("a", "b", "c"), "takes a pair"),
        ("classify", 7, "takes a text or a pair"),
        ("xnli", ("a", None), "takes a pair"),
    ):
        with pytest.raises(UsageError, match=wanted):
            find_task(name).example(wrong, "1")


def test_one_label_is_nothing_to_learn_and_many_numbers_are_no_classes():
    task = find_task("classify")
    with pytest.raises(UsageError, match="nothing to learn"):
        task.labels([text("a"), text("a")])
    with pytest.raises(UsageError, match=r"--task\.regression"):
        task.labels([text(str(number / 7)) for number in range(60)])
    assert task.labels([text("2"), text("1")]) == ["1", "2"]
    numbers = task.with_options({"regression": True})
    assert numbers.labels([text(1.0)]) == []
    assert (numbers.metric, numbers.pair) == ("spearman", None)
    assert not math.isnan(numbers.metrics([Prediction(text(1.0), Guess(2.0))])["spearman"])


@pytest.mark.parity
@pytest.mark.skipif(not SHARED.is_dir(), reason="the staged data (../shared/data) are not on this machine")
@pytest.mark.parametrize(
    ("task", "folder", "sizes", "labels"),
    [
        ("glue", "single/cola", (8551, 527 + 516, 0), 2),
        ("glue", "pair/rte", (3367, 800, 0), 2),
        ("glue", "pair/stsb_en", (3749, 1000, 879), 0),
        ("xnli", "pair/xnli_ur", (0, 2490, 1500), 3),
        ("nli", "pair/xnli_en", (0, 2490, 1500), 3),
        ("topic", "topic", (5 * 701, 5 * 99, 5 * 204), 7),
        ("classify", "single/sentence_polarity", (8662, 1000, 1000), 2),
    ],
)
def test_real_data_sets_are_found_and_read(task, folder, sizes, labels):
    sources = find(str(SHARED / folder), {}, find_task(task).naming)
    chosen = find_task(task).settle(sources)
    splits = [chosen.read(sources.get(split)) if sources.get(split) else [] for split in ("train", "dev", "test")]
    assert tuple(map(len, splits)) == sizes
    known = chosen.labels(splits[0] or splits[1])
    assert len(known) == labels
    assert labels == 0 or {example.label for split in splits for example in split} == set(known)
