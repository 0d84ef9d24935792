"""The pages are built without a warning: every link, anchor and documented name leads somewhere."""

from __future__ import annotations

import subprocess
import sys

import pytest

from command_lines import ROOT


def test_the_site_is_built_without_warnings(tmp_path):
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for page in ("start", "migration", "compatibility", "security", "contributing", "reference"):
        assert (tmp_path / "site" / page / "index.html").is_file()
