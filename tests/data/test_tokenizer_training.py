"""Tokenizers learnt from a corpus: SentencePiece with byte fallback, and byte pairs over bytes."""

from __future__ import annotations

import gzip
import json

import pytest
import sentencepiece
from transformers import AutoTokenizer, LlamaConfig

from conftest import DEMO
from pixlm.data.sentencepieces import MODEL_FILE, as_tokenizer, train_model, train_sentencepiece
from pixlm.data.tokenizer_files import load_tokenizer
from pixlm.data.tokens import TokenizedText
from pixlm.errors import UsageError

LINES = (DEMO / "text" / "vi.train.txt").read_text(encoding="utf-8").splitlines()
ODD = ["Hello  world 😀 12345", "漢字 xyz", " lead", "", "a\nb\t ", "trail  ", "\ufffd", "▁ is a mark"]


@pytest.fixture(scope="module")
def model() -> bytes:
    return train_model(LINES, 800)


def test_it_cuts_as_the_sentencepiece_library_and_gives_the_text_back(model):
    ours, theirs = as_tokenizer(model), sentencepiece.SentencePieceProcessor(model_proto=model)
    assert len(ours) == theirs.vocab_size() == 800
    assert [ours.bos_token_id, ours.eos_token_id, ours.unk_token_id] == [1, 2, 0]
    for text in LINES[:200] + ODD:
        ids = ours(text)["input_ids"]
        assert ids == [1, *theirs.encode(text)], text
        if "▁" not in text:  # the library's own mark of a space
            assert ours.decode(ids, skip_special_tokens=True) == text
    assert ours("a", "b")["input_ids"] == [1, *theirs.encode("a"), 1, *theirs.encode("b")]


def test_digits_stand_alone_and_rare_characters_are_bytes(model):
    tokenizer = as_tokenizer(model)
    assert tokenizer.tokenize("2024")[-4:] == ["2", "0", "2", "4"]
    assert tokenizer.tokenize("😀")[-4:] == ["<0xF0>", "<0x9F>", "<0x98>", "<0x80>"]
    assert tokenizer.unk_token_id not in tokenizer("漢 😀 \u0001")["input_ids"]


def test_the_same_texts_give_the_same_tokenizer(model):
    assert train_model(LINES, 800) == model


def test_a_size_that_cannot_be_is_one_clear_line():
    for texts, size, message in (
        ([], 500, "no text"),
        (LINES, 200, "so give more"),
        (LINES, 300, "are 3\\d\\d already"),
    ):
        with pytest.raises(UsageError, match=message):
            train_sentencepiece(texts, size)


@pytest.mark.parametrize("kind", ["sentencepiece", "byte-bpe", "wordpiece"])
def test_the_command_writes_what_models_load(kind, tmp_path, pixlm):
    text = tmp_path / "text"
    text.mkdir()
    (text / "a.train.txt").write_text("\n".join(LINES[:400]), encoding="utf-8")
    with gzip.open(text / "b.train.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": line}) + "\n" for line in LINES[400:])
    (text / "a.dev.txt").write_text("only here: ☃", encoding="utf-8")
    output = tmp_path / kind
    command = ("data", "tokenizer", "--data", text, "--kind", kind, "--size", "700", "--output", output)
    code, out, error = pixlm(*command)
    assert code == 0, error
    assert f"written to {output}" in out
    tokenizer = load_tokenizer(output, LlamaConfig(vocab_size=700))
    line = LINES[3] if kind != "byte-bpe" else f" {LINES[3]}"
    again = AutoTokenizer.from_pretrained(str(output))
    assert again(line)["input_ids"] == tokenizer(line)["input_ids"]
    assert 260 < len(tokenizer) <= 700
    assert (output / MODEL_FILE).is_file() == (kind == "sentencepiece")
    report = json.loads((output / "tokenizer_training.json").read_text(encoding="utf-8"))
    assert report["characters"] == sum(map(len, (one for one in LINES if one.strip())))
    assert report["characters_per_token"] > 1.5
    encoder = TokenizedText(tokenizer, LlamaConfig(vocab_size=700), 64)
    assert encoder.encode("một hai").length >= 3
    code, _, error = pixlm(*command)
    assert code == 2
    assert "holds something already" in error


def test_files_share_the_characters_to_learn_from(tmp_path, pixlm):
    for name, letter in (("a", "x"), ("b", "y")):
        (tmp_path / f"{name}.txt").write_text(f"{letter} " * 50 + "\n" + f"{letter}z " * 5000, encoding="utf-8")
    options = ("--size", "270", "--characters", "100")
    code, _, error = pixlm("data", "tokenizer", "--data", tmp_path, *options, "--output", tmp_path / "out")
    assert code == 0, error
    vocabulary = AutoTokenizer.from_pretrained(str(tmp_path / "out")).get_vocab()
    assert {"x", "y"} <= set(vocabulary)


def test_bad_input_is_one_line(tmp_path, pixlm):
    (tmp_path / "empty.txt").write_text("\n\n", encoding="utf-8")
    (tmp_path / "bad.jsonl").write_text("{nothing\n", encoding="utf-8")
    (tmp_path / "nul.txt").write_bytes(b"a text\r\n\0\r\n")
    base = ("data", "tokenizer", "--output", tmp_path / "out", "--size", "500")
    for more, message in (
        (("--data", tmp_path / "empty.txt"), "no text"),
        (("--data", tmp_path / "bad.jsonl"), "no JSON"),
        (("--data", tmp_path / "nul.txt"), f"pixlm: {tmp_path}/nul.txt: holds NUL bytes"),
        (("--data", tmp_path / "nowhere"), "no such file or folder"),
        (("--data", tmp_path / "empty.txt", "--size", "0"), "--size 0"),
        ((), "no train split"),
    ):
        code, _, error = pixlm(*base, *more)
        assert code == 2
        assert message in error
        assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
