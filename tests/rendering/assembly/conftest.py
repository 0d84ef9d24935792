"""The tests here run twice: with the compiled inner loops, where they were built, and with what Python does instead."""

from __future__ import annotations

import pytest

from pixlm.rendering import compiled


@pytest.fixture(params=["compiled", "python"], autouse=True)
def inner_loops(request, monkeypatch):
    if request.param == "python":
        monkeypatch.setattr(compiled, "inner", None)
    elif compiled.inner is None:
        pytest.skip(f"compiled inner loops: {compiled.status}")
    return request.param
