"""The page of promises: all eight are there, each with tests that are collected (that they exist: test_named_tests)."""

from __future__ import annotations

import re

from command_lines import ROOT

PAGE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| \d \|", line)]


def test_every_promise_has_a_test():
    assert [int(row.split("|")[1]) for row in ROWS] == list(range(1, 9))
    for row in ROWS:
        named = re.findall(r"`(tests/[\w/]+/test_\w+\.py|tests/test_\w+\.py)::(test_\w+)`", row)
        assert len(named) >= 2, row
        assert len(named) == row.count("::"), row


def test_the_scripts_that_print_figures_are_there():
    scripts = re.findall(r"(?<![\w/])(?:scripts|fuzz)/\w+\.py", PAGE)
    assert len(scripts) >= 3
    for script in scripts:
        assert (ROOT / script).is_file(), script
