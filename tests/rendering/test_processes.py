"""The same bytes from every process: forked, spawned, with or without pickling."""

from __future__ import annotations

import concurrent.futures
import hashlib
import multiprocessing
import sys

import pytest

TEXTS = [
    "Hello, world",
    "\u05e9\u05dc\u05d5\u05dd हिन्दी مرحبا",
    ("a pair", "of texts"),
    ["some", "words", "😀"],
    "\u14da",
]


def _digest(renderer) -> str:
    return hashlib.sha256(b"".join(renderer.render(text).pixel_values.tobytes() for text in TEXTS)).hexdigest()


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.parametrize("warm", [False, True])
def test_pools(make, method, warm):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"{sys.platform} cannot {method}")
    renderer = make(missing_glyph="box", rgb=True, max_seq_length=32)
    expected = [make(missing_glyph="box", rgb=True, max_seq_length=32).render(text).pixel_values for text in TEXTS]
    if warm:
        _digest(renderer)
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        got = [one.pixel_values for one in pool.map(renderer.render, TEXTS)]
    assert [image.tobytes() for image in got] == [image.tobytes() for image in expected]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this platform")
def test_a_renderer_inherited_by_a_forked_process(make):
    renderer = make(missing_glyph="box", max_seq_length=32)
    half = renderer.render(TEXTS[0])  # caches are half full when the process forks
    assert half.num_text_patches
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=lambda: send.send(_digest(renderer)))
    process.start()
    assert receive.poll(60)
    assert receive.recv() == _digest(renderer)
    process.join(60)
    assert process.exitcode == 0
