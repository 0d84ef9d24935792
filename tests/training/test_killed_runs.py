"""kill -9 over the whole life of a run: started again, every command leaves what it leaves without a kill."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "kill_run.py"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def kill_run() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("kill_run", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["kill_run"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["kill_run"]


def killed(times: int, seed: int) -> str:
    """What the script prints; in a process of its own, which forks."""
    command = [sys.executable, str(SCRIPT), "--times", str(times), "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_six_kills_change_nothing():
    assert "6 kills in " in killed(6, 6)


@pytest.mark.slow
def test_a_hundred_kills_change_nothing():
    assert "100 kills in " in killed(100, 1)


def test_what_differs_is_seen(kill_run, tmp_path):
    """The comparison itself: contents, files that are missing or left over; times of the log do not count."""
    for name in ("one", "two"):
        (tmp_path / name / "run").mkdir(parents=True)
        (tmp_path / name / "run" / "model").write_bytes(b"weights")
        (tmp_path / name / "run" / "log.jsonl").write_text(f'{{"step": 1, "loss": 2.5, "seconds": {len(name)}}}\n')
    one, two = tmp_path / "one", tmp_path / "two"
    (two / "run" / "log.jsonl").write_text('{"step": 1, "loss": 2.5, "seconds": 77}\n')

    def found() -> list[str]:
        return kill_run.differences(kill_run.contents(one), kill_run.contents(two))

    assert found() == []
    (two / "run" / "log.jsonl").write_text('{"step": 1, "loss": 2.25, "seconds": 77}\n')
    assert found() == ["run/log.jsonl differs"]
    (one / "run" / "log.jsonl").unlink()
    (two / "run" / "model").write_bytes(b"weightz")
    (one / "scores").mkdir()
    assert found() == ["scores is missing", "run/log.jsonl is left over", "run/model differs"]


def test_a_process_is_killed_before_the_operation_that_was_asked_for(kill_run, tmp_path):
    place = tmp_path / "life"
    place.mkdir()
    arguments = ("fonts", "list")
    assert kill_run.start(place, arguments).code == 0
    command = ("render", "text", "--output", "text.png")
    whole = kill_run.start(place, command)
    assert whole.code == 0, whole.said
    (place / "text.png").unlink()
    assert whole.operations > 0
    assert kill_run.start(place, command, kill_run.Moment(operation=0)).code == -9
    assert not (place / "text.png").exists()


def test_a_folder_whose_making_was_cut_short_is_made_again(tmp_path):
    """Before each file operation of what comes before the first step."""
    from pixlm.data.splits import Sources
    from pixlm.training.config import PretrainConfig
    from pixlm.training.output import prepare

    kills = 0
    for number in range(1000):
        folder = tmp_path / str(number)
        config = PretrainConfig(model="pixel-nano", output=str(folder))
        child = os.fork()
        if child == 0:
            left = number

            def hook(event: str, arguments: tuple) -> None:
                nonlocal left
                if event in ("open", "os.mkdir", "os.rename", "os.remove") and str(tmp_path) in str(arguments[0]):
                    if left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    left -= 1

            sys.addaudithook(hook)
            prepare(config, "pretrain", Sources())
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            break
        kills += 1
        output = prepare(config, "pretrain", Sources())
        assert output.checkpoint is None
        del output  # and its lock
        assert {path.name for path in folder.iterdir()} == {"run.yaml", "inputs.json"}
    assert kills > 5
