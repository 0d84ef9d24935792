"""A FreeType that draws other pixels is noticed, once, in plain words."""

from __future__ import annotations

import warnings

import pytest

from pixlm import TextRenderer
from pixlm.rendering import selfcheck


@pytest.fixture(autouse=True)
def _fresh():
    selfcheck.check_freetype.cache_clear()
    yield
    selfcheck.check_freetype.cache_clear()


def test_the_pinned_freetype_passes():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selfcheck.check_freetype()


def test_another_one_warns_once(monkeypatch):
    monkeypatch.setattr(selfcheck, "EXPECTED", "0" * 64)
    with pytest.warns(UserWarning, match="pip install --force-reinstall freetype-py==2.5.1"):
        TextRenderer()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TextRenderer()
