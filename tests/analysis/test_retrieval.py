"""Retrieval and projection of sentences in several languages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pixlm.analysis.projection import project
from pixlm.analysis.retrieval import best_layer, retrieve, table
from pixlm.data.readers.parallel import Sentence, align, read_languages
from pixlm.errors import UsageError

LINES = {
    "en": ["a cat sat", "two dogs ran", "it rains today", "we ate bread", "the sun is up", "no one came"],
    "xx": ["A CAT SAT", "TWO DOGS RAN", "IT RAINS TODAY", "WE ATE BREAD", "THE SUN IS UP", "NO ONE CAME"],
}


@pytest.fixture
def lines(tmp_path) -> Path:
    folder = tmp_path / "lines"
    folder.mkdir()
    for name, rows in LINES.items():
        (folder / f"{name}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def sib(tmp_path) -> Path:
    for name, order in (("aaa_Latn", (1, 2, 3)), ("bbb_Cyrl", (3, 1))):
        folder = tmp_path / "sib" / name
        folder.mkdir(parents=True)
        topics = {1: "health", 2: "travel", 3: "sports"}
        rows = [f"{number}\t{topics[number]}\t{name} {number}" for number in order]
        (folder / "train.tsv").write_text("\n".join(["index_id\tcategory\ttext", *rows]) + "\n", encoding="utf-8")
    return tmp_path / "sib"


def test_languages_are_found_and_aligned(lines, sib, tmp_path):
    found = read_languages([lines])
    assert list(found) == ["en", "xx"]
    assert found["xx"][1] == Sentence("1", "TWO DOGS RAN")
    aligned = align(read_languages([sib]))
    assert {name: [each.id for each in rows] for name, rows in aligned.items()} == {
        "aaa_Latn": ["1", "3"],
        "bbb_Cyrl": ["1", "3"],
    }
    assert aligned["bbb_Cyrl"][1] == Sentence("3", "bbb_Cyrl 3", "sports")
    assert list(read_languages([sib], ["bbb_Cyrl"])) == ["bbb_Cyrl"]
    for name in ("de", "fr"):
        (tmp_path / f"dev.{name}").write_text("eins\nzwei\n")
    assert list(read_languages([tmp_path / "dev.de", tmp_path / "dev.fr"])) == ["de", "fr"]


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_sentences_that_are_all_the_same_are_not_arranged(method):
    vectors = np.tile(np.random.default_rng(1).normal(size=32).astype(np.float32), (8, 1))
    vectors[::2] *= 1 + 1e-7  # as rounding leaves them
    with pytest.raises(UsageError, match="all 8 sentences have the same vector"):
        project(vectors, method)


def test_bad_files_are_told_in_a_line(lines, sib, tmp_path):
    (lines / "yy.txt").write_text("only\nthree\nlines\n")
    with pytest.raises(UsageError, match="en has 6 lines and yy 3: they are not aligned"):
        align(read_languages([lines]))
    with pytest.raises(UsageError, match="no language qq in"):
        read_languages([lines], ["qq"])
    with pytest.raises(UsageError, match="two languages or more; there is en"):
        align(read_languages([lines], ["en"]))
    with pytest.raises(UsageError, match="choose another --split"):
        read_languages([sib / "aaa_Latn"], split="dev")
    with pytest.raises(UsageError, match="no such file or folder"):
        read_languages([tmp_path / "none"])
    with pytest.raises(UsageError, match="the language en comes twice"):
        read_languages([lines, lines / "en.txt"])
    (lines / "yy.txt").write_text("")
    with pytest.raises(UsageError, match="holds no text"):
        read_languages([lines])
    with pytest.raises(UsageError, match="share 0 sentences"):
        align({"a": [Sentence("x", "t", "l")], "b": [Sentence("y", "t", "l")]})


def test_translations_are_counted_both_ways():
    vectors = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)
    turned = vectors + np.float32(5)  # the same sentences, in a language that is elsewhere
    found = retrieve({"a": vectors, "b": turned}, "m", 2, centre="language")
    assert [(each.source, each.target) for each in found] == [("a", "b"), ("b", "a")]
    assert all(each.recalls == {1: 1.0, 5: 1.0} for each in found)
    other = np.random.default_rng(1).normal(size=(40, 16)).astype(np.float32)
    raw = retrieve({"a": vectors, "b": other}, "m", 1, centre="none", ks=(1,))
    assert raw[0].recalls[1] < 0.2
    assert best_layer([*found, *raw], "m") == 2
    assert table([*found, *raw], 1 / 40)[0] == ["from", "to", "m (layer 2)", "chance"]
    # A model that says the same of everything finds nothing; half of a text's neighbours are not luck.
    same = np.ones((10, 4), np.float32)
    assert retrieve({"a": same, "b": same}, "m", 0, centre="none")[0].recalls[1] == 0
    # One way only: all of b lie at a's first sentence.
    near = np.eye(5, dtype=np.float32)
    crowd = np.eye(5, dtype=np.float32) * 0.1 + np.eye(5, dtype=np.float32)[0]
    forth, back = retrieve({"a": near, "b": crowd}, "m", 0, centre="none", ks=(1,))
    assert forth.recalls[1] == 1.0
    assert back.recalls[1] == pytest.approx(0.2)


@pytest.mark.parametrize("method", ["pca", "tsne", pytest.param("umap", marks=pytest.mark.slow)])
def test_projections_keep_apart_what_is_apart(method):
    if method == "umap":
        pytest.importorskip("umap")
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(size=(30, 8)) + 8 * side for side in np.eye(8)[:2]]).astype(np.float32)
    found = project(vectors, method, seed=3)
    assert found.shape == (60, 2)
    np.testing.assert_array_equal(found, project(vectors, method, seed=3))
    centres = found[:30].mean(0), found[30:].mean(0)
    nearest = [np.linalg.norm(found - centre, axis=1) for centre in centres]
    assert ((nearest[0] < nearest[1])[:30]).all()
    assert ((nearest[1] < nearest[0])[30:]).all()
    with pytest.raises(UsageError, match="3 sentences are too few"):
        project(vectors[:3], method)


def test_umap_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(UsageError, match=r'pip install "pixlm\[analysis\]"'):
        project(np.eye(8, dtype=np.float32), "umap")


def test_the_commands(lines, sib, tmp_path, pixlm):
    out = tmp_path / "out"
    model = ("--model", "pixel-nano", "--baseline", "roberta-tiny-none")
    assert pixlm("analyze", "retrieval", *model, "--data", lines, "--output", out)[0] == 2
    command = ("--model", "pixel-nano", "--data", lines, "--output", out, "--seed", 1)
    code, printed, error = pixlm("analyze", "retrieval", *command)
    assert code == 0, error
    written = json.loads((out / "retrieval.json").read_text())
    assert written["sentences"] == 6
    assert len(written["results"]) == 2 * 4 * 2  # both ways, embeddings and layers, trained or not
    assert set(written["results"][0]["recalls"]) == {"1", "5"}
    assert "chance" in printed
    first = (out / "retrieval.svg").read_text()
    assert pixlm("analyze", "retrieval", *command)[0] == 0
    assert (out / "retrieval.svg").read_text() == first
    code, _, error = pixlm("analyze", "projection", *command, "--method", "pca", "--layers", 0, 3)
    assert code == 0, error
    written = json.loads((out / "projection.json").read_text())
    assert [panel["layer"] for panel in written["panels"]] == [0, 3]
    assert len(written["panels"][0]["points"]) == 12
    assert (out / "projection.png").stat().st_size > 5000
    for arguments, message in (
        (("projection", *command, "--layers", 7), "layer 7: the model has layers 1 to 3"),
        (("projection", *command, "--colour", "label"), "have no labels"),
        (("projection", *command, "--perplexity", 50), "perplexity 50"),
        (("retrieval", *command, "--k", 0), "--k 0: must be 1 or more"),
        (("retrieval", *command, "--languages", "en", "kl"), "no language kl"),
    ):
        code, _, error = pixlm("analyze", *arguments)
        assert code == 2, arguments
        assert message in error
