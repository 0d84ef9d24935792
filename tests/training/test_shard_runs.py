"""Runs on tar shards: intervals, resuming, commands, and what is wrong in a worker's data."""

from __future__ import annotations

import io
import json
import multiprocessing
import shutil
import tarfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from page_data import encoded, page, receipts
from pixlm.data.pages.example import FileImage
from pixlm.data.pages.images import check_page
from pixlm.errors import UsageError

SMALL = ("--model", "pali-tiny", "--page.size", "64", "48", "--page.max-target-length", "32")


@pytest.fixture
def shards(tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    for shard in range(2):
        with tarfile.open(tmp_path / f"train-{shard}.tar", "w") as tar:
            for number in range(3):
                text = json.dumps({"pages": [{"text": [f"page {shard} {number}"]}, {"text": ["two"]}]}).encode()
                image = encoded(page(str(number)), "TIFF", save_all=True, append_images=[page("two")])
                for suffix, data in (("tif", image), ("json", text)):
                    info = tarfile.TarInfo(f"{shard}{number}.{suffix}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
    return str(tmp_path / "train-{0..1}.tar")


def run(data: str, output: Path, *more: str) -> tuple[str, ...]:
    train = ("--train.max-steps", "4", "--train.batch-size", "2", "--train.save-steps", "2")
    return ("pretrain", "--objective", "ocr", "--data.train", data, "--output", str(output), *SMALL, *train, *more)


def test_intervals_resume_bit_identical(shards, tmp_path, pixlm):
    more = ("--data.interval", "4")
    code, _, error = pixlm(*run(shards, tmp_path / "straight", *more))
    assert code == 0, error
    code, _, error = pixlm(*run(shards, tmp_path / "left", *more))
    assert code == 0, error
    for path in (tmp_path / "left").iterdir():
        if path.name not in ("run.yaml", "inputs.json", "log.jsonl", "checkpoint-2"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    code, out, error = pixlm(*run(shards, tmp_path / "left", *more))
    assert code == 0, error
    assert "resuming from checkpoint-2" in out
    one, two = (load_file(tmp_path / name / "checkpoint-4" / "model.safetensors") for name in ("straight", "left"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_commands_need_their_flag(shards, tmp_path, pixlm):
    (tmp_path / "train.shards").write_text(f"pipe:cat {shards}\n")
    source = str(tmp_path / "train.shards")
    code, _, error = pixlm(*run(source, tmp_path / "run"))
    assert code == 2
    assert "allow it with --data.allow-commands" in error
    code, _, error = pixlm(*run(source, tmp_path / "run", "--data.allow-commands", "--data.replacement"))
    assert code == 0, error


def test_intervals_are_about_shards(tmp_path, pixlm):
    data = str(receipts(tmp_path / "data", ("train",)) / "train")
    code, _, error = pixlm(*run(data, tmp_path / "run", "--data.interval", "4"))
    assert code == 2
    assert "--data.interval 4: is about tar shards" in error


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_truncated_page_ends_the_run_in_one_line(tmp_path, pixlm, workers):
    folder = receipts(tmp_path / "data", ("train",)) / "train"
    whole = encoded(Image.effect_noise((300, 300), 80), "JPEG")
    (folder / "1.png").write_bytes(whole[: len(whole) // 2])
    assert check_page(FileImage(folder / "1.png")) == 1  # its header says nothing of it
    code, _, error = pixlm(*run(str(folder), tmp_path / "run", "--train.workers", workers))
    assert code == 2
    assert "1.png: a damaged image" in error.strip().splitlines()[-1]
    assert "Traceback" not in error
    assert not multiprocessing.active_children()


def test_errors_of_workers_keep_their_own_line():
    wrapped = (
        "Caught PageError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"
        '  File "x.py", line 3, in y\n    z()\npixlm.data.pages.images.PageError: a.png: is empty\n'
    )
    assert str(UsageError(wrapped)) == "a.png: is empty"
    assert str(UsageError("Caught in a trap: mind the gap")) == "Caught in a trap: mind the gap"
