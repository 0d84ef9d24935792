"""Packing text files into blocks: nothing lost, nothing too long, documents apart."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixlm.data.corpus import TextCorpus
from pixlm.errors import UsageError

WORD = st.text(st.sampled_from("abcéü語言ि"), min_size=1, max_size=60)
LINE = st.lists(WORD, max_size=12).map(" ".join)


def corpus(path: Path, text: str | bytes, limit: float = 40, **options: float) -> TextCorpus:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return TextCorpus([path], len, max_units=limit, **options)


@settings(max_examples=200)
@given(st.lists(LINE, min_size=1, max_size=12))
def test_every_character_is_in_exactly_one_block_and_no_block_is_too_long(tmp_path_factory, lines):
    text = "\n".join(lines)
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    if not text.split():
        with pytest.raises(UsageError, match="holds no text"):
            corpus(path, text)
        return
    blocks = corpus(path, text)
    assert "".join("".join(blocks).split()) == "".join(text.split())
    # A run of combining marks is never torn from its base, even where that makes a block longer.
    assert all(len(block.replace("ि", "")) <= 40 for block in blocks)


def test_blocks_join_lines_and_keep_documents_apart(tmp_path):
    blocks = corpus(tmp_path / "t.txt", "one\ntwo\n\nthree\n" + "x" * 39 + "\n")
    assert list(blocks) == ["one two", "three", "x" * 39]
    assert blocks.lengths.tolist() == [7, 5, 39]


def test_a_long_line_is_cut_at_spaces(tmp_path):
    words = [f"word{i}" for i in range(40)]
    blocks = corpus(tmp_path / "t.txt", " ".join(words))
    assert " ".join(blocks).split() == words


def test_min_units_leaves_out_short_blocks(tmp_path):
    assert list(corpus(tmp_path / "t.txt", "short\n\n" + "a long enough line\n", min_units=10)) == [
        "a long enough line"
    ]


def test_bytes_that_are_not_utf8_become_replacement_characters(tmp_path):
    assert list(corpus(tmp_path / "t.txt", b"caf\xe9 ok\n")) == ["caf� ok"]
    blocks = corpus(tmp_path / "t.txt", b"\xff" * 100 + b"\n\xc3\xa9")
    assert "".join(blocks).replace(" ", "") == "�" * 100 + "é"
    assert blocks.invalid == 100


def test_a_line_of_a_megabyte_takes_linear_time(tmp_path):
    blocks = corpus(tmp_path / "t.txt", "x" * 1_000_000, limit=500)
    assert len(blocks) == 2000


def test_it_pickles(tmp_path):
    blocks = corpus(tmp_path / "t.txt", "one\n\ntwo\n")
    assert list(pickle.loads(pickle.dumps(blocks))) == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "holds no text"), (b" \n\n", "holds no text"), (b"PK\x03\x00\x00", "NUL bytes")]
)
def test_files_without_text_are_named(tmp_path, content, message):
    with pytest.raises(UsageError, match=message) as error:
        corpus(tmp_path / "bad.txt", content)
    assert "bad.txt" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        TextCorpus([tmp_path / "none.txt"], len, max_units=9)
