"""The fuzz targets without a fuzzer: on their stored files, earlier findings among them, and on mutants of these."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).resolve().parents[2] / "fuzz"
NAMES = sorted(path.name for path in (FUZZ / "corpus").iterdir())
CRASHES = {"fonts", "pdfs"}
"""What is read by libraries in C: a crash there would end the tests."""
MUTANTS = {"drawing": 60, "renderer_configs": 60}

DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
from mutations import mutant, seeds
from targets import TARGETS

name, first, count = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
stored = seeds(name)
for number, data in enumerate([*stored, *(mutant(stored, first + number) for number in range(count))]):
    print(number, flush=True)
    TARGETS[name](data)
"""


@pytest.fixture(scope="module")
def fuzz():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FUZZ))
        import mutations
        import targets

        yield targets.TARGETS, mutations
        for name in ("mutations", "targets"):
            del sys.modules[name]


def test_every_target_has_files(fuzz):
    assert sorted(fuzz[0]) == NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CRASHES])
def test_stored_files_and_mutants(fuzz, name):
    targets, mutations = fuzz
    stored = mutations.seeds(name)
    for data in (*stored, *(mutations.mutant(stored, number) for number in range(MUTANTS.get(name, 200)))):
        targets[name](data)


@pytest.mark.parametrize("name", sorted(CRASHES))
def test_stored_files_and_mutants_in_a_process_of_its_own(name):
    command = [sys.executable, "-c", DRIVER, str(FUZZ), name, "0", "200"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    last = done.stdout.splitlines()[-1] if done.stdout else "none"
    assert done.returncode == 0, f"input {last} ended the process: {done.stderr[-2000:]}"


def test_what_breaks_a_promise_is_seen(fuzz, monkeypatch):
    """The targets can fail: where a reader raises something else, and where it says nothing."""
    import targets

    from pixlm.errors import UsageError

    def raises(error):
        def read(*arguments, **keywords):
            raise error

        return read

    for error, seen in ((KeyError("form"), KeyError), (UsageError(""), AssertionError)):
        monkeypatch.setattr(targets, "read_entities", raises(error))
        with pytest.raises(seen):
            targets.TARGETS["entities"](b"\0Ada B-PER\n")
    monkeypatch.setattr(targets, "read_entities", raises(UsageError("one line")))
    targets.TARGETS["entities"](b"\0Ada B-PER\n")
