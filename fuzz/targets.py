"""What is fuzzed: functions of bytes that may do anything but break a promise (docs/promises.md).

A target takes the bytes of one hostile file (its first byte chooses among ways to read it) and raises whatever is no
:class:`~pixlm.errors.PixlmError`, and an AssertionError where an invariant does not hold. Bad input is one line.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pixlm import TextRenderer
from pixlm.data import conllu as treebanks
from pixlm.data.pages import pdf
from pixlm.data.pages.example import BytesImage
from pixlm.data.pages.facts import AnnotationError
from pixlm.data.pages.folders import read_pages
from pixlm.data.pages.images import Limits, check_page, open_page
from pixlm.data.pages.shards.archive import Member, members, samples, streamed
from pixlm.data.pages.shards.examples import records_of
from pixlm.data.pretraining.documents import Found, Reading, documents, units_of
from pixlm.data.readers.glue import GLUE, read_glue
from pixlm.data.readers.nli import read_nli, read_xnli
from pixlm.data.readers.problems import Problems
from pixlm.data.readers.questions import read_questions, read_tydiqa
from pixlm.data.readers.sib import read_sib
from pixlm.data.readers.texts import read_texts
from pixlm.data.readers.treebank import read_tags, read_trees
from pixlm.data.readers.words import read_entities
from pixlm.errors import PixlmError
from pixlm.rendering.config import CONFIG_NAME
from pixlm.tasks.documents.tags import from_tags, to_tags
from pixlm.training.config import FinetuneConfig, PretrainConfig, from_yaml, to_yaml

TARGETS: dict[str, Callable[[bytes], None]] = {}
LONGEST = 2000
"""Characters of a message that is one line fit for a terminal, names of files aside."""
STRATEGIES = ("continuous", "words", "mono", "bigrams", "grapheme-bigrams", "adaptive")


def target(function: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Make a function known by its name."""
    TARGETS[function.__name__] = function
    return function


@contextlib.contextmanager
def refused_in_one_line() -> Iterator[None]:
    """Bad input may be refused, if that is one line."""
    try:
        yield
    except PixlmError as error:
        message = str(error)
        assert message.strip(), "an empty message"
        assert "\n" not in message, f"more than a line: {message[:300]!r}"
        assert len(message) < LONGEST, f"{len(message)} characters: {message[:300]!r}"


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def _file(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _choose(data: bytes, *ways: Any) -> tuple[Any, bytes]:
    """(one of ``ways`` by the first byte, the other bytes)."""
    return (ways[data[0] % len(ways)], data[1:]) if data else (ways[0], b"")


def _problems(data: bytes) -> Problems:
    return Problems(on_error="skip" if len(data) % 2 else "raise")


# ---- texts, words, trees, questions


@target
def conllu(data: bytes) -> None:
    """Treebanks; what is read is written again as it was."""
    trees, data = _choose(data, None, "error", "warning")
    path = _file("a.conllu", data)
    with refused_in_one_line():
        if trees is not None:
            for tree in read_trees(path, trees=trees, subtypes=trees == "error", problems=_problems(data)):
                assert tree.heads is not None
                assert len(tree.words) == len(tree.heads) == len(tree.relations or ())
                assert all(0 <= head <= len(tree.words) for head in tree.heads)
            return
        for example in read_tags(path, problems=_problems(data)):
            assert example.labels is not None
            assert len(example.words) == len(example.labels)
            again = treebanks.read(_file("b.conllu", treebanks.with_upos(example.source, example.labels).encode()))
            assert [one.words for one in again] == [example.words]
            assert [one.upos for one in again] == [example.labels]


@target
def entities(data: bytes) -> None:
    """Words with BIO tags, in columns or JSON lines."""
    name, data = _choose(data, "a.txt", "a.tsv", "a.iob2", "a.jsonl", "a.json", "a.conll")
    with refused_in_one_line():
        for example in read_entities(_file(name, data), problems=_problems(data)):
            assert len(example.words) == len(example.labels or ()) > 0


@target
def texts(data: bytes) -> None:
    """Tables of texts and pairs: one's own, and published ones."""
    published = [lambda path, task=task, **more: read_glue(path, task, **more) for task in GLUE]
    read, data = _choose(data, read_texts, *published, read_nli, read_xnli, read_sib)
    name, data = _choose(data, "a.tsv", "a.csv", "a.jsonl", "a.json", "dev.tsv.gz")
    with refused_in_one_line():
        for example in read(_file(name, data), problems=_problems(data)):
            assert isinstance(example.text, str)


@target
def questions(data: bytes) -> None:
    """SQuAD's form and its kin; answers stand where they are said to be."""
    read, data = _choose(data, read_questions, read_tydiqa)
    name, data = _choose(data, "a.json", "a.jsonl")
    with refused_in_one_line():
        for example in read(_file(name, data), problems=_problems(data)):
            for answer in example.answers or ():
                assert example.context[answer.start :].startswith(answer.text)


@target
def corpora(data: bytes) -> None:
    """Text to pretrain on; no lone surrogate comes through, and white space aside every unit is read once."""
    name, data = _choose(data, "a.txt", "a.jsonl", "a.wet", "a.txt.gz", "a.jsonl.gz", "a.wet.gz", "a.txt.zst")
    ends, data = _choose(data, "blank-lines", "lines")
    path = str(_file(name, data))
    with refused_in_one_line():
        reading = Reading(documents=ends, on_error=_problems(data).on_error)
        for unit in units_of(path, reading):
            for line in documents(unit, reading, Found()):
                if line is not None:
                    line.text.encode("utf-8")


# ---- pages


_LIMITS = Limits(pixels=200_000, bytes=1_000_000, frames=100)


@target
def images(data: bytes) -> None:
    """Pages in image files of every format."""
    _open_page(data)


@target
def pdfs(data: bytes) -> None:
    """Pages and text layers of PDFs."""
    _open_page(b"%PDF-1.4\n" + data)
    with refused_in_one_line():
        pdf.text_layers(b"%PDF-1.4\n" + data)


def _open_page(data: bytes) -> None:
    source = BytesImage(data, "page")
    with refused_in_one_line():
        pages = check_page(source, limits=_LIMITS)
        assert pages >= 1
        page = open_page(source, min(pages, 3) - 1, dpi=30, limits=_LIMITS)
        assert page.mode == "RGB"
        assert page.width * page.height <= _LIMITS.pixels


@target
def shards(data: bytes) -> None:
    """Tar archives: searched, and read as they come."""
    with refused_in_one_line():
        for sample in samples(members(io.BytesIO(data), "a.tar")):
            for member in sample.members.values():
                assert member.offset + member.size <= len(data)
    with refused_in_one_line():
        for member, content in streamed(io.BytesIO(data), "a.tar", most_bytes=100_000):
            if isinstance(member, Member):
                assert len(content) == member.size
                with contextlib.suppress(AnnotationError):
                    records_of(member.key, "a.tar", None, {member.suffix: content})  # type: ignore[arg-type]


@target
def annotations(data: bytes) -> None:
    """What stands beside pages, in every layout."""
    name, data = _choose(data, "metadata.jsonl", "metadata.csv", "a.json", "a.txt", "box/a.csv", "labels.txt", "q.json")
    folder = _folder() / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "a.png").write_bytes(b"never opened")
    path = _file(f"pages/{name}", data)
    with refused_in_one_line():
        labelled = bool(len(data) % 3)
        given = path if name in ("labels.txt", "q.json") else folder
        read_pages(given, labelled=labelled, problems=_problems(data), questions=name == "q.json")


@target
def tags(data: bytes) -> None:
    """What a model of receipts wrote: never an error, and a value that can be written again."""
    legacy, data = _choose(data, False, True)
    value = from_tags(data.decode("utf-8", "replace"), legacy=legacy)
    assert isinstance(value, dict | list)
    assert isinstance(to_tags(value), str)


# ---- settings


@target
def recipes(data: bytes) -> None:
    """Configuration files; one that is taken reads the same when it is written again."""
    base, data = _choose(data, FinetuneConfig(), PretrainConfig())
    with refused_in_one_line():
        config = from_yaml(_file("a.yaml", data), base, "finetune pos")
        written = _file("b.yaml", to_yaml(config).encode("utf-8", "surrogatepass"))
        again = from_yaml(written, base, "finetune pos")
        assert repr(dataclasses.asdict(again)) == repr(dataclasses.asdict(config))


@target
def renderer_configs(data: bytes) -> None:
    """Renderers that someone saved."""
    folder = _folder() / "renderer"
    if not folder.exists():
        _renderer("continuous").save_pretrained(folder)
    kept = (folder / CONFIG_NAME).read_bytes()
    (folder / CONFIG_NAME).write_bytes(data)
    try:
        with refused_in_one_line(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            TextRenderer.from_pretrained(folder)
    finally:
        (folder / CONFIG_NAME).write_bytes(kept)


# ---- drawing


@cache
def _renderer(strategy: str, rgb: bool = False) -> TextRenderer:
    return TextRenderer(strategy=strategy, max_seq_length=24, rgb=rgb, missing_glyph="box")


@target
def drawing(data: bytes) -> None:
    """Any text in every strategy: shapes, counts, offsets, and the same from a pair, words and windows."""
    rgb, data = _choose(data, False, True)
    text = (
        data.decode("utf-8", "surrogatepass" if len(data) % 2 else "replace")
        if _decodes(data)
        else data.decode("latin-1")
    )
    for strategy in STRATEGIES:
        renderer = _renderer(strategy, rgb)
        with refused_in_one_line():
            one = renderer.render(text, return_offset_mapping=True)
            _check(one, 24, rgb)
            assert np.array_equal(renderer.render(text).pixel_values, one.pixel_values)
            spans = [span for span in one.offset_mapping if span != (0, 0)]
            assert all(0 <= start <= end <= len(text) for start, end in spans)
        with refused_in_one_line():
            words = text.split()
            _check(renderer.render(words), 24, rgb)
            half = len(text) // 2
            _check(renderer.render((text[:half], text[half:])), 24, rgb)
        with refused_in_one_line():
            windows = renderer.render(text, return_overflowing_patches=True, stride=4)
            for window in (windows, *windows.overflowing):
                _check(window, 24, rgb)


def _decodes(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _check(one: Any, length: int, rgb: bool) -> None:
    shape = (16, 16 * length, 3) if rgb else (16, 16 * length)
    assert one.pixel_values.shape == shape, one.pixel_values.shape
    assert one.pixel_values.dtype == np.uint8
    assert 0 <= one.num_text_patches < length
    used = 16 * (one.num_text_patches + 1)
    assert (one.pixel_values[:, used:] == 255).all(), "ink behind the closing patch"
    assert (one.pixel_values[:, used - 16 : used] == 0).all(), "no closing black patch"
    assert one.word_starts is None or list(one.word_starts) == sorted(one.word_starts)


@target
def fonts(data: bytes) -> None:
    """A font file and a text drawn with it; what crashes a library ends the process, and so is seen, too."""
    path = _file("a.ttf", data)
    with refused_in_one_line(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        renderer = TextRenderer(path, max_seq_length=8, missing_glyph="box")
        _check(renderer.render("aé क्षि"), 8, False)
