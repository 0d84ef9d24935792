"""Text as tokens: words, pairs, windows, offsets, what is lost, batches, saving."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixlm.data.tokenizer_files import load_tokenizer
from pixlm.data.tokens import TokenizedText, positions_of
from pixlm.errors import UsageError
from token_models import KINDS, save_checkpoint, tokenizer_and_config

TEXTS = [
    "My cat loves oatmeal porridge in the morning, and so do I.",
    "Mèo của tôi thích cháo yến mạch vào buổi sáng.",
    "Моя кошка любит овсяную кашу по утрам.",
    "我的猫早上喜欢燕麦粥。",
] * 3


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def made(kind):
    return tokenizer_and_config(kind, TEXTS)


@pytest.fixture(scope="module")
def encoder(made) -> TokenizedText:
    return TokenizedText(*made)


def short(made, length: int) -> TokenizedText:
    return TokenizedText(*made, length)


def tokens(encoder, code) -> list[str]:
    return encoder.tokenizer.convert_ids_to_tokens(code.units["input_ids"].tolist())


def test_a_text_is_what_the_tokenizer_makes_of_it(encoder):
    for text in TEXTS[:4]:
        code = encoder.encode(text, offsets=True)
        expected = encoder.tokenizer(text)
        assert code.units["input_ids"].tolist() == expected["input_ids"]
        assert code.length == len(expected["input_ids"])
        assert code.lost == 0
        assert code.offsets[0] == code.offsets[-1] == (0, 0)
        # Every character but spaces is shown by some token, and no token begins with a space.
        shown = {place for start, end in code.offsets for place in range(start, end)}
        assert {place for place, character in enumerate(text) if not character.isspace()} <= shown
        assert all(not text[start].isspace() for start, end in code.offsets if start < end - 1)


def test_pairs_have_separators_and_the_longer_text_is_cut_first(made, encoder):
    pair = ("My cat", "loves oatmeal porridge in the morning, and so do I.")
    code = encoder.encode(pair, offsets=True)
    assert code.units["input_ids"].tolist() == encoder.tokenizer(*pair)["input_ids"]
    for length in (9, 12, 14):
        cut = short(made, length).encode(pair)
        expected = encoder.tokenizer(*pair, truncation="longest_first", max_length=length)["input_ids"]
        assert cut.units["input_ids"].tolist() == expected
        assert cut.lost > 0


def test_words_start_at_their_first_token(encoder):
    words = ["My", "cat", "loves", "oatmeal", "porridge", "."]
    code = encoder.encode(words, offsets=True)
    assert len(code.word_starts) == len(words) + 1
    assert code.word_starts[0] == 1
    assert code.word_starts[-1] == code.length - 1
    assert code.lost == 0
    for word, first, end in zip(words, code.word_starts, code.word_starts[1:], strict=False):
        spans = code.offsets[first:end]
        assert {place for start, stop in spans for place in range(start, stop)} == set(range(len(word)))
    # A word in a list is cut like the same word in a text: byte-level tokenizers see the space before it.
    inside = tokens(encoder, encoder.encode("oatmeal cat loves"))[1:-1]
    listed = tokens(encoder, encoder.encode(["oatmeal", "cat", "loves"]))[1:-1]
    assert inside[-2:] == listed[-2:]


def test_words_without_tokens_are_unknown_and_words_that_do_not_fit_are_lost(made, encoder):
    code = encoder.encode(["cat", "\u200b", "loves", "\x01", "."])
    assert len(code.word_starts) == 6
    assert sorted(set(code.word_starts)) == list(code.word_starts)
    assert encoder.encode([]).word_starts == [1]
    words = ["cat"] * 40
    width = encoder.encode(["cat"]).length - 2
    cut = short(made, 12).encode(words)
    assert cut.length <= 12
    assert len(cut.word_starts) - 1 == -(-10 // width)
    assert cut.lost == 40 - 10 // width


def test_windows_cover_the_second_text_with_overlap(made):
    encoder = short(made, 16)
    question, context = "What does my cat love?", TEXTS[0]
    windows = encoder.windows((question, context), stride=3, first_max_length=4)
    assert len(windows) > 1
    covered: set[int] = set()
    before: list[tuple[int, int]] = []
    for window in windows:
        (first, middle), (begin, end) = window.parts
        assert (first, middle) == (1, 5)
        assert end == window.length - 1 <= 15
        spans = list(window.offsets[begin:end])
        assert spans[0][0] < spans[-1][1] <= len(context)
        if before:
            assert before[-3:] == spans[:3]
        before = spans
        covered |= {place for start, stop in spans for place in range(start, stop)}
        assert window.offsets[0] == window.offsets[end] == (0, 0)
        assert (window.lost > 0) is (window is windows[0])  # of the question
        assert window.word_starts is None
    assert {place for place, character in enumerate(context) if not character.isspace()} <= covered
    only = encoder.windows(("Cat?", "cat"), stride=3, first_max_length=None)
    assert [window.lost for window in only] == [0]
    with pytest.raises(UsageError, match=r"stride is 30, but a window of 16 tokens has"):
        encoder.windows((question, context), stride=30, first_max_length=5)
    assert encoder.null_position(16) == 0


def test_batches_are_what_the_model_takes(kind, encoder):
    codes = [encoder.encode(text) for text in TEXTS[:2]] + [encoder.encode(("My cat", "loves"))]
    batch = encoder.batch(codes)
    assert batch.keys() == {"input_ids", "attention_mask", *(["token_type_ids"] if kind == "bert" else [])}
    width = batch["input_ids"].shape[1]
    assert width in (31, 63, 64)
    for row, code in enumerate(codes):
        assert batch["attention_mask"][row].tolist() == [1] * code.length + [0] * (width - code.length)
        assert (batch["input_ids"][row, code.length :] == encoder.tokenizer.pad_token_id).all()
    if kind == "bert":
        assert set(batch["token_type_ids"][2].tolist()) == {0, 1}


def test_measuring_is_cheap_and_close(made):
    encoder = short(made, 400)
    for text in TEXTS:
        for one in (text, text.split(), (text, text)):
            code = encoder.encode(one)
            assert abs(encoder.measure(one) - (code.length - 2)) <= 3
    assert encoder.measure("") == 0


def test_saving_and_pickling_give_the_same_encoder(made, tmp_path):
    encoder = short(made, 20)
    encoder.save_pretrained(tmp_path)
    again = TokenizedText(load_tokenizer(tmp_path, made[1]), made[1])
    assert again.fingerprint == encoder.fingerprint == pickle.loads(pickle.dumps(encoder)).fingerprint
    assert again.max_length == 20
    assert short(made, 21).fingerprint != encoder.fingerprint
    for text in TEXTS[:4]:
        assert np.array_equal(again.encode(text).units["input_ids"], encoder.encode(text).units["input_ids"])


def test_lengths_that_the_model_has_no_positions_for_are_refused(kind, made):
    tokenizer, config = made
    # RoBERTa counts positions from behind the padding's.
    assert positions_of(config) == (66 if kind == "bert" else 64)
    assert TokenizedText(tokenizer, config).max_length <= positions_of(config)
    short(made, positions_of(config)).check_model(config, "m")
    with pytest.raises(UsageError, match=rf"max-seq-length 67 is more than the {positions_of(config)} positions of m"):
        short(made, 67).check_model(config, "m")
    with pytest.raises(UsageError, match="leaves no room for text"):
        short(made, 3)
    if kind != "bert":
        other = type(config)(**{**config.to_dict(), "pad_token_id": 0})
        with pytest.raises(UsageError, match="pads with token 1"):
            short(made, 20).check_model(other, "m")


def test_a_stored_tokenizer_is_taken_as_it_is(tmp_path):
    """transformers' own class for BERT would lower-case, and a stored truncation would cut silently."""
    folder = save_checkpoint(tmp_path / "m", "bert", TEXTS)
    _, config = tokenizer_and_config("bert", TEXTS)
    stored = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    stored["truncation"] = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    (folder / "tokenizer.json").write_text(json.dumps(stored), encoding="utf-8")
    # As older checkpoints have it: no names of special tokens, the class of that time, and code of their own.
    bare = {"tokenizer_class": "BertTokenizer", "auto_map": {"AutoTokenizer": ["evil.Evil", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(bare))
    (folder / "evil.py").write_text("raise SystemExit('executed')")
    encoder = TokenizedText(load_tokenizer(folder, config), config)
    expected = tokenizer_and_config("bert", TEXTS)[0](TEXTS[0])["input_ids"]
    assert encoder.encode(TEXTS[0]).units["input_ids"].tolist() == expected
    assert encoder.tokenizer.pad_token == "[PAD]"


def test_a_plain_list_of_pieces_is_enough_for_bert(tmp_path):
    folder = save_checkpoint(tmp_path / "m", "bert", TEXTS)
    tokenizer, config = tokenizer_and_config("bert", TEXTS)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(UsageError, match=r"holds no tokenizer: tokenizer.json is missing"):
        load_tokenizer(folder, config)
    (folder / "vocab.txt").write_text("\n".join(piece for piece, _ in vocabulary) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    encoder = TokenizedText(load_tokenizer(folder, config), config)
    assert encoder.encode(TEXTS[0]).units["input_ids"].tolist() == tokenizer(TEXTS[0])["input_ids"]


@pytest.mark.parametrize("number", [300, 10**12])
def test_tokens_that_the_model_does_not_have_are_named(number, tmp_path):
    """Also those that would take all memory: a tokenizer is written out from its first number to its last.

    tokenizers before 0.23 refuses a vocabulary with holes itself.
    """
    folder = save_checkpoint(tmp_path / "m", "roberta", TEXTS)
    config = tokenizer_and_config("roberta", TEXTS)[1]
    stored = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    stored["model"]["vocab"]["a"] = min(number, 2**32 - 1)
    (folder / "tokenizer.json").write_text(json.dumps(stored), encoding="utf-8")
    smaller = type(config)(**{**config.to_dict(), "vocab_size": 300})
    with pytest.raises(UsageError, match=r"its tokenizer (has a token \d+, but the model has only 300|cannot be read)"):
        load_tokenizer(folder, smaller)


def test_a_tokenizer_that_contradicts_itself_is_named(tmp_path):
    folder = save_checkpoint(tmp_path / "m", "roberta", TEXTS)
    stored = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    one, two = ("".join(merge) for merge in stored["model"]["merges"][:2])
    stored["model"]["vocab"][one] = stored["model"]["vocab"][two]
    (folder / "tokenizer.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(UsageError, match=r"its tokenizer (contradicts itself|cannot be read)"):
        load_tokenizer(folder, tokenizer_and_config("roberta", TEXTS)[1])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"model": {"type": "Evil"}}', b"\xff\xfe"])
def test_damaged_tokenizers_are_named(content, tmp_path):
    folder = save_checkpoint(tmp_path / "m", "bert", TEXTS)
    (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(UsageError, match="its tokenizer cannot be read") as error:
        load_tokenizer(folder, tokenizer_and_config("bert", TEXTS)[1])
    assert "\n" not in str(error.value)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_words_get_a_unit_each(encoder, words):
    code = encoder.encode(words, offsets=True)
    starts = list(code.word_starts)
    assert starts == sorted(set(starts))
    assert len(starts) - 1 + code.lost - len(words) in (0, 1)
    assert code.length <= encoder.max_length
    assert len(code.offsets) == code.length


@given(st.text(max_size=80), st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_any_pair_fits(encoder, first, second):
    for code in (encoder.encode((first, second), offsets=True), encoder.encode(first, offsets=True)):
        assert code.length == len(code.units["input_ids"]) <= encoder.max_length
        assert all(0 <= start <= end <= 80 for start, end in code.offsets)


def test_the_same_texts_give_the_same_tokenizer_in_every_process():
    code = (
        "from pixlm.data.vocabulary import train_tokenizer\n"
        "import hashlib\n"
        "texts = ['mèo của tôi thích cháo yến mạch vào buổi', ('кошка любит кашу', 'the cat'), ['a', 'list']] * 9\n"
        "for kind in ('bert', 'roberta'):\n"
        "    made = train_tokenizer(kind, texts, 300).backend_tokenizer.to_str()\n"
        "    print(hashlib.sha256(made.encode()).hexdigest())\n"
    )
    outputs = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in range(3)}
    assert len(outputs) == 1
    assert len(outputs.pop().split()) == 2


def test_a_learnt_vocabulary_knows_what_it_has_seen():
    from pixlm.data.vocabulary import train_byte_level, train_wordpiece

    texts = ["A Cat and a cat: chào, 世界!", ["Étude", "\ud800"]] * 5
    pieces = train_wordpiece(texts, 500)
    assert len(pieces) <= 500
    assert "Cat" in pieces.get_vocab()
    assert "chào" in pieces.get_vocab()
    assert "世" in pieces.get_vocab()
    assert "世界" not in pieces.get_vocab()
    assert pieces.unk_token_id not in pieces("A Cat and a cat: chào, 世界! Étude")["input_ids"]
    assert pieces.unk_token_id in pieces("𒀀")["input_ids"]
    whole = train_byte_level(texts, 300)
    assert whole.unk_token_id not in whole("𒀀 Étude")["input_ids"]
    assert [pieces.pad_token_id, whole.pad_token_id, whole.bos_token_id, whole.eos_token_id] == [0, 1, 0, 2]
    assert len(train_wordpiece(["ab" * 4], 500)) < 20
