"""Checkpoints are complete or do not count: killed at every file operation, with a full disk, damaged, read-only."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel

from pixlm import files
from pixlm.errors import RunError
from pixlm.models import PixelConfig, PixelForPreTraining
from pixlm.training import checkpoints
from pixlm.training.checkpoints import Progress

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Notes:
    """Stands for the encoder: writes one file beside the model."""

    def save_pretrained(self, folder: Path) -> None:
        (folder / "notes.txt").write_text("encoder", encoding="utf-8")


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    decoder = {f"decoder_{name}": value for name, value in small.items()}
    return PixelForPreTraining(PixelConfig(**small, **decoder, image_size=(16, 64), patch_size=16))


@pytest.fixture
def run() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def save(run: Path, model: PreTrainedModel, step: int, keep: int = 1) -> None:
    """The checkpoint of a step: all weights are the step's number."""
    state = {name: torch.full_like(value, step) for name, value in model.state_dict().items()}
    progress = Progress(step=step, loss=float(step))
    moments = {"weight/exp_avg": torch.full((64,), float(step))}
    checkpoints.write(run, progress, model=model, encoder=Notes(), model_state=state, optimizer_state=moments)
    assert checkpoints.retain(run, progress, keep) is None


def check(checkpoint: Path, model: PreTrainedModel, step: int) -> None:
    """Everything in it is of that step."""
    assert files.verify(checkpoint) is None
    assert checkpoints.progress_of(checkpoint) == Progress(step=step, loss=float(step))
    assert all((value == step).all() for value in checkpoints.read_model(checkpoint).values())
    assert (checkpoints.read_optimizer(checkpoint)["weight/exp_avg"] == step).all()


def refused(work: Callable[[], object]) -> str | None:
    """The RunError's text, or None."""
    try:
        work()
    except RunError as error:
        return str(error)
    return None


def in_child(work: Callable[[], object]) -> tuple[int, str]:
    """Do ``work`` in a fork: (exit code, or minus the signal that ended it; the error's text)."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(out)
            work()
            os._exit(0)
        except BaseException as error:
            os.write(into, f"{type(error).__name__}: {error}".encode())
            os._exit(1)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        text = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def test_kill_9_at_every_file_operation_leaves_the_old_or_the_new_checkpoint(run, model):
    """Files opened, renamed, removed: before each of them, the process is killed in turn."""
    found = []
    for point in range(10_000):
        shutil.rmtree(run)
        run.mkdir()
        save(run, model, 1)

        def killed(point: int = point) -> None:
            left = point

            def hook(event: str, arguments: tuple[Any, ...]) -> None:
                nonlocal left
                if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod") and any(
                    str(run) in str(argument) for argument in arguments
                ):
                    if left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    left -= 1

            sys.addaudithook(hook)
            save(run, model, 2)

        code, text = in_child(killed)
        newest, _ = files.newest_checkpoint(run)
        assert newest is not None, point
        step = files.checkpoint_step(newest)
        check(newest, model, step)
        found.append(step)
        if code == 0:
            break
        assert code == -signal.SIGKILL, text
        # A run that goes on leaves nothing of it behind.
        checkpoints.clear_partial(run)
        save(run, model, 2)
        assert [path.name for path in run.iterdir()] == ["checkpoint-2"], point
    assert found == sorted(found)
    assert found.count(1) > 10
    assert found.count(2) > 3  # while the old one is removed


def test_the_old_checkpoint_stays_when_the_disk_is_full(run, model, monkeypatch):
    save(run, model, 1)
    real = os.fsync

    for point in range(100):
        left = point

        def full(handle: int) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(handle)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            problem = refused(lambda: save(run, model, 2))
        if problem is None:
            break
        assert problem.startswith(f"cannot write to {run}: No space left on device; checkpoint-")
        assert problem.endswith(" is complete: make room, and the same command goes on from there")
        newest, _ = files.newest_checkpoint(run)
        check(newest, model, files.checkpoint_step(newest))
        assert not list(run.glob(".*"))
    assert point > 5
    assert [path.name for path in run.iterdir()] == ["checkpoint-2"]


def test_what_the_kernel_refuses_is_one_line(run, model):
    """A limit on file sizes stops safetensors' own writer; a folder without permission stops the first file."""
    save(run, model, 1)
    size = (run / "checkpoint-1" / "model.safetensors").stat().st_size

    def too_large() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))
        save(run, model, 2)

    code, text = in_child(too_large)
    assert code == 1
    assert text.startswith(f"RunError: cannot write to {run}")
    assert ": File too large; checkpoint-1 is complete" in text

    def forbidden() -> None:
        if os.geteuid() == 0:
            os.seteuid(65534)
        save(run, model, 2)

    run.chmod(0o555)
    code, text = in_child(forbidden)
    assert code == 1
    assert text.startswith(f"RunError: cannot write to {run}: Permission denied; checkpoint-1 is complete")
    run.chmod(0o777)
    check(files.newest_checkpoint(run)[0], model, 1)
    assert [path.name for path in run.iterdir()] == ["checkpoint-1"]


@pytest.mark.parametrize("name", [checkpoints.MODEL, checkpoints.OPTIMIZER, checkpoints.PROGRESS, "notes.txt"])
@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_file_is_named_and_the_checkpoint_before_is_taken(run, model, name, damage):
    save(run, model, 1)
    save(run, model, 2, keep=2)
    path = run / "checkpoint-2" / name
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    newest, problems = files.newest_checkpoint(run)
    assert newest == run / "checkpoint-1"
    assert problems == [f"{run / 'checkpoint-2'}: incomplete checkpoint left out ({name} is damaged)"]
    with pytest.raises(RunError, match=f"{name} is damaged"):
        checkpoints.read_model(run / "checkpoint-2")


def test_nothing_is_deleted_before_the_new_checkpoint_verifies(run, model):
    save(run, model, 1)
    save(run, model, 2, keep=2)
    (run / "checkpoint-2" / checkpoints.OPTIMIZER).write_bytes(b"lost by the disk")
    problem = checkpoints.retain(run, Progress(step=2), 1)
    assert "does not verify after writing (optimizer.safetensors is damaged)" in problem
    assert len(files.checkpoints(run)) == 2


def test_nothing_in_a_checkpoint_is_a_pickle(run, model):
    save(run, model, 3)
    names = {path.name for path in (run / "checkpoint-3").iterdir()}
    assert names == {
        *("config.json", "manifest.json", "notes.txt"),
        *(checkpoints.MODEL, checkpoints.OPTIMIZER, checkpoints.PROGRESS),
    }
    assert load_file(run / "checkpoint-3" / checkpoints.OPTIMIZER).keys() == {"weight/exp_avg"}
