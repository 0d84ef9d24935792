"""Text to blocks: nothing lost, nothing too long, documents apart, widths exact, sources read once."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixlm import TextRenderer
from pixlm.data.encoders import RenderedText
from pixlm.data.pretraining import documents, parts
from pixlm.data.pretraining.blocks import Cleaner, pack
from pixlm.data.pretraining.corpus import Selection, find_sources, pack_corpus
from pixlm.data.pretraining.documents import Line, Reading, Unit
from pixlm.data.pretraining.parts import Packing
from pixlm.data.pretraining.rows import Corpus
from pixlm.errors import RunError, UsageError

UDHR = Path(__file__).resolve().parent / "udhr" / "udhr.tsv"
WORD = st.text(st.sampled_from("abcéü語言ि"), min_size=1, max_size=60)
LINE = st.lists(WORD, max_size=12).map(" ".join)


class Counted(RenderedText):
    """An encoder whose units are characters."""

    def __init__(self, limit: int = 40):
        super().__init__(TextRenderer(max_seq_length=limit + 1))

    def count(self, text: str) -> int:
        return len(text)

    @property
    def fingerprint(self) -> dict:
        return {"units": "characters"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def corpus(path: Path, text: str | bytes | None = None, limit: int = 40, **options) -> Corpus:
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    names = {"column", "documents", "on_error", "limit"} & set(options)
    reading = Reading(**{name: options.pop(name) for name in names})
    return pack_corpus(
        find_sources(str(path), {}), Counted(limit), Packing(reading), Selection(**options)
    ).splits["train"]  # fmt: skip


# ---- packing


@settings(max_examples=200)
@given(st.lists(LINE, min_size=1, max_size=12), st.integers(1, 50))
def test_every_character_is_in_exactly_one_block_and_no_block_is_too_long(lines, limit):
    given_lines = [*map(Line, lines), None]
    packed = list(pack(given_lines, len, limit, lambda text: " ".join(text.split())))
    assert packed[-1] is None
    blocks = packed[:-1]
    assert "".join("".join(text.split()) for text, _ in blocks) == "".join("".join(lines).split())
    assert all(units == len(text) and text == text.strip() and text for text, units in blocks)
    # A run of combining marks is never torn from its base, even where that makes a block longer.
    assert all(len(text.replace("ि", "")) <= limit for text, _ in blocks)


@pytest.mark.parametrize("strategy", ["continuous", "words", "mono", "bigrams", "grapheme-bigrams", "adaptive"])
def test_blocks_fit_exactly_in_every_script(strategy):
    """What packing counted is what is drawn, and nothing is lost; a block is not fuller only where it cannot be."""
    encoder = RenderedText(TextRenderer(strategy=strategy, max_seq_length=128, missing_glyph="box"))
    texts = [line.split("\t")[-1] for line in UDHR.read_text(encoding="utf-8").splitlines()]
    assert len(texts) > 20
    lines = [line for text in texts for line in (Line(text), None)]
    # One document of everything, so that scripts and directions meet in a block, too.
    lines += [*map(Line, texts[::3]), None]
    for block in pack(lines, encoder.count, encoder.max_length - 1, lambda text: " ".join(text.split())):
        if block is not None:
            drawn = encoder.encode(block.text)
            # Whole words may be a patch narrower at the ends of a right-to-left line than inside it.
            slack = 2 if strategy in ("words", "adaptive") else 0
            assert drawn.lost == 0, block.text
            assert 0 <= block.units + 1 - drawn.length <= slack, block.text


@pytest.mark.parametrize(
    "options", [{"strategy": "bigrams", "compat": "pixel-m4"}, {"strategy": "continuous", "compat": "pixel"}]
)
def test_blocks_fit_upstreams_renderers(options):
    encoder = RenderedText(TextRenderer(max_seq_length=64, missing_glyph="box", **options))
    texts = [line.split("\t")[-1] for line in UDHR.read_text(encoding="utf-8").splitlines()][:12]
    blocks = pack([*map(Line, texts), None], encoder.count, 63, lambda text: " ".join(text.split()))
    assert all(encoder.encode(block.text).lost == 0 for block in blocks if block is not None)


def test_blocks_join_lines_and_keep_documents_apart(tmp_path):
    blocks = corpus(tmp_path / "t.txt", "one\ntwo\n\nthree\n" + "x" * 39 + "\n")
    assert list(blocks) == ["one two", "three", "x" * 39]
    assert blocks.lengths.tolist() == [8, 6, 40]


def test_lines_can_be_documents(tmp_path):
    assert list(corpus(tmp_path / "t.txt", "one\ntwo\n\nthree", documents="lines")) == ["one", "two", "three"]


def test_a_long_line_is_cut_at_spaces_and_its_tail_goes_on(tmp_path):
    words = [f"word{i}" for i in range(40)]
    blocks = list(corpus(tmp_path / "t.txt", " ".join(words) + "\nand on"))
    assert " ".join(blocks).split() == [*words, "and", "on"]
    assert all(len(block) > 40 - len("word10 ") for block in blocks[:-1])
    assert blocks[-1].endswith("and on")
    assert len(blocks[-1].split()) > 2


def test_blocks_are_filled_with_the_beginning_of_a_word_that_fits_into_none(tmp_path):
    blocks = list(corpus(tmp_path / "t.txt", "w" * 300 + " " + "v" * 300, limit=40))
    assert [len(block) for block in blocks[:-1]] == [40] * 15
    assert "w v" in blocks[7]


def test_min_units_leaves_out_short_blocks(tmp_path):
    text = "short\n\n" + "a long enough line\n"
    assert list(corpus(tmp_path / "t.txt", text, min_units=10)) == ["a long enough line"]


def test_m4s_cleaning_takes_out_what_no_font_has():
    clean = Cleaner("m4", TextRenderer().covers)
    assert clean("a\u00a0b\t c") == "a b c"
    assert clean("x\ue000y\u0378z") == "x y z"  # private use, unassigned
    assert clean("p\U00013000q") == "p q"  # a hieroglyph, which the default font lacks
    assert clean("न्\u200dय") == "न्\u200dय"  # joiners are kept


# ---- reading


def as_json(texts: list[str]) -> bytes:
    return b"".join(json.dumps({"text": text, "url": "x"}).encode() + b"\n" for text in texts)


def zstd(data: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as file:
        file.write(data)
    return sink.getvalue().to_pybytes()


def wet(texts: list[str]) -> bytes:
    records = [b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 4\r\n\r\nabcd\r\n\r\n"]
    for text in texts:
        data = text.encode()
        head = f"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        records.append(head + data + b"\r\n\r\n")
    return b"".join(gzip.compress(record) for record in records)  # a member a record, as Common Crawl has them


TEXTS = ["ein Satz\nund noch einer", "δύο", "三", "last one"]
WANTED = ["ein Satz und noch einer", "δύο", "三", "last one"]
PLAIN = "\n\n".join(TEXTS).encode()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.txt", PLAIN),
        ("t.txt.gz", gzip.compress(PLAIN[:20]) + gzip.compress(PLAIN[20:])),
        ("t.txt.zst", zstd(PLAIN[:20]) + zstd(PLAIN[20:])),
        ("t.jsonl", as_json(TEXTS)),
        ("t.json.gz", gzip.compress(as_json(TEXTS))),
        ("t.jsonl.zst", zstd(as_json(TEXTS))),
        ("t.wet.gz", wet(TEXTS)),
    ],
)
def test_every_format_gives_the_same_blocks(tmp_path, name, data):
    assert list(corpus(tmp_path / name, data)) == WANTED


def test_tables_and_streams_give_the_same_blocks(tmp_path):
    import datasets

    table = pyarrow.table({"text": TEXTS, "id": range(len(TEXTS))})
    folder = tmp_path / "parquet"
    folder.mkdir()
    pyarrow.parquet.write_table(table, folder / "train.parquet", row_group_size=1)
    assert list(corpus(folder)) == WANTED
    datasets.Dataset(table).save_to_disk(tmp_path / "saved")
    assert list(corpus(tmp_path / "saved")) == WANTED
    streamed = pack_corpus(find_sources(f"hub:{folder}", {}), Counted(), Packing(), Selection()).splits["train"]
    assert list(streamed) == WANTED
    two = Packing(Reading(limit=2))
    limited = pack_corpus(find_sources(f"hub:{folder}?split=train", {}), Counted(), two, Selection())
    assert list(limited.splits["train"]) == WANTED[:2]


@pytest.mark.parametrize("suffix", ["txt", "jsonl"])
@pytest.mark.parametrize("each", ["blank-lines", "lines"])
def test_units_of_a_file_give_what_the_whole_gives(tmp_path, monkeypatch, suffix, each):
    rng = np.random.default_rng(1)
    texts = ["\n".join("w" * int(n) for n in rng.integers(1, 60, 3)) + "\r" * int(rng.integers(2)) for _ in range(40)]
    data = as_json(texts) if suffix == "jsonl" else "\n\n".join(texts).encode()
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(data)
    reading = Reading(documents=each)
    found = documents.Found()
    whole = list(documents.documents(Unit(str(path)), reading, found))
    for stretch in (7, 64, 101, 1000):
        monkeypatch.setattr(documents, "_STRETCH", stretch)
        units = documents.units_of(str(path), reading)
        assert len(units) == -(-len(data) // stretch)
        in_units = [line for unit in units for line in documents.documents(unit, reading, found)]
        assert _documents(in_units) == _documents(whole)


def _documents(lines: list[Line | None]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in lines:
        if line is None:
            found.append([])
        else:
            found[-1].append(line.text.strip())
    return [document for document in found if document]


def test_a_line_longer_than_what_is_read_at_once_loses_nothing(tmp_path):
    spaceless = "語é" * 50_000  # of characters of two and three bytes, so that pieces end inside them
    blocks = corpus(tmp_path / "t.txt", spaceless + "\n\n" + "word " * 50_000, limit=500)
    joined = "".join(blocks)
    assert joined.startswith(spaceless)
    assert blocks.lengths[0] == 501
    assert joined[len(spaceless) :].replace(" ", "") == "word" * 50_000


def test_bytes_that_are_not_utf8_become_replacement_characters(tmp_path):
    assert list(corpus(tmp_path / "a.txt", b"caf\xe9 ok\n")) == ["caf� ok"]
    path = tmp_path / "b.txt"
    path.write_bytes(b"\xff" * 100 + b"\n\xc3\xa9")
    packed = pack_corpus(find_sources(str(path), {}), Counted(), Packing(), Selection())
    assert "".join(packed.splits["train"]).replace(" ", "") == "�" * 100 + "é"
    assert "100 bytes are not UTF-8" in packed.notes[0]


BAD = [
    ("empty.txt", b"", "holds no text"),
    ("blank.txt", b" \n\n", "holds no text"),
    ("zip.txt", b"PK\x03\x00\x00", "NUL bytes"),
    ("jpeg.txt", bytes(range(128, 256)) * 20, "no UTF-8 text"),
    ("utf16.txt", "wide".encode("utf-16"), "UTF-16"),
    ("cut.txt.gz", gzip.compress(os.urandom(3000).hex().encode())[:-500], "damaged or cut off"),
    ("not.txt.gz", b"plain text\n", "damaged or cut off"),
    ("cut.txt.zst", zstd(os.urandom(3000).hex().encode())[:-500], "damaged or cut off"),
    ("cut.parquet", b"PAR1 and no more", "no Parquet file"),
    ("broken.jsonl", b'{"text": "a"}\n{"text": \n', "line 2: no JSON"),
    ("other.jsonl", b'{"content": "a"}\n', "--data.column"),
    ("number.jsonl", b"7\n", "--data.column"),
    ("array.json", b'[{"text": "a"}]', "not one object a line"),
    ("indented.json", b'[\n {"text": "a"}\n]', "not one object a line"),
    ("cut.wet", b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 50\r\n\r\nabc", "cut off"),
    ("page.wet", b"<html>", "no WARC record"),
    ("what.gz", b"", "what is packed in it"),
]


@pytest.mark.parametrize(("name", "data", "message"), BAD, ids=[name for name, _, _ in BAD])
def test_bad_files_are_named_in_one_line(tmp_path, name, data, message):
    with pytest.raises(UsageError, match=message) as error:
        corpus(tmp_path / name, data)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_where_all_is_left_out_the_reason_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"no text to train on; .*name the key with --data\.column"):
        corpus(tmp_path / "t.jsonl", b'{"content": "a"}\n', on_error="skip")


def test_bad_input_can_be_left_out_and_is_counted(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(b'{"text": "kept"}\n{"text": \n{"text": "and kept"}\n')
    (folder / "b.txt.gz").write_bytes(gzip.compress(b"one line\n\n" + os.urandom(3000).hex().encode())[:-900])
    (folder / "c.txt").write_bytes(b"a\0b")
    (folder / "d.txt").write_bytes(b"whole")
    (folder / ".hidden.txt").write_bytes(b"hidden")
    (folder / "notes.pdf").write_bytes(b"%PDF")
    with pytest.raises(UsageError):
        corpus(folder)
    packed = pack_corpus(find_sources(str(folder), {}), Counted(), Packing(Reading(on_error="skip")), Selection())
    blocks = list(packed.splits["train"])
    assert blocks[:3] == ["kept", "and kept", "one line"]
    assert blocks[-1] == "whole"
    assert len(packed.notes) == 4  # the three, and that the third holds nothing
    assert all("left out" in note for note in packed.notes[:3])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to tell the memory used")
def test_a_line_of_half_a_gigabyte_takes_bounded_memory(tmp_path):
    path = tmp_path / "line.txt"
    with path.open("wb") as file:
        for _ in range(50):
            file.write(b"0123456789" * 2**20)
    code = (
        "import re, sys; from pixlm.data.pretraining.documents import *\n"
        "used = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])\n"
        "before = used()\n"
        "lines = documents(Unit(sys.argv[1]), Reading(), Found())\n"
        "print(sum(len(line.text) for line in lines if line), used() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    characters, kilobytes = map(int, done.stdout.split())
    path.unlink()
    assert characters == 50 * 10 * 2**20
    assert kilobytes < 20_000


# ---- the cache


def test_a_second_start_reads_no_source(tmp_path, monkeypatch):
    path = tmp_path / "t.txt.gz"
    first = list(corpus(path, gzip.compress(b"some text\n" * 200_000)))
    monkeypatch.setattr(documents, "_open", lambda path: pytest.fail("a source was opened"))
    monkeypatch.setattr("pixlm.data.digests.files.sha256", lambda path: pytest.fail("a source was read"))
    assert path.stat().st_size < 2**20
    path.write_bytes(path.read_bytes())
    monkeypatch.undo()
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(documents, "_open", lambda path: pytest.fail("a source was opened"))
    assert list(corpus(path)) == first


def test_large_files_are_hashed_once(tmp_path, monkeypatch):
    from pixlm.data import digests

    path = tmp_path / "large"
    path.write_bytes(b"x" * 2**21)
    first = digests.sha256(path)
    with monkeypatch.context() as patched:
        patched.setattr("pixlm.files.sha256", lambda path: pytest.fail("read again"))
        assert digests.sha256(path) == first
    path.write_bytes(b"y" * 2**21)
    assert digests.sha256(path) != first


def test_an_interrupted_packing_keeps_its_parts(tmp_path, monkeypatch):
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text(f"text {name}")
    write, made = parts._write, []

    def full_disk(part: Path, unit: Unit, *rest) -> None:
        if unit.path.endswith("c.txt"):
            raise OSError(28, "No space left on device", str(part))
        made.append(unit.path)
        write(part, unit, *rest)

    monkeypatch.setattr(parts, "_write", full_disk)
    with pytest.raises(RunError, match="No space left on device; what is packed is kept"):
        corpus(folder)
    assert not list((tmp_path / "cache").rglob("*partial*"))
    monkeypatch.setattr(parts, "_write", lambda part, unit, *rest: (made.append(unit.path), write(part, unit, *rest)))
    assert list(corpus(folder)) == ["text a", "text b", "text c"]
    assert [path[-5:] for path in made] == ["a.txt", "b.txt", "c.txt"]


def test_several_processes_pack_what_one_packs(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text(f"text {name}")
    encoder = RenderedText(TextRenderer(max_seq_length=16))
    sources = find_sources(str(folder), {})
    together = pack_corpus(sources, encoder, Packing(), Selection(), workers=2).splits["train"]
    assert list(pickle.loads(pickle.dumps(together))) == ["text a", "text b", "text c"]


def test_a_killed_worker_is_one_line():
    told = pytest.raises(RunError, match=r"what is packed is kept: .* fewer workers")
    with told, parts.workers_must_live("what is packed is kept"), ProcessPoolExecutor(1) as pool:
        pool.submit(os._exit, 1).result()


def test_what_a_killed_process_left_is_taken_away(tmp_path):
    path = tmp_path / "t.txt"
    corpus(path, "some text")
    place = next((tmp_path / "cache" / "corpus").iterdir())
    part = next(each for each in place.iterdir() if each.is_dir())
    left = place / f".partial-{part.name}-abc"
    part.rename(left)
    assert list(corpus(path)) == ["some text"]
    assert [each.name for each in place.iterdir() if each.is_dir()] == [part.name]


# ---- sources and splits


def write(path: Path, count: int, word: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{word} {number}\n\n" for number in range(count)))


def test_folders_of_a_folder_are_sources(tmp_path):
    for name, count in (("en", 5), ("hi", 3)):
        write(tmp_path / "text" / name / f"{name}.txt", count, name)
        write(tmp_path / "text" / name / f"{name}.heldout.txt", 1, f"{name} heldout")
    (tmp_path / "text" / "README.md").write_text("about")
    packed = pack_corpus(find_sources(str(tmp_path / "text"), {}), Counted(), Packing(), Selection())
    train, dev = packed.splits["train"], packed.splits["dev"]
    assert (train.names, train.sizes) == (("en", "hi"), (5, 3))
    assert list(dev) == ["en heldout 0", "hi heldout 0"]
    assert train.source_of([0, 4, 5, 7]).tolist() == [0, 0, 1, 1]
    assert train.counts([0, 4, 5]) == {"en": 2, "hi": 1}
    assert list(train.part("hi")) == ["hi 0", "hi 1", "hi 2"]
    (tmp_path / "text" / "own.txt").write_text("own text")
    assert [source.name for source in find_sources(str(tmp_path / "text"), {})] == ["text"]


def test_named_sources(tmp_path):
    write(tmp_path / "a.txt", 2, "a")
    write(tmp_path / "b" / "b.jsonl", 0, "")
    (tmp_path / "b" / "b.jsonl").write_text('{"text": "b"}')
    named = {"one": str(tmp_path / "a.txt"), "two": str(tmp_path / "b")}
    train = pack_corpus(find_sources(None, named), Counted(), Packing(), Selection()).splits["train"]
    assert (train.names, list(train)) == (("one", "two"), ["a 0", "a 1", "b"])
    with pytest.raises(UsageError, match="leave out --data"):
        find_sources(str(tmp_path), named)
    with pytest.raises(UsageError, match="no such file"):
        find_sources(None, {"one": str(tmp_path / "none")})


def test_documents_held_out_are_not_trained_on(tmp_path):
    path = tmp_path / "t.txt"
    write(path, 400, "document")
    sources = find_sources(str(path), {})
    splits = pack_corpus(sources, Counted(), Packing(), Selection(heldout=0.1)).splits
    train, dev = set(splits["train"]), set(splits["dev"])
    assert not train & dev
    assert len(train | dev) == 400
    assert 20 < len(dev) < 60
    # The same documents, whatever they are packed to.
    again = pack_corpus(sources, Counted(17), Packing(), Selection(heldout=0.1)).splits["dev"]
    assert set(again) == dev
    few = pack_corpus(sources, Counted(), Packing(), Selection(heldout=0.1, max_heldout=5)).splits["dev"]
    assert len(few) == 5
    with pytest.raises(UsageError, match=r"--data\.heldout"):
        pack_corpus(sources, Counted(), Packing(), Selection(heldout=1.5))


def test_documents_met_before_can_be_left_out(tmp_path):
    folder = tmp_path / "t"
    write(folder / "a.txt", 3, "a")
    (folder / "b.txt").write_text("new\n\na  0\n\na\n1\n\nnew\n\nheld")
    (folder / "heldout.txt").write_text("held")
    assert list(corpus(folder, deduplicate=True)) == ["a 0", "a 1", "a 2", "new"]
    assert len(corpus(folder)) == 8


def test_what_one_source_holds_out_is_in_no_other_ones_train_split(tmp_path):
    write(tmp_path / "a" / "train.txt", 50, "document")  # the same documents, with a dev file of its own
    (tmp_path / "a" / "dev.txt").write_text("other")
    write(tmp_path / "b" / "train.txt", 60, "document")
    sources = find_sources(str(tmp_path), {})
    splits = pack_corpus(sources, Counted(), Packing(), Selection(heldout=0.2, deduplicate=True)).splits
    held = set(splits["dev"].part("b"))
    assert held
    assert not held & set(splits["train"])


def test_a_limit_of_streams_leaves_packed_files_as_they_are(tmp_path, monkeypatch):
    path = tmp_path / "t.txt"
    write(path, 3, "a")
    before = list(corpus(path))
    monkeypatch.setattr(parts, "_write", None)
    limited = Packing(Reading(limit=2))
    assert list(pack_corpus(find_sources(str(path), {}), Counted(40), limited, Selection()).splits["train"]) == before
