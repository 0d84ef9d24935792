"""Tests that the documentation names exist: a promise that names its test has one."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from command_lines import PAGES, ROOT

_TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
NAMED = sorted({(*found, page.name) for page in PAGES for found in _TEST.findall(page.read_text(encoding="utf-8"))})


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("file", "name", "page"), NAMED)
def test_it_exists(file, name, page):
    assert (ROOT / file).is_file(), f"{page} names {file}"
    assert name in functions(file), f"{page} names {file}::{name}"


def test_pages_that_make_promises_name_tests():
    pages = {page for _, _, page in NAMED}
    assert {"security.md", "compatibility.md"} <= pages
    assert len(NAMED) > 40
