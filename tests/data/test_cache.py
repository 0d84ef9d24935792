"""Encoded examples on disk: the same as encoding, whatever asks; keyed by content; bounded; never in the way."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import signal
import sys

import numpy as np
import pytest

from pixlm import files
from pixlm.data import cache
from pixlm.data.cache import Request, cached
from pixlm.data.encoders import RenderedText
from pixlm.errors import RunError, UsageError
from pixlm.rendering import TextRenderer

TEXTS = ["one text", ["a", "list", "of", "words"], ("a pair", "of texts"), "", "नमस्ते दुनिया"]
PAIR = Request(("Where?", " ".join(f"word{i}" for i in range(60))), stride=5, first_max_length=8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def encoder(**options) -> RenderedText:
    return RenderedText(TextRenderer(max_seq_length=40, **options))


def same(a, b) -> bool:
    fields = all(getattr(a, name) == getattr(b, name) for name in ("length", "lost"))
    lists = all(
        (None if x is None else np.asarray(x).tolist()) == (None if y is None else np.asarray(y).tolist())
        for x, y in ((getattr(a, name), getattr(b, name)) for name in ("word_starts", "offsets", "parts"))
    )
    return fields and lists and all(np.array_equal(a.units[name], b.units[name]) for name in a.units)


@pytest.mark.parametrize("options", [{}, {"rgb": True}, {"strategy": "bigrams"}])
def test_what_comes_from_the_cache_is_what_encoding_gives(options):
    plain = encoder(**options)
    requests = [*(Request(text) for text in TEXTS), PAIR]
    for _ in range(2):
        kept = cached(plain, [requests])
        assert len(kept.entries[0]._places) == len(requests)
        kept.encoder = None  # everything must come from the entry
        for text in TEXTS:
            assert same(kept.encode(text), plain.encode(text))
        windows = kept.windows(PAIR.text, stride=5, first_max_length=8)
        expected = PAIR.run(plain)
        assert len(windows) == len(expected) > 2
        assert all(map(same, windows, expected))
        pickled = pickle.loads(pickle.dumps(kept))
        assert same(pickled.encode(TEXTS[0]), plain.encode(TEXTS[0]))


def test_other_content_is_encoded_afresh(own_cache):
    plain = encoder()
    kept = cached(plain, [[Request("one")]])
    assert same(kept.encode("two"), plain.encode("two"))
    for other in (encoder(font_size=9), RenderedText(TextRenderer(max_seq_length=41))):
        cached(other, [[Request("one")]])
    cached(plain, [[Request("one")]])
    assert len(list((own_cache / "encoded").iterdir())) == 3
    assert Request(("a", "b")).key != Request(["a", "b"]).key


def test_several_processes_give_the_same(own_cache):
    requests = [Request(f"text number {number}") for number in range(150)]
    one = cached(encoder(), [requests])
    (folder,) = (own_cache / "encoded").iterdir()
    before = (folder / cache.FILE).read_bytes()
    shutil.rmtree(folder)
    two = cached(encoder(), [requests], workers=2)
    assert (folder / cache.FILE).read_bytes() == before
    assert same(one.entries[0].get(requests[99].key)[0], two.entries[0].get(requests[99].key)[0])


class Deadly(RenderedText):
    """An encoder at whose work a process is killed."""

    def encode(self, text, *, offsets=False):
        if multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(text, offsets=offsets)


def test_a_worker_that_is_killed_is_one_line(own_cache):
    requests = [Request(f"text number {number}") for number in range(150)]
    with pytest.raises(RunError, match="a worker process was killed, perhaps for want of memory; nothing is lost"):
        cached(Deadly(TextRenderer(max_seq_length=40)), [requests], workers=2)
    assert not list((own_cache / "encoded").iterdir())


def test_a_damaged_entry_is_made_again(own_cache, capsys):
    cached(encoder(), [[Request("one")]])
    (folder,) = (own_cache / "encoded").iterdir()
    data = (folder / cache.FILE).read_bytes()
    (folder / cache.FILE).write_bytes(data[: len(data) // 2])
    kept = cached(encoder(), [[Request("one")]])
    assert "damaged; making it again" in capsys.readouterr().out
    assert same(kept.encode("one"), encoder().encode("one"))
    assert (folder / cache.FILE).read_bytes() == data


def test_entries_not_used_for_longest_go_first(own_cache, monkeypatch):
    folders = []
    for number, text in enumerate(("one", "two", "six")):
        cached(encoder(), [[Request(text)]])
        (new,) = set((own_cache / "encoded").iterdir()) - set(folders)
        os.utime(new, (1000 + number, 1000 + number))
        folders.append(new)
    size = (folders[0] / cache.FILE).stat().st_size
    cached(encoder(), [[Request("one")]])  # used again
    monkeypatch.setenv("PIXLM_CACHE_LIMIT", str(2 * size + size // 2))
    cached(encoder(), [[Request("ten")]])
    left = set((own_cache / "encoded").iterdir())
    assert folders[0] in left
    assert not {folders[1], folders[2]} & left
    monkeypatch.setenv("PIXLM_CACHE_LIMIT", "100")
    kept = cached(encoder(), [[Request("much too large")]])
    assert kept.entries == []
    assert same(kept.encode("much too large"), encoder().encode("much too large"))


def test_a_cache_that_cannot_be_written_is_done_without(own_cache, capsys):
    own_cache.write_text("a file, not a folder")
    kept = cached(encoder(), [[Request("one")]])
    assert "encoding as the run goes instead" in capsys.readouterr().out
    assert same(kept.encode("one"), encoder().encode("one"))


def test_what_a_killed_process_was_writing_is_cleared(own_cache, monkeypatch):
    """Killed before each of its file operations; one that still writes is left alone."""
    place = own_cache / "encoded"
    kills = 0
    for number in range(1000):
        child = os.fork()
        if child == 0:
            left = number

            def hook(event: str, arguments: tuple) -> None:
                nonlocal left
                if event in ("open", "os.mkdir", "os.rename", "os.remove") and str(place) in str(arguments[0]):
                    if left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    left -= 1

            sys.addaudithook(hook)
            cached(encoder(), [[Request("one")]])
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            break
        kills += 1
        kept = cached(encoder(), [[Request("one")]])
        assert same(kept.encode("one"), encoder().encode("one"))
        cached(encoder(), [[Request("two")]])
        assert len(list(place.iterdir())) == 2  # nothing lies beside them
        shutil.rmtree(place)
    assert kills > 10
    with files.lock(place / ".partial-other.lock"):
        (place / ".partial-other").mkdir()
        cached(encoder(), [[Request("two")]])
        assert (place / ".partial-other").is_dir()


def test_what_another_user_was_writing_is_theirs_to_clear(own_cache, monkeypatch):
    cached(encoder(), [[Request("one")]])
    (own_cache / "encoded" / ".partial-theirs.lock").touch()
    lock = files.lock

    def refused(path):
        if path.name == ".partial-theirs.lock":
            raise PermissionError(13, "Permission denied", str(path))
        return lock(path)

    monkeypatch.setattr(files, "lock", refused)
    kept = cached(encoder(), [[Request("two")]])
    assert same(kept.encode("two"), encoder().encode("two"))


def test_a_limit_that_is_no_number(own_cache, monkeypatch):
    monkeypatch.setenv("PIXLM_CACHE_LIMIT", "20GB")
    with pytest.raises(UsageError, match="PIXLM_CACHE_LIMIT is '20GB'"):
        cached(RenderedText(TextRenderer(max_seq_length=8)), [[Request("a")]])
