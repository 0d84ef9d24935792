"""Probing: the reader of LINSPECTOR's files, what a probe finds where there is something to find, and its controls."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pixlm.analysis.features import features, untrained
from pixlm.analysis.probing import limited, majority, probe, random_labels, units_of
from pixlm.data.readers.probing import ProbeExample, ProbeTask, find_probe_tasks
from pixlm.errors import UsageError
from pixlm.models.heads import Head
from toy_classifiers import classifier

SHARED = Path(__file__).parents[3] / "shared" / "data" / "probing"
STEMS = [f"{first}{last}" for first in "bdfgklmnprst" for last in ("a", "e", "i", "o", "u", "ak", "em", "il")]


def write_task(folder: Path, rows: dict[str, list[str]]) -> Path:
    folder.mkdir(parents=True)
    for split, lines in rows.items():
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def plural(stems: list[str]) -> list[str]:
    """A task that can be seen: plurals end in -WW."""
    return [row for stem in stems for row in (f"{stem}\tSingular", f"{stem}WW\tPlural")]


@pytest.fixture
def data(tmp_path) -> Path:
    splits = {"train": STEMS[:60], "dev": STEMS[60:75], "test": STEMS[75:]}
    write_task(tmp_path / "Number" / "toyish", {split: plural(stems) for split, stems in splits.items()})
    context = {
        split: [f"see {stem}{end} there\t1\t{label}" for stem in stems for end, label in (("", "one"), ("WW", "many"))]
        for split, stems in splits.items()
    }
    write_task(tmp_path / "linspector_toyish_contextual" / "Number", context)
    pairs = {
        split: [
            f"{stem}{end}\t{stem}{other}\t{'same' if end == other else 'other'}"
            for stem in stems
            for end in ("", "WW")
            for other in ("", "WW")
        ]
        for split, stems in splits.items()
    }
    write_task(tmp_path / "SameNumber" / "toyish", pairs)
    return tmp_path


def test_tasks_are_found_in_both_layouts(data):
    tasks = find_probe_tasks([data])
    assert [(task.language, task.name, task.contextual) for task in tasks] == [
        ("toyish", "Number", False),
        ("toyish", "Number (contextual)", True),
        ("toyish", "SameNumber", False),
    ]
    assert tasks[0].splits["train"][1] == ProbeExample(("baWW",), None, "Plural")
    assert tasks[1].splits["test"][0].type == STEMS[75]
    assert tasks[2].splits["dev"][0].words == (STEMS[60], STEMS[60])
    assert [task.name for task in find_probe_tasks([data], ["SameNumber"])] == ["SameNumber"]


@pytest.mark.parametrize("name", ["pixel-nano", "roberta-tiny"])
def test_what_can_be_seen_is_found_and_random_labels_are_not(data, name):
    model = classifier(name, Head.TOKEN_CLASSIFICATION)  # of bytes: no word of the task is a token
    for task in find_probe_tasks([data], ["Number"]):
        told: list[int] = []
        found = probe(model, task, "toy", on_batch=told.append)
        assert sum(told) == units_of(task, "together")
        assert [each.layer for each in found] == list(range(model.model.config.num_hidden_layers + 1))
        best = max(found, key=lambda each: each.dev)
        assert majority(task) == 0.5
        assert best.test > 0.9
        assert best.selectivity is not None
        assert 0.05 < best.selectivity < 0.6
        assert probe(model, task, "toy") == found
    fewer = limited(task, 20, 42)
    assert [len(rows) for rows in fewer.splits.values()] == [20, 20, 20]
    some = probe(model, fewer, "toy", control=False)
    assert some[0].control is None
    assert some != found
    many = sum(row.label == "many" for row in fewer.splits["test"]) / 20
    assert majority(fewer) in (many, 1 - many)
    assert many != 0.5
    least = limited(task, 2, 1)
    assert probe(model, least, "toy")[0].train == 1


def test_pairs_of_words_are_read_together_or_apart(data):
    model = classifier("pixel-nano", Head.PRETRAINING)
    (task,) = find_probe_tasks([data], ["SameNumber"])
    together = probe(model, task, "toy", control=False)
    apart = probe(model, task, "toy", pairs="apart", control=False)
    # Whether two words agree is no sum of what each says by itself.
    assert max(each.test for each in together) > 0.6
    assert max(each.test for each in apart) < 0.6
    assert units_of(task, "apart") == 2 * units_of(task, "together")


def test_random_labels_belong_to_words():
    rows = [ProbeExample(("a", word), 1, "x") for word in ("b", "c", "b", "d", "c")]
    drawn = random_labels(rows, np.array([0, 1, 2, 0, 1]), seed=1)
    assert drawn[0] == drawn[2]
    assert drawn[1] == drawn[4]
    assert set(drawn.tolist()) <= {0, 1, 2}


@pytest.mark.parametrize("name", ["pixel-nano", "bert-nano", "pixelgpt-nano", "textgpt-nano"])
def test_features_are_those_of_embed(name):
    model = classifier(name)
    texts = ["a text", "another one that is longer", "b"]
    found = features(model, texts, batch_size=2)
    assert found.lost == 0
    for layer in range(len(found.vectors)):
        np.testing.assert_allclose(found.vectors[layer], model.embed(texts, layer=layer), atol=1e-5)
    fresh = untrained(model, 1)
    assert not np.allclose(features(fresh, texts).vectors[-1], found.vectors[-1], atol=1e-3)
    np.testing.assert_array_equal(features(fresh, texts).vectors, features(untrained(model, 1), texts).vectors)


def test_words_in_sentences_are_their_units():
    model = classifier("bert-nano")
    words = [["the", "cat"], ["a", "dog", "sat"], [*["word"] * 80, "last"]]
    found = features(model, words, words=[1, 0, 80])
    assert found.lost == 1
    assert not found.vectors[:, 2].any()
    code = model.encoder.encode(words[0])
    with torch.no_grad():
        ids = torch.tensor(code.units["input_ids"])[None]
        hidden = model.model.base_model(input_ids=ids, output_hidden_states=True).hidden_states[2][0]
    start, end = code.word_starts[1:3]
    np.testing.assert_allclose(found.vectors[2, 0], hidden[start:end].mean(0), atol=1e-5)


def test_bad_data_is_told_in_a_line(tmp_path):
    good = plural(STEMS[:4])
    for number, (rows, message) in enumerate(
        [
            ({"train": good, "dev": good, "test": []}, "holds no text"),
            ({"train": ["a\tx", "b\tx"], "dev": good, "test": good}, "all rows have the label 'x'"),
            ({"train": [*good, "lonely"], "dev": good, "test": good}, "train.txt:9: expected one or two words"),
            ({"train": ["a b\t7\tx"], "dev": good, "test": good}, "train.txt:1: there is no word 7"),
            ({"train": ["a b\t1\tx", "a b\t0\ty"], "dev": good, "test": good}, "some splits have sentences"),
            ({"train": good, "dev": good}, "test.txt"),
        ]
    ):
        folder = write_task(tmp_path / str(number) / "Number" / "toyish", rows)
        with pytest.raises(UsageError, match=message):
            find_probe_tasks([folder])
    with pytest.raises(UsageError, match="no language sindarin below"):
        find_probe_tasks([tmp_path / "1"], languages=["sindarin"])
    with pytest.raises(UsageError, match="no task Tense below"):
        find_probe_tasks([tmp_path / "1"], tasks=["Tense"])
    with pytest.raises(UsageError, match="holds no probing task"):
        find_probe_tasks([(tmp_path / "empty", (tmp_path / "empty").mkdir())[0]])


def test_the_command(data, tmp_path, pixlm):
    out = tmp_path / "out"
    command = ("analyze", "probe", "--model", "pixel-nano", "--output", out)
    code, printed, error = pixlm(*command, "--data", data, "--tasks", "Number", "--limit", 30, "--no-untrained")
    assert code == 0, error
    written = json.loads((out / "probe.json").read_text(encoding="utf-8"))
    assert len(written["results"]) == 2 * 4
    assert {row["model"] for row in written["results"]} == {"pixel-nano"}
    assert "toyish" in printed
    assert (out / "probe.md").read_text().count("\n") == 4
    assert (out / "probe.png").stat().st_size > 10_000
    first = (out / "probe.svg").read_text()
    assert pixlm(*command, "--data", data, "--tasks", "Number", "--limit", 30, "--no-untrained")[0] == 0
    assert (out / "probe.svg").read_text() == first
    code, _, error = pixlm(*command)
    assert code == 2
    assert "needs --data" in error
    assert "no such folder" in pixlm(*command, "--data", tmp_path / "none")[2]
    assert "must be 1 or more" in pixlm(*command, "--data", data, "--limit", 0)[2]
    code, _, error = pixlm(*command, "--data", data, "--limit", 1)
    assert code == 2
    assert "leaves toyish Number one label only" in error


@pytest.mark.parametrize("name", ["probe", "retrieval", "projection"])
def test_what_plots_need_is_said_before_anything_is_computed(name, data, tmp_path, pixlm, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, error = pixlm("analyze", name, "--model", "pixel-nano", "--data", data, "--output", tmp_path / "out")
    assert code == 2
    assert 'pip install "pixlm[analysis]"' in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parity
@pytest.mark.skipif(not SHARED.is_dir(), reason="LINSPECTOR (../shared/data) is not on this machine")
def test_the_published_files_are_read():
    tasks: list[ProbeTask] = find_probe_tasks([SHARED])
    assert len(tasks) == 13
    assert {task.language for task in tasks} == {"arabic", "armenian"}
    for task in tasks:
        sizes = {split: len(rows) for split, rows in task.splits.items()}
        wanted = (1500, 400, 400) if task.contextual else (7000, 2000, 1000)
        assert tuple(sizes.values()) == wanted
