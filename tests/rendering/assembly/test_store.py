"""Caches in files: what is loaded draws the same, is shared, and is never trusted blindly."""

from __future__ import annotations

import multiprocessing
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

from pixlm import TextRenderer
from pixlm.errors import UsageError

TEXTS = [
    "Just a jj test of words",
    "чай і кава",
    "שלום 12 עולם",
    "ولكن بمجرد 217 أن",
    "गंभीर शारीरिक बीमारी",
    "漢字 kana かな",
    "a b",
]
MORE = [*TEXTS, "other words, jam", "قالب azd هو", "🙂 face"]
SETTINGS = [{}, {"strategy": "bigrams"}, {"strategy": "grapheme-bigrams", "rgb": True}, {"strategy": "words"}]


def render(renderer: TextRenderer) -> list[bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [renderer.render(text).pixel_values.tobytes() for text in MORE]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_loaded_caches_draw_the_same(setting, tmp_path):
    renderer = TextRenderer(max_seq_length=60, **setting)
    renderer(TEXTS)
    file = renderer.save_caches(tmp_path / "more" / "caches")
    loaded = TextRenderer(max_seq_length=60, **setting)
    assert loaded.load_caches(file)
    assert render(loaded) == render(renderer) == render(TextRenderer(max_seq_length=60, **setting))
    again = loaded.save_caches(tmp_path / "again")  # what was loaded and what came later
    third = TextRenderer(max_seq_length=60, **setting)
    assert third.load_caches(again)
    assert render(third) == render(renderer)
    assert [path.name for path in tmp_path.iterdir()] in (["more", "again"], ["again", "more"])  # nothing left aside


@pytest.mark.parametrize("setting", SETTINGS[:2], ids=str)
def test_nothing_is_drawn_anew(setting, tmp_path, monkeypatch):
    from pixlm.rendering.font import Font

    renderer = TextRenderer(max_seq_length=60, **setting)
    renderer(TEXTS[:3])
    file = renderer.save_caches(tmp_path / "caches")
    loaded = TextRenderer(max_seq_length=60, **setting)
    loaded.load_caches(file)
    monkeypatch.setattr(Font, "bitmap", lambda *_: pytest.fail("a glyph was drawn"))
    for text in TEXTS[:2]:
        assert np.array_equal(loaded.render(text).pixel_values, renderer.render(text).pixel_values)


def test_pickled_renderers_start_with_the_file(tmp_path):
    renderer = TextRenderer(strategy="bigrams", max_seq_length=60)
    renderer(TEXTS)
    assert pickle.loads(pickle.dumps(renderer))._assembler._vocabulary.books == {}
    file = renderer.save_caches(tmp_path / "caches")
    assert pickle.loads(pickle.dumps(renderer))._assembler._vocabulary.books == renderer._assembler._vocabulary.books
    file.unlink()
    assert render(pickle.loads(pickle.dumps(renderer))) == render(renderer)


def test_forked_and_spawned_workers_draw_the_same(tmp_path):
    renderer = TextRenderer(strategy="bigrams", max_seq_length=60)
    renderer(TEXTS)
    renderer.save_caches(tmp_path / "caches")
    expected = render(renderer)
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.apply(render, (renderer,)) == expected


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other file", "header"])
def test_damaged_files_are_left_alone(damage, tmp_path):
    renderer = TextRenderer(max_seq_length=60)
    renderer(TEXTS)
    file = renderer.save_caches(tmp_path / "caches")
    data = bytearray(file.read_bytes())
    if damage == "cut":
        del data[-2000:]
    elif damage == "flipped":
        data[-200] ^= 1
    elif damage == "empty":
        data.clear()
    elif damage == "other file":
        data[:] = Path(__file__).read_bytes()
    else:
        data[:] = data.replace(b'"offset": 0', b'"offset":-9', 1)
    file.write_bytes(data)
    fresh = TextRenderer(max_seq_length=60)
    with pytest.warns(UserWarning, match=r"the caches .* are not used: it (is damaged|holds no caches)"):
        assert not fresh.load_caches(file)
    assert render(fresh) == render(renderer)


@pytest.mark.parametrize("setting", SETTINGS[:2], ids=str)
def test_files_that_are_whole_but_make_no_sense(setting, tmp_path):
    from pixlm.rendering.assembly import store

    renderer = TextRenderer(max_seq_length=60, **setting)
    renderer(TEXTS)
    arrays = renderer._assembler.arrays()
    odd = [{name: array for name, array in arrays.items() if not name.startswith(("sizes", "patches"))}]
    odd.append({name: array[:2] if name.startswith(("sizes", "patches")) else array for name, array in arrays.items()})
    for number, one in enumerate(odd):
        file = tmp_path / f"odd {number}"
        store.write(file, renderer.fingerprint, one)
        fresh = TextRenderer(max_seq_length=60, **setting)
        with pytest.warns(UserWarning, match="it is damaged"):
            assert not fresh.load_caches(file)
        assert render(fresh) == render(renderer)


def test_caches_of_another_renderer_are_refused(tmp_path):
    renderer = TextRenderer(max_seq_length=60)
    renderer(TEXTS)
    file = renderer.save_caches(tmp_path / "caches")
    other = TextRenderer(max_seq_length=60, font_size=10)
    with pytest.warns(UserWarning, match="of a renderer with other fonts, settings or libraries"):
        assert not other.load_caches(file)
    with pytest.raises(UsageError, match=r"cannot read the caches .*nowhere: No such file"):
        other.load_caches(tmp_path / "nowhere")


def test_widths_are_those_of_the_plain_way():
    for setting in SETTINGS:
        renderer = TextRenderer(max_seq_length=60, **setting)
        for text in ("", " ", *MORE):
            width = renderer.text_width(text)
            renderer._assembler, kept = None, renderer._assembler
            assert renderer.text_width(text) == width, (setting, text)
            renderer._assembler = kept
