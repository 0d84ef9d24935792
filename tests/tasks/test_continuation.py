"""Models that go on: a tiny one that knows a few sentences by heart continues them legibly, as patches and as text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixlm as package
from pixlm.errors import UsageError
from pixlm.models.pixelgpt.heads import Sampling
from pixlm.tasks.continuation import prompt_patches

SENTENCES = ("the quick brown fox jumps over the lazy dog", "my cat loves porridge in the morning and tea at night")
LETTERS = "".join(sorted(set("".join(SENTENCES))))


def pretrain(folder: Path, *more: object) -> Path:
    from pixlm.cli import main

    text, run = folder / "text.txt", folder / "run"
    text.write_text("\n\n".join(SENTENCES), encoding="utf-8")
    settings = (
        *(
            "--train.max-steps",
            "100",
            "--train.batch-size",
            "4",
            "--train.learning-rate",
            "3e-3",
            "--train.warmup",
            "10",
        ),
        *("--train.save-steps", "1000", "--train.log-steps", "100", "--render.max-seq-length", "64"),
    )
    assert main(["pretrain", "--data", str(text), "--output", str(run), *settings, *map(str, more)]) == 0
    return run


@pytest.fixture(scope="module")
def drawing(tmp_path_factory) -> Path:
    """A PixelGPT that has learnt the sentences by heart, one character a patch."""
    cells = ("--model", "pixelgpt-nano", "--render.strategy", "mono", "--causal.pixel-head", "cell")
    return pretrain(tmp_path_factory.mktemp("drawing"), *cells)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """One that has learnt to say what a strip shows."""
    shares = ("--causal.modalities", "image-text", 1, "--render.strategy", "mono", "--causal.pixel-head", "cell")
    return pretrain(tmp_path_factory.mktemp("pairs"), "--model", "pixelgpt-nano", *shares)


def test_a_model_that_knows_a_sentence_draws_it_to_its_end_and_the_strip_reads_so(drawing):
    model = package.load(str(drawing))
    prompts = ["the quick brown", "my cat lo"]
    found = model.generate(prompts, candidates=LETTERS)
    for one, sentence in zip(found, SENTENCES, strict=True):
        assert one.text == sentence
        assert one.ended
        # all patches that were to be drawn, and the black one
        assert one.new == model.encoder.encode(sentence).length - one.kept
        assert one.confidence > 0.9
        assert np.array_equal(one.strip[:, -16:], np.zeros((16, 16)))
    short = model.generate(prompts[:1], max_new=3, candidates=LETTERS)[0]
    assert (short.text, short.ended, short.new) == (SENTENCES[0][:20].strip(), False, 3)


def test_the_command_shows_the_strip_and_its_text(drawing, tmp_path, pixlm):
    letters = tmp_path / "letters.txt"
    letters.write_text(LETTERS, encoding="utf-8")
    where = ("--output", tmp_path / "strip.png", "--candidates", letters)
    code, out, error = pixlm("generate", "--model", drawing, "--prompt", "the quick", "my cat", *where)
    assert code == 0, error
    assert all(sentence in out for sentence in SENTENCES)
    with Image.open(tmp_path / "strip.png") as image:
        assert image.width > 500
        assert len(image.convert("RGB").getcolors(10_000)) >= 3  # ink, paper, and the paper of what was drawn


def test_generators_are_scored_on_a_file(drawing, tmp_path, pixlm):
    file, letters = tmp_path / "test.jsonl", tmp_path / "letters.txt"
    letters.write_text(LETTERS, encoding="utf-8")
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in (*SENTENCES, "one")), encoding="utf-8")
    where = ("--output", tmp_path / "scores", "--candidates", letters)
    code, _, error = pixlm("generate", "--model", drawing, "--data", file, *where)
    assert code == 0, error
    scores = json.loads((tmp_path / "scores" / "metrics.json").read_text())["test"]
    assert scores["examples"] == 2
    assert scores["left_out"] == 1
    assert scores["cer"] == 0
    assert scores["last_word"] == 1
    assert 0 < scores["loss"] < 0.2
    encoder = package.load(str(drawing)).encoder
    assert scores["units"] == sum(encoder.encode(text).length - 1 for text in SENTENCES)
    rows = [json.loads(line) for line in (tmp_path / "scores" / "predictions.jsonl").read_text().splitlines()]
    assert [row["continuation"] for row in rows] == list(SENTENCES)
    # Wrong texts have wrong continuations.
    file.write_text(json.dumps({"text": "the quick brown cat sleeps"}) + "\n", encoding="utf-8")
    pixlm("generate", "--model", drawing, "--data", file, *where)
    scores = json.loads((tmp_path / "scores" / "metrics.json").read_text())["test"]
    assert scores["cer"] > 0.5
    assert scores["last_word"] == 0


def test_a_model_of_pairs_says_what_a_strip_shows(pairs, tmp_path, pixlm):
    model = package.load(str(pairs))
    for sentence in SENTENCES:
        found = model.generate([sentence])[0]
        assert found.text == sentence
        assert found.ended
    code, out, error = pixlm("generate", "--model", pairs, "--prompt", SENTENCES[1], "--mode", "image-text")
    assert code == 0, error
    assert SENTENCES[1] in out


def test_textgpt_goes_on_in_tokens(tmp_path, pixlm):
    run = pretrain(tmp_path, "--model", "textgpt-nano")
    model = package.load(str(run))
    for sentence in SENTENCES:
        found = model.generate([sentence.rpartition(" ")[0]])[0]
        assert found.text == sentence
        assert found.ended
    drawn = [model.generate(["the"], sampling=Sampling(True, 2.0, seed=seed))[0].text for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(SENTENCES), encoding="utf-8")
    code, out, error = pixlm("generate", "--model", run, "--data", file)
    assert code == 0, error
    assert "last word │ 1.0000" in out


@pytest.mark.parametrize("strategy", ["continuous", "bigrams", "mono"])
def test_a_prompt_is_what_any_continuation_leaves_as_it_is(strategy):
    from pixlm.data.encoders import RenderedText
    from pixlm.rendering import TextRenderer

    encoder = RenderedText(TextRenderer(max_seq_length=64, strategy=strategy), packs=False)
    for prompt in ("the quick brow", "the quick brown"):
        patches = prompt_patches(encoder, prompt)
        for more in ("", "s", " fox", "WW", "i"):
            longer = encoder.encode(prompt + more).units["pixel_values"]
            assert np.array_equal(longer[:, : patches.shape[1]], patches), (strategy, more)
        own = encoder.encode(prompt).length - 1
        assert own - 2 <= patches.shape[1] // 16 <= own


def test_wrong_use_is_one_line(drawing, pairs, tmp_path, pixlm):
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    (tmp_path / "one.txt").write_text("word\n", encoding="utf-8")
    base = ("generate", "--model", drawing)
    for arguments, message in (
        (("generate", "--prompt", "x"), "no model given"),
        (base, "give either --prompt TEXT or --data FILE"),
        ((*base, "--prompt", " "), "the prompt is empty"),
        ((*base, "--prompt", "x" * 200), "longer than 64 patches"),
        ((*base, "--prompt", "x", "--mode", "text"), "--tokenizer (pixlm pretrain: --causal.tokenizer)"),
        ((*base, "--prompt", "x", "--max-new", "0"), "must be 1 or more"),
        ((*base, "--prompt", "x", "--sampling.temperature", "0"), "temperature 0"),
        ((*base, "--data", tmp_path / "nowhere"), "no such file"),
        ((*base, "--data", tmp_path), "a folder; name one file"),
        (("generate", "--model", pairs, "--prompt", "x" * 2000, "--mode", "image-text"), "the prompt is longer than"),
        ((*base, "--data", tmp_path / "empty.txt"), "holds no text"),
        ((*base, "--data", tmp_path / "one.txt"), "two words or more"),
        (("generate", "--model", pairs, "--data", tmp_path / "one.txt"), "with --mode pixel or text"),
        (("generate", "--model", "pixel-nano", "--prompt", "x"), "does not make pixel"),
    ):
        code, _, error = pixlm(*arguments)
        assert code == 2, (arguments, error)
        assert message in error
        assert len(error.strip().splitlines()) == 1, error
    with pytest.raises(UsageError, match="choose pixel, text, image-text"):
        package.load(str(drawing)).generate(["x"], mode="ink")
    with pytest.raises(UsageError, match="a list of prompts"):
        package.load(str(drawing)).generate("x")
