"""Runs from the command line: what they write, resuming bit for bit, accumulation, several processes."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from pixlm import files

SMALL = (
    *(
        "--model",
        "pixel-nano",
        "--render.max-seq-length",
        "127",
        "--train.batch-size",
        "8",
        "--train.learning-rate",
        "1e-3",
    ),
    *("--train.dropout", "0.1", "--train.log-steps", "1"),
)


def pretrain(texts: Path, output: Path, *more: str) -> tuple[str, ...]:
    return ("pretrain", *SMALL, "--data", str(texts), "--output", str(output), *more)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(a: Path, b: Path) -> bool:
    one, two = weights(a), weights(b)
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def curve(run: Path) -> list[tuple[int, float]]:
    """(step, loss) of the log."""
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [(row["step"], row["loss"]) for row in rows if "loss" in row]


@pytest.fixture(scope="module")
def straight(texts, tmp_path_factory) -> Path:
    """Ten steps of pretraining without interruption, over more than one epoch."""
    from pixlm.cli import main

    output = tmp_path_factory.mktemp("runs") / "straight"
    assert main([*pretrain(texts, output, "--train.max-steps", "10", "--train.save-steps", "4")]) == 0
    return output


def test_a_run_writes_everything_it_promises(straight):
    for name in (
        "run.yaml",
        "inputs.json",
        "log.jsonl",
        "metrics.json",
        "README.md",
        "config.json",
        "model.safetensors",
    ):
        assert (straight / name).is_file(), name
    assert (straight / "text_renderer_config.json").is_file()
    assert not list(straight.rglob("training_args.bin"))
    metrics = json.loads((straight / "metrics.json").read_text())
    assert metrics["dev"]["examples"] > 0
    assert 0 < metrics["dev"]["loss"] < 5
    assert metrics["dev"]["lost"] == 0
    assert [step for step, _ in curve(straight)] == list(range(1, 11))
    config = yaml.safe_load((straight / "run.yaml").read_text())
    assert config["command"] == "pretrain"
    assert config["train"]["max_steps"] == 10
    assert all(files.verify(path) is None for path in files.checkpoints(straight))


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(straight, texts, tmp_path, pixlm):
    again = ("--train.max-steps", "10", "--train.save-steps", "4")
    assert pixlm(*pretrain(texts, tmp_path / "again", *again))[0] == 0
    assert same(straight / "checkpoint-10", tmp_path / "again" / "checkpoint-10")
    assert pixlm(*pretrain(texts, tmp_path / "other", *again, "--seed", "1"))[0] == 0
    assert not same(straight / "checkpoint-10", tmp_path / "other" / "checkpoint-10")


@pytest.mark.parametrize(("step", "number"), [(3, signal.SIGTERM), (8, signal.SIGHUP)])
def test_a_signal_saves_and_resuming_is_bit_identical(straight, texts, tmp_path, pixlm, monkeypatch, step, number):
    from pixlm.training.signals import StopOnSignal

    def stop_at(self, after):
        if after == step:
            os.kill(os.getpid(), number)
            time.sleep(0.05)
        return self.asked

    output = tmp_path / "run"
    command = pretrain(texts, output, "--train.max-steps", "10", "--train.save-steps", "4")
    old = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup would have it ignored
    monkeypatch.setattr(StopOnSignal, "wants_stop", stop_at)
    code, _, error = pixlm(*command)
    assert code == 1
    assert "interrupted" in error
    assert f"{number.name}: stopping after this step" in error
    assert f"checkpoint-{step} is complete" in error
    signal.signal(signal.SIGHUP, old)
    assert not (output / "metrics.json").exists()
    monkeypatch.undo()
    code, out, _ = pixlm(*command)
    assert code == 0
    assert f"resuming from checkpoint-{step}" in out
    assert same(straight / "checkpoint-10", output / "checkpoint-10")
    one, two = (load_file(path / "checkpoint-10" / "optimizer.safetensors") for path in (straight, output))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert curve(output) == curve(straight)


def test_a_damaged_checkpoint_is_left_out_with_a_word(straight, texts, tmp_path, pixlm):
    output = tmp_path / "run"
    shutil.copytree(straight, output)
    (output / "metrics.json").unlink()
    newest = files.checkpoints(output)[-1]
    (newest / "optimizer.safetensors").write_bytes(b"half a fi")
    command = pretrain(texts, output, "--train.max-steps", "10", "--train.save-steps", "4")
    code, out, _ = pixlm(*command)
    assert code == 0
    assert "incomplete checkpoint left out (optimizer.safetensors is damaged)" in out
    assert same(straight / "checkpoint-10", output / "checkpoint-10")


def test_an_output_folder_that_is_taken_is_left_alone(straight, texts, tmp_path, pixlm):
    more = ("--train.max-steps", "10", "--train.save-steps", "4")
    code, _, error = pixlm(*pretrain(texts, straight, *more))
    assert code == 2
    assert "holds a finished run" in error
    unfinished = tmp_path / "unfinished"
    shutil.copytree(straight, unfinished)
    (unfinished / "metrics.json").unlink()
    code, _, error = pixlm(*pretrain(texts, unfinished, "--train.max-steps", "11", "--train.save-steps", "4"))
    assert code == 2
    assert "another train.max_steps: 10 there, 11 here" in error
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    code, _, error = pixlm(*pretrain(texts, tmp_path / "mine", *more))
    assert code == 2
    assert "not empty and no run of pixlm" in error
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_two_processes_do_not_write_to_one_folder(texts, tmp_path, pixlm):
    output = tmp_path / "run"
    output.mkdir()
    hold = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    arguments = [sys.executable, "-c", hold, str(output / ".lock")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        code, _, error = pixlm(*pretrain(texts, output, "--train.max-steps", "1"))
        assert code == 2
        assert "another process is writing a run there" in error
        other.communicate(b"\n")
    assert pixlm(*pretrain(texts, output, "--train.max-steps", "1"))[0] == 0
    assert not (output / ".lock").exists()


def test_a_run_knows_its_files_from_any_folder(treebank, tmp_path, pixlm, monkeypatch):
    few = ("--train.max-steps", "1", "--train.batch-size", "4", "--render.max-seq-length", "32", "--seeds", "1")
    command = ("finetune", "pos", "--model", "pixel-nano", "--output", str(tmp_path / "run"), *few)
    monkeypatch.chdir(treebank.parent)
    assert pixlm(*command, "--data", treebank.name)[0] == 0
    run = yaml.safe_load((tmp_path / "run" / "seed-1" / "run.yaml").read_text())
    assert (run["data"]["path"], run["model"]) == (str(treebank), "pixel-nano")
    monkeypatch.chdir(tmp_path)
    assert pixlm(*command, "--data", treebank)[0] == 0  # taken over


@pytest.mark.parametrize("length", [127, 63])
def test_a_new_run_from_a_model_begins_with_all_its_weights(straight, texts, tmp_path, pixlm, length):
    """One step that changes nothing; also where sequences are shorter."""
    command = ("pretrain", "--model", straight, "--data", texts, "--output", tmp_path / "run", "--train.max-steps", "1")
    still = ("--train.learning-rate", "1e-12", "--train.min-learning-rate", "0", "--train.batch-size", "4")
    assert pixlm(*command, *still, "--render.max-seq-length", length)[0] == 0
    before, after = weights(straight), weights(tmp_path / "run")
    assert before.keys() == after.keys()
    for name in before:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-9, msg=name)


def test_accumulated_micro_batches_equal_one_batch(texts, tmp_path, pixlm):
    more = ("--train.max-steps", "3", "--train.dropout", "0.0")
    assert pixlm(*pretrain(texts, tmp_path / "one", *more))[0] == 0
    assert pixlm(*pretrain(texts, tmp_path / "four", *more, "--train.micro-batch-size", "2"))[0] == 0
    one, four = weights(tmp_path / "one"), weights(tmp_path / "four")
    for name in one:
        torch.testing.assert_close(one[name], four[name], rtol=2e-3, atol=2e-5, msg=name)


def test_worker_processes_change_nothing(straight, texts, tmp_path, pixlm, monkeypatch):
    """Nor do they mind signals, which terminals and clusters send to all processes of a run."""
    from pixlm.training.signals import StopOnSignal

    def signalled(self, after):
        if after == 2:
            assert len(multiprocessing.active_children()) >= 2
            for child in multiprocessing.active_children():
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2):
                    os.kill(child.pid, number)
        return False

    monkeypatch.setattr(StopOnSignal, "wants_stop", signalled)
    more = ("--train.max-steps", "10", "--train.save-steps", "4", "--train.workers", "2")
    assert pixlm(*pretrain(texts, tmp_path / "run", *more))[0] == 0
    assert same(straight / "checkpoint-10", tmp_path / "run" / "checkpoint-10")


KILLED = """
import os, signal, sys
from pixlm.cli import main
from pixlm.training.runner import Runner
forward_backward = Runner._forward_backward

def killed(self, batch, number, count):
    if (self.progress.step, number) == (6, 2):  # the third of four micro-batches, in the second epoch
        os.kill(os.getpid(), signal.SIGKILL)
    return forward_backward(self, batch, number, count)

Runner._forward_backward = killed
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_kill_9_while_accumulating_loses_only_the_steps_since_the_last_checkpoint(texts, tmp_path, pixlm):
    """Losses are logged every third step, so a sum of losses has to survive, too."""
    more = ("--train.max-steps", "8", "--train.save-steps", "4", "--train.micro-batch-size", "2")
    more = (*more, "--train.log-steps", "3")
    assert pixlm(*pretrain(texts, tmp_path / "straight", *more))[0] == 0
    output = tmp_path / "run"
    command = pretrain(texts, output, *more)
    done = subprocess.run([sys.executable, "-c", KILLED, *command], capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL
    code, out, _ = pixlm(*command)
    assert code == 0
    assert "resuming from checkpoint-" in out
    assert same(tmp_path / "straight" / "checkpoint-8", output / "checkpoint-8")
    assert curve(output) == curve(tmp_path / "straight")


def test_a_full_disk_ends_a_run_that_goes_on_when_there_is_room(straight, texts, tmp_path, pixlm, monkeypatch):
    from pixlm.training import checkpoints

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    output = tmp_path / "run"
    command = pretrain(texts, output, "--train.max-steps", "10", "--train.save-steps", "4")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_file", full)
        code, _, error = pixlm(*command)
    assert code == 1
    assert error.splitlines()[-1].startswith(
        f"pixlm: cannot write to {output}: No space left on device; there is no checkpoint yet: make room, "
    )
    assert not files.checkpoints(output)
    assert pixlm(*command)[0] == 0
    assert same(straight / "checkpoint-10", output / "checkpoint-10")


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small file system")
def test_a_disk_that_is_really_full(straight, texts, tmp_path, pixlm):
    """A file system of 16 MB, on which a checkpoint does not fit beside another, grows."""
    output = tmp_path / "disk" / "run"
    output.parent.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "pixlm-test", str(output.parent)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("may not mount")
    try:
        command = pretrain(texts, output, "--train.max-steps", "10", "--train.save-steps", "4")
        code, _, error = pixlm(*command)
        assert code == 1
        assert re.search(r"cannot write to .*: (No space left on device|.*os error 28.*); ", error.splitlines()[-1])
        assert all(files.verify(path) is None for path in files.checkpoints(output))
        assert not list(output.glob(".checkpoint-*"))
        subprocess.run(["mount", "-o", "remount,size=400m", str(output.parent)], check=True)
        code, _, error = pixlm(*command)
        assert code == 0, error
        assert same(straight / "checkpoint-10", output / "checkpoint-10")
    finally:
        subprocess.run(["umount", str(output.parent)], check=True)


def test_clocks_that_jump_change_nothing(straight, texts, tmp_path, pixlm, monkeypatch):
    """Back by a day, forward by a year, standing still: neither results nor waiting go by the clock on the wall."""
    real, asked = time.time, 0

    def odd() -> float:
        nonlocal asked
        asked += 1
        return real() + (0, -86400, 3e7, -1e9)[asked % 4] if asked % 5 else 0.0

    monkeypatch.setattr(time, "time", odd)
    more = ("--train.max-steps", "10", "--train.save-steps", "4", "--train.workers", "1")
    began = time.monotonic()
    assert pixlm(*pretrain(texts, tmp_path / "run", *more))[0] == 0
    assert time.monotonic() - began < 120
    assert same(straight / "checkpoint-10", tmp_path / "run" / "checkpoint-10")
    assert curve(straight) == curve(tmp_path / "run")


def test_a_gradient_that_is_no_number_stops_the_run_or_is_left_out(texts, tmp_path, pixlm, monkeypatch):
    from pixlm.tasks.objectives import MaskedPatches

    loss = MaskedPatches.loss

    def spoilt(self, model, batch):
        found = loss(self, model, batch)
        if model.training and any(drawn.draw.index == 5 for drawn in batch["drawn"]):
            found.outputs.logits.register_hook(lambda gradient: gradient * float("nan"))
        return found

    output = tmp_path / "run"
    command = pretrain(texts, output, "--train.max-steps", "10", "--train.save-steps", "1")
    monkeypatch.setattr(MaskedPatches, "loss", spoilt)
    code, _, error = pixlm(*command)
    assert code == 1
    assert "the gradient is not a number at step" in error
    assert "--train.non-finite skip" in error
    last = files.checkpoints(output)[-1]
    assert all(value.isfinite().all() for value in weights(last).values())
    code, out, error = pixlm(*command, "--train.non-finite", "skip")
    assert code == 0, error
    assert f"resuming from {last.name}" in out
    rows = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "grad_norm" in row]
    assert len(steps) == 10
    assert steps[-1]["skipped"] >= 2  # once in each epoch
    assert len(curve(output)) == 10 - steps[-1]["skipped"]
    assert all(value.isfinite().all() for value in weights(output).values())


def test_a_run_that_failed_before_its_first_checkpoint_does_not_block_the_folder(texts, tmp_path, pixlm, monkeypatch):
    from pixlm.training import pretrain as module

    output = tmp_path / "run"

    def fail(*args, **kwargs):
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(module, "train", fail)
        with pytest.raises(RuntimeError, match="no memory"):
            pixlm(*pretrain(texts, output, "--train.max-steps", "10"))
    assert (output / "run.yaml").exists()
    assert pixlm(*pretrain(texts, output, "--train.max-steps", "2"))[0] == 0


def test_a_run_of_an_older_version_goes_on(straight, texts, tmp_path, pixlm):
    """Settings that came later are not in its run.yaml; what was given does count."""
    output = tmp_path / "run"
    shutil.copytree(straight, output)
    (output / "metrics.json").unlink()
    run = yaml.safe_load((output / "run.yaml").read_text())
    del run["train"]["optimizer"], run["causal"], run["mask"]["flavour"]
    (output / "run.yaml").write_text(yaml.safe_dump(run))
    command = pretrain(texts, output, "--train.max-steps", "10", "--train.save-steps", "4")
    code, _, error = pixlm(*command, "--train.optimizer", "muon")
    assert code == 2
    assert "another train.optimizer: 'adamw' there, 'muon' here" in error
    code, out, _ = pixlm(*command)
    assert code == 0
    assert "resuming from checkpoint-10" in out


def test_data_that_changed_is_noticed_on_resuming(straight, texts, tmp_path, pixlm):
    output = tmp_path / "run"
    shutil.copytree(straight, output)
    (output / "metrics.json").unlink()
    changed = tmp_path / "texts"
    shutil.copytree(texts, changed)
    with (changed / "train.txt").open("a") as file:
        file.write("one line more\n")
    command = pretrain(changed, output, "--train.max-steps", "10", "--train.save-steps", "4")
    run = yaml.safe_load((output / "run.yaml").read_text())
    run["data"]["path"] = str(changed)
    (output / "run.yaml").write_text(yaml.safe_dump(run))
    code, _, error = pixlm(*command)
    assert code == 2
    assert "the train data changed since this run began" in error


def test_damaged_checkpoints_never_crowd_out_good_ones(straight, texts, tmp_path, pixlm):
    output = tmp_path / "run"
    shutil.copytree(straight, output)
    (output / "metrics.json").unlink()
    for path in files.checkpoints(output)[1:]:
        (path / "optimizer.safetensors").write_bytes(b"half")
    first = files.checkpoint_step(files.checkpoints(output)[0])
    more = ("--train.max-steps", "10", "--train.save-steps", "4", "--train.keep-checkpoints", "1")
    assert first < 10
    code, out, _ = pixlm(*pretrain(texts, output, *more))
    assert code == 0
    assert f"resuming from checkpoint-{first}" in out
    assert same(straight / "checkpoint-10", output / "checkpoint-10")
    assert all(files.verify(path) is None for path in files.checkpoints(output))


@pytest.mark.parametrize("stop_after", [2, 4])
def test_patience_survives_resuming(treebank, tmp_path, pixlm, monkeypatch, stop_after):
    """With a learning rate that spoils the model at once, the first evaluation stays the best."""
    from pixlm.training.signals import StopOnSignal

    def finetune(output: Path) -> tuple[str, ...]:
        return (
            *("finetune", "pos", "--model", "pixel-nano", "--data", str(treebank), "--output", str(output)),
            *("--train.batch-size", "8", "--train.max-steps", "20", "--train.eval-steps", "1", "--train.patience", "3"),
            *("--train.learning-rate", "1e-12", "--train.warmup", "0", "--render.max-seq-length", "63"),
        )

    def evaluated(output: Path) -> list[int]:
        rows = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
        return [row["step"] for row in rows if "eval_loss" in row]

    assert pixlm(*finetune(tmp_path / "straight"))[0] == 0
    assert evaluated(tmp_path / "straight") == [1, 2, 3, 4]
    output = tmp_path / "resumed"
    monkeypatch.setattr(StopOnSignal, "wants_stop", lambda self, step: step == stop_after)
    assert pixlm(*finetune(output))[0] == 1
    monkeypatch.undo()
    assert pixlm(*finetune(output))[0] == 0
    assert evaluated(output) == [1, 2, 3, 4]
    assert same(tmp_path / "straight", output)


def test_a_second_signal_is_counted_by_itself():
    """Launchers pass a Ctrl-C on as SIGTERM; only a second signal of the same kind means "at once"."""
    from pixlm.training.signals import StopOnSignal

    stop = StopOnSignal()
    stop._ask(signal.SIGTERM, None)
    stop._ask(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        stop._ask(signal.SIGTERM, None)


def test_a_run_whose_weights_are_spoilt_does_not_skip_to_its_end(texts, tmp_path, pixlm, monkeypatch):
    from pixlm.training import runner

    monkeypatch.setattr(runner, "_MOST_SKIPPED", 3)
    command = pretrain(texts, tmp_path / "run", "--train.max-steps", "20", "--train.save-steps", "2")
    command = (*command, "--train.learning-rate", "1e30", "--train.warmup", "0", "--train.non-finite", "skip")
    code, _, error = pixlm(*command)
    assert code == 1
    assert "at step 4 the loss or gradient was not a number for 3 steps in a row" in error
    # Also across a stop: the checkpoint of step 2 has seen one of them.
    code, out, error = pixlm(*command)
    assert code == 1
    assert "resuming from checkpoint-2" in out
    assert "at step 4 " in error


def test_only_the_first_process_writes_about_a_new_run(tmp_path, monkeypatch):
    from pixlm.data.splits import Sources
    from pixlm.training.config import PretrainConfig
    from pixlm.training.output import prepare

    config = PretrainConfig(model="pixel-nano", output=str(tmp_path / "run"))
    prepare(config, "pretrain", Sources())
    names = ("run.yaml", "inputs.json")
    before = [(tmp_path / "run" / name).stat().st_mtime_ns for name in names]
    monkeypatch.setenv("RANK", "1")
    assert prepare(config, "pretrain", Sources()).checkpoint is None
    assert [(tmp_path / "run" / name).stat().st_mtime_ns for name in names] == before
