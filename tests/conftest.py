"""Shared by all tests: small texts, a small treebank, and one pixlm command in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "demo" / "data"


@pytest.fixture(scope="session")
def treebank(tmp_path_factory) -> Path:
    """A UD folder with the first 24, 8 and 8 sentences of the demonstration's treebank."""
    folder = tmp_path_factory.mktemp("ud")
    for split, count in (("train", 24), ("dev", 8), ("test", 8)):
        source = next((DEMO / "UD_Vietnamese-VTB").glob(f"*-ud-{split}.conllu"))
        blocks = source.read_text(encoding="utf-8").split("\n\n")[:count]
        (folder / source.name).write_text("".join(block + "\n\n" for block in blocks), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def texts(tmp_path_factory) -> Path:
    """A folder with train.txt (60 lines) and dev.txt (10 lines)."""
    folder = tmp_path_factory.mktemp("text")
    lines = (DEMO / "text" / "vi.train.txt").read_text(encoding="utf-8").splitlines()
    (folder / "train.txt").write_text("\n".join(lines[:60]) + "\n", encoding="utf-8")
    (folder / "dev.txt").write_text("\n".join(lines[60:70]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def pixlm(capsys) -> Callable[..., tuple[int, str, str]]:
    """Run one command in this process: (exit code, standard output, standard error)."""
    from pixlm.cli import main

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as exit:  # tyro's way of ending --help and wrong flags
            code = int(exit.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
