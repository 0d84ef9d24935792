"""Relevance: independent of the batch, complete where theory says so, shared out among words, drawn over the text."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from pixlm.analysis.explanation import explain, per_word, word_spans
from pixlm.analysis.relevance import Method, eager_attention, relevance
from pixlm.analysis.relevance_picture import draw, draw_svg
from pixlm.analysis.tint import FOR
from pixlm.errors import UsageError
from pixlm.models.heads import Head
from pixlm.tasks.objective import to_tensors
from toy_classifiers import FAMILIES, TEXTS, classifier

METHODS = tuple(Method)


def padded(lm, texts, width=None):
    codes = [lm.encoder.encode(text) for text in texts]
    return to_tensors(lm.encoder.pad(codes, width or max(code.length for code in codes))), codes


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", FAMILIES)
def test_padding_and_company_change_nothing(name, method):
    lm = classifier(name)
    batch, codes = padded(lm, TEXTS)
    together = relevance(lm.model, batch, [1, 0, 2], method=method, steps=4)
    assert together.shape == tuple(batch["attention_mask"].shape)
    for row, (text, target) in enumerate(zip(TEXTS, [1, 0, 2], strict=True)):
        alone = relevance(lm.model, padded(lm, [text])[0], [target], method=method, steps=4)[0]
        size = np.abs(alone).max()
        assert size > 0
        np.testing.assert_allclose(together[row, : codes[row].length], alone, atol=1e-3 * size)
        assert not together[row, codes[row].length :].any()
    if method == Method.ROLLOUT:
        other = relevance(lm.model, batch, [0, 1, 0], method=method)
        np.testing.assert_allclose(other, together, atol=1e-6)
    else:
        other = relevance(lm.model, batch, [0, 1, 0], method=method, steps=4)
        assert not np.allclose(other, together, atol=1e-3 * np.abs(together).max())
    if method != Method.INTEGRATED_GRADIENTS:
        assert (together >= 0).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_integrated_gradients_sum_to_the_difference(name):
    lm = classifier(name)
    batch, codes = padded(lm, TEXTS[:2])
    keep = torch.zeros_like(batch["attention_mask"], dtype=torch.bool)
    for row, code in enumerate(codes):
        keep[row, code.length - 1] = True
    values = relevance(lm.model, batch, [1, 2], method="integrated-gradients", keep=keep, steps=64)
    with torch.no_grad():
        full = lm.model(**batch).logits
        if "pixel_values" in batch:
            columns = keep.repeat_interleave(batch["pixel_values"].shape[-2], dim=1)[:, None, None]
            empty = torch.where(columns, batch["pixel_values"], torch.tensor(255, dtype=torch.uint8))
            none = lm.model(**{**batch, "pixel_values": empty}).logits
        else:
            table, padding = lm.model.get_input_embeddings(), lm.model.config.pad_token_id
            ids = torch.where(keep, batch["input_ids"], padding)
            handle = table.register_forward_hook(lambda *_: table.weight[ids])
            none = lm.model(**batch).logits
            handle.remove()
    change = (full - none)[[0, 1], [1, 2]].numpy()
    np.testing.assert_allclose(values.sum(1), change, rtol=0.02, atol=2e-3)
    assert not values[keep.numpy()].any()


@pytest.mark.parametrize("pooling", ["cls", "mean", "max", "pma"])
def test_every_pooling_is_followed(pooling):
    lm = classifier("pixel-nano", pooling_mode=pooling, pma_heads=2)
    batch, codes = padded(lm, TEXTS)
    rolled = relevance(lm.model, batch, method="rollout")
    # Rows of rollout sum to 1; what is missing is the share of CLS.
    assert (rolled.sum(1) < 1.0001).all()
    assert (rolled.sum(1) > 0.5).all()
    assert relevance(lm.model, batch).max() > 0
    if pooling == "mean":  # every patch is read, and half of it or more stays itself in each layer
        for row, code in enumerate(codes):
            assert rolled[row, : code.length].min() > 0.5**3 / code.length


def test_the_model_is_left_as_it_was():
    lm = classifier("bert-nano")
    lm.model.train()
    assert lm.model.config._attn_implementation == "sdpa"
    relevance(lm.model, padded(lm, TEXTS)[0])
    assert lm.model.config._attn_implementation == "sdpa"
    assert lm.model.training
    assert all(parameter.grad is None for parameter in lm.model.parameters())
    assert not lm.model.base_model._forward_hooks
    with eager_attention(lm.model):
        assert lm.model.config._attn_implementation == "eager"


def test_words_get_what_their_characters_have():
    text = "ab cde f"
    found = per_word([1.0, 6.0, 2.0, 9.0], [(0, 3), (1, 6), (7, 8), (0, 0)], text)
    # (0, 3) shows a and b; (1, 6) shows b, c, d and e.
    assert found == [(0, 2, pytest.approx(0.5 + 0.5 + 1.5)), (3, 6, pytest.approx(4.5)), (7, 8, pytest.approx(2.0))]
    assert per_word([1.0], [(0, 2)], "xy", [(0, 1), (1, 2)]) == [(0, 1, 0.5), (1, 2, 0.5)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("two words", ["two", "words"]),
        ("Trời đẹp  quá!", ["Trời", "đẹp", "quá!"]),
        ("今天天气 good", ["今", "天", "天", "气", "good"]),
        ("用GPU很快。", ["用", "GPU", "很", "快", "。"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("", []),
    ],
)
def test_words_of_many_scripts(text, words):
    assert [text[start:end] for start, end in word_spans(text)] == words


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["pixel-nano", "bert-nano", "roberta-tiny"])
def test_explanations_of_texts_and_pairs(name, method):
    lm = classifier(name)
    inputs = [TEXTS[2], ("a cat", "sat on מזרן גדול"), "a"]
    told: list[int] = []
    found = explain(lm, inputs, method=method, batch_size=2, steps=3, on_batch=told.append)
    assert sum(told) == 3
    assert [one.text for one in found] == inputs
    for one in found:
        assert one.label.startswith("class")
        assert 1 / 3 <= one.score <= 1
        shown = [value for value, span in zip(one.values, one.spans, strict=True) if span is not None]
        assert sum(word.value for word in one.words) == pytest.approx(sum(map(float, shown)), abs=1e-5)
        assert len(one.values) == len(one.spans)
        assert (one.pixels is not None) == name.startswith("pixel")
    pair = found[1]
    assert [word.text for word in pair.words] == ["a", "cat", "sat", "on", "מזרן", "גדול"]
    assert [word.part for word in pair.words] == [0, 0, 1, 1, 1, 1]
    assert {span[0] for span in pair.spans if span} == {0, 1}
    assert explain(lm, ["a"], target="class2")[0].label == explain(lm, ["a"], target=2)[0].label == "class2"


@pytest.mark.parametrize("name", ["pixel-nano", "bert-nano"])
def test_a_tagger_is_explained_word_by_word(name):
    lm = classifier(name, Head.TOKEN_CLASSIFICATION, labels=5)
    words = ["the", "cat", "sat"]
    found = explain(lm, [words, ["dogs"]], batch_size=2)
    assert [one.word for one in found] == [0, 1, 2, 0]
    assert [share.text for share in found[0].words] == words
    # A unit sees itself through every residual connection.
    for one in found[:3]:
        values = [share.value for share in one.words]
        assert max(values) == values[one.word]
    (only,) = explain(lm, [words], word=1)
    np.testing.assert_allclose(only.values, found[1].values, atol=1e-4)
    with pytest.raises(UsageError, match="no word 3: 3 words fit"):
        explain(lm, [words], word=3)


def test_pictures_have_the_colour_of_the_values():
    lm = classifier("pixel-nano")
    found = explain(lm, TEXTS[:1])
    picture = draw(found, scale=1)
    # The paper of the patch with the largest value.
    assert (picture == np.array(FOR, np.uint8)).all(axis=2).any()
    svg = draw_svg(found)
    assert svg.count("<title>") == len(found[0].values)
    assert "data:image/png;base64," in svg
    assert not re.search(r'href="(?!data:)', svg)
    tokens = explain(classifier("bert-nano"), TEXTS[:1])
    assert (draw(tokens, scale=1) == np.array(FOR, np.uint8)).all(axis=2).any()
    assert "the: " in draw_svg(tokens)
    signed = explain(lm, TEXTS[:1], method="integrated-gradients", steps=4)
    assert draw(signed).shape[2] == 3


def test_characters_that_xml_lacks_leave_the_picture_readable():
    found = explain(classifier("bert-nano"), ["a \x00\x1b<b> \ud800\uffff & c"])
    assert ElementTree.fromstring(draw_svg(found)).tag.endswith("svg")


def test_what_cannot_be_explained_is_said():
    lm = classifier("pixel-nano")
    with pytest.raises(UsageError, match="no class 'weather'; the model knows class0, class1, class2"):
        explain(lm, ["a"], target="weather")
    with pytest.raises(UsageError, match="input 2 is empty"):
        explain(lm, ["a", " "])
    with pytest.raises(UsageError, match="no answer about one word"):
        explain(lm, ["a"], word=0)
    with pytest.raises(UsageError, match="choose gradient"):
        explain(lm, ["a"], method="tea leaves")
    with pytest.raises(UsageError, match="0 to 2"):
        relevance(lm.model, padded(lm, ["a"])[0], [3])
    pretrained = classifier("pixel-nano", Head.PRETRAINING)
    with pytest.raises(UsageError, match="classifier of texts or of words; this is PixelForPreTraining"):
        explain(pretrained, ["a"])
    lm.encoder.packing = "on"
    packed = to_tensors(lm.encoder.batch([lm.encoder.encode(text) for text in TEXTS]))
    with pytest.raises(UsageError, match="turn packing off"):
        relevance(lm.model, packed)


@pytest.mark.parametrize("name", ["pixel-nano", "bert-nano"])
def test_the_command(name, tmp_path, pixlm):
    rows = [
        "text\tlabel",
        *(f"{text} {number}\t{'even' if number % 2 else 'odd'}" for number, text in enumerate(TEXTS * 4)),
    ]
    (tmp_path / "train.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run, out = tmp_path / "run", tmp_path / "out"
    steps = ("--train.max-steps", 2, "--train.batch-size", 4, "--render.max-seq-length", 63)
    code, _, error = pixlm("finetune", "classify", "--model", name, "--data", tmp_path, "--output", run, *steps)
    assert code == 0, error
    command = ("analyze", "relevance", "--model", run, "--output", out)
    code, printed, error = pixlm(*command, "the cat", "a dog sat", "--target", "even")
    assert code == 0, error
    assert printed.count("even ") == 2
    written = json.loads((out / "relevance.json").read_text(encoding="utf-8"))
    assert [answer["text"] for answer in written["answers"]] == ["the cat", "a dog sat"]
    assert [word[0] for word in written["answers"][1]["words"]] == ["a", "dog", "sat"]
    assert Image.open(out / "relevance.png").mode == "RGB"
    first = (out / "relevance.svg").read_text(encoding="utf-8")
    assert pixlm(*command, "the cat", "a dog sat", "--target", "even")[0] == 0
    assert (out / "relevance.svg").read_text(encoding="utf-8") == first
    (tmp_path / "empty.txt").write_text("")
    for arguments, message in (
        ((*command,), "either TEXTS or --data"),
        ((*command, "--data", tmp_path / "empty.txt"), "holds no text"),
        ((*command, "--data", tmp_path / "none.txt"), "No such file"),
        ((*command, "a", "--target", "neither"), "no class 'neither'; the model knows even, odd"),
        ((*command, "a", "--steps", "0"), "--steps 0: must be 1 or more"),
        ((*command, "a", "b", "--text-b", "c", "d", "e"), "give one for each, or one"),
        (("analyze", "relevance", "--model", "pixel-nano", "--output", out, "a"), "needs a classifier"),
        (("analyze", "relevanc", "a"), "did you mean relevance?"),
    ):
        code, _, error = pixlm(*arguments)
        assert code == 2
        assert message in error
        assert "Traceback" not in error
