"""Every command of README and docs is run, on toy data and for a few steps, or has its reason in ``EXCUSED``.

Commands of a page run in its order, in one folder: a later one finds what an earlier one wrote. What stands in for the
paths and models that a page names is in `page_stage`.
"""

from __future__ import annotations

import re

import pytest

from command_lines import PAGES, ROOT, Line, console_lines
from page_stage import Stage
from pixlm import tasks

EXCUSED = {
    r"git clone .*|cd pixlm": "gets the repository that the tests are in",
    r"pip install .*": "tried out by scripts/check_release.py, in empty environments",
    r"make (install|quick|test|demo)( .*)?": "an environment and these tests, or what docs/start.md does by hand",
    r"make (release-check|test-lowest|test-newest)": "new environments; a record is in docs/release.md",
    r"python -m pytest tests/app -m slow": "these tests themselves, in a browser",
    r"python (scripts|benchmarks)/\w+\.py.*": "scripts and benchmarks: tests/test_benchmarks.py runs the latter",
    r"pixlm demo( .*)?": "serves until it is stopped: tests/app/test_browser.py starts it",
    r"pixlm data get .*": "downloads: tests/data/test_registry.py has files that stand in",
    r"pixlm pretrain .*--slurm\.nodes.*": "needs SLURM: tests/training/test_slurm.py",
    r"pixlm finetune receipts --model pali-base .*": "parts from the hub: tests/models/document/test_parts.py",
    r"pixlm convert .*(cruller|for_pixparse).*": "a checkpoint of pixparse: tests/cli/test_convert.py makes one",
}
"""Commands, as patterns, that are not run here -> why not."""
QUICK = ("README.md", "docs/start.md")
"""Pages that every run of the tests tries."""
REFUSED = {"docs/data.md": r"pixlm finetune parsing .* --data broken/ .*"}
"""Commands that a page shows because they are refused."""


def excuse(line: Line) -> str | None:
    """Why a command is not run."""
    text = " ".join(line.words)
    return next((why for pattern, why in EXCUSED.items() if re.fullmatch(pattern, text)), None)


LINES = {page.relative_to(ROOT).as_posix(): console_lines(page) for page in PAGES}
RUN = {page: [line for line in lines if excuse(line) is None] for page, lines in LINES.items()}


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[] if page in QUICK else [pytest.mark.slow]) for page, lines in RUN.items() if lines],
)
def test_the_commands_of_a_page_run(page, tmp_path, pixlm, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr(tasks, "TASKS", dict(tasks.TASKS))  # a page declares one of its own
    stage = Stage(tmp_path, page)
    for line in RUN[page]:
        code, out, error = stage.run(pixlm, line)
        where = f"{page}:{line.line}: {line.text}\n as {' '.join(stage.words(line))}\n{out[-300:]}{error[-900:]}"
        refused = page in REFUSED and re.fullmatch(REFUSED[page], " ".join(line.words))
        assert code == (2 if refused else 0), where
        words = stage.words(line)
        if "--output" in words and not refused:
            assert (tmp_path / words[words.index("--output") + 1]).exists(), where


def test_commands_that_are_not_run_have_a_reason():
    """A command that neither pixlm nor a pattern knows would be run as one of pixlm's, and fail."""
    for page, lines in RUN.items():
        for line in lines:
            assert line.words[0] == "pixlm", f"{page}:{line.line}: {line.text} is neither run nor excused"


def test_every_excuse_is_needed_and_names_what_exists():
    texts = [" ".join(line.words) for lines in LINES.values() for line in lines]
    for pattern, why in EXCUSED.items():
        assert any(re.fullmatch(pattern, text) for text in texts), f"no page has {pattern}"
        for file in re.findall(r"(?:tests|scripts|docs)/[\w/]+\.(?:py|md)", why):
            assert (ROOT / file).is_file(), file
    excused = sum(excuse(line) is not None for lines in LINES.values() for line in lines)
    assert sum(map(len, RUN.values())) > 3 * excused
