"""Pretraining PixelGPT and TextGPT from the command line: the same guarantees as the masked family's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pixlm import files, hub
from pixlm.models import PixelGPTForCausalLM
from pixlm.training.signals import StopOnSignal

DRIVER = """
import json, sys
from pixlm.cli import main
for command in json.loads(sys.argv[1]):
    code = main(command)
    if code:
        sys.exit(code)
"""
SMALL = (
    *("--render.max-seq-length", "64", "--train.batch-size", "8", "--train.micro-batch-size", "2", "--seed", "5"),
    *("--train.learning-rate", "1e-3", "--train.log-steps", "1", "--train.warmup", "1", "--train.max-steps", "4"),
    *("--train.save-steps", "2", "--train.eval-steps", "2"),
)
MIXTURE = (
    *("--model", "pixelgpt-nano", "--causal.modalities", "pixel", "2", "text", "1", "image-text", "1"),
    *("text-image", "1"),
)


def command(texts: Path, output: Path, *more: str) -> list[str]:
    return ["pretrain", *SMALL, "--data", str(texts), "--output", str(output), *(more or MIXTURE)]


def weights(run: Path, name: str = "model") -> dict[str, torch.Tensor]:
    return load_file(run / f"{name}.safetensors")


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def losses(run: Path) -> list[float]:
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [row[name] for row in rows for name in ("loss", "eval_loss") if name in row]


@pytest.fixture(scope="module")
def straight(texts, tmp_path_factory) -> Path:
    from pixlm.cli import main

    output = tmp_path_factory.mktemp("causal") / "straight"
    assert main(command(texts, output)) == 0
    return output


def test_a_mixture_is_scored_in_every_modality_and_saved_whole(straight):
    metrics = json.loads((straight / "metrics.json").read_text())
    kinds = ("pixel", "text", "image-text", "text-image")
    assert set(metrics) == {"dev", *(f"dev-{kind}" for kind in kinds)}
    rows = metrics["dev-pixel"]["examples"]
    assert metrics["dev"]["examples"] == 4 * rows
    # a pair counts both its sides
    parts = sum(metrics[f"dev-{kind}"]["loss"] * (1 if kind in kinds[:2] else 2) for kind in kinds)
    assert metrics["dev"]["loss"] == pytest.approx(parts / 6, rel=1e-4)
    for name in ("tokenizer.json", "text_renderer_config.json", "model.safetensors"):
        assert (straight / name).is_file()
        assert (straight / "checkpoint-4" / name).is_file()
    model = hub.load_model(straight)
    assert type(model) is PixelGPTForCausalLM
    encoder = hub.load_encoder(straight)
    assert model.config.vocab_size == len(encoder.tokens.tokenizer)
    assert hub.load_encoder(straight, modality="text").max_length == 64
    assert hub.load_encoder(straight, modality="pixel").max_length == 64


def test_the_same_seed_gives_the_same_bits_with_worker_processes_too(straight, texts, tmp_path, pixlm):
    code, _, error = pixlm(*command(texts, tmp_path / "again", *MIXTURE, "--train.workers", "1"))
    assert code == 0, error
    assert same(weights(straight), weights(tmp_path / "again"))


def test_resuming_is_bit_identical(straight, texts, tmp_path, pixlm, monkeypatch):
    def stop_at(self, after):
        if after == 3:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
        return self.asked

    monkeypatch.setattr(StopOnSignal, "wants_stop", stop_at)
    output = tmp_path / "run"
    code, _, error = pixlm(*command(texts, output))
    assert code == 1
    assert "checkpoint-3 is complete" in error
    monkeypatch.undo()
    code, out, error = pixlm(*command(texts, output))
    assert code == 0, error
    assert "resuming from checkpoint-3" in out
    for name in ("model", "optimizer"):
        assert same(weights(straight / "checkpoint-4", name), weights(output / "checkpoint-4", name))
    assert losses(output) == losses(straight)


def test_a_head_that_starts_fresh_is_said(straight, texts, tmp_path, pixlm):
    pixels = ("--model", str(straight), "--causal.modalities", "pixel", "1", "--train.max-steps", "1")
    code, out, error = pixlm(*command(texts, tmp_path / "same", *pixels))
    assert code == 0, error
    assert "starts fresh" not in out
    code, out, error = pixlm(*command(texts, tmp_path / "other", *pixels, "--causal.pixel-head", "regression"))
    assert code == 0, error
    assert "has a head for binary: the new one, regression, starts fresh" in out


@pytest.mark.parametrize(
    ("more", "side"),
    [
        (("--model", "pixelgpt-nano", "--causal.pixel-head", "regression", "--render.mode", "rgb"), "pixel"),
        (("--model", "pixelgpt-nano", "--causal.pixel-head", "cell", "--render.strategy", "bigrams"), "pixel"),
        (("--model", "pixelgpt-nano", "--causal.modalities", "text", "1"), "text"),
    ],
    ids=["rgb", "cells", "text"],
)
def test_what_a_run_does_not_use_stays_as_it_was(more, side, texts, tmp_path, pixlm):
    code, _, error = pixlm(*command(texts, tmp_path / "run", *more))
    assert code == 0, error
    first, last = (weights(tmp_path / "run" / f"checkpoint-{step}") for step in (2, 4))
    moved = {name for name in first if not torch.equal(first[name], last[name])}
    assert ("model.embed_tokens.weight" in moved) == (side == "text")
    assert ("lm_pixel_head.weight" in moved) == (side == "pixel")
    assert "model.layers.0.mlp.gate_proj.weight" in moved
    model = hub.load_model(tmp_path / "run")
    if model.config.pixel_head == "cell":
        assert model.cells.float().std() > 0
        assert model.lm_pixel_head.out_features == len(model.cells) == model.config.num_cells
    if "rgb" in more:
        assert model.config.num_channels == 3


def test_textgpt_is_a_llama_with_a_tokenizer_of_ones_own(texts, tmp_path, pixlm):
    tokenizer, run = tmp_path / "tokenizer", tmp_path / "run"
    assert pixlm("data", "tokenizer", "--data", texts, "--size", "500", "--output", tokenizer)[0] == 0
    base = ("--model", "textgpt-nano", "--causal.tokenizer", str(tokenizer))
    code, _, error = pixlm(*command(texts, run, *base))
    assert code == 0, error
    config = json.loads((run / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["vocab_size"] <= 500
    assert (run / "tokenizer.json").read_bytes() == (tokenizer / "tokenizer.json").read_bytes()
    # A run goes on from it, and nobody may give its weights another vocabulary.
    code, _, error = pixlm(*command(texts, tmp_path / "more", "--model", str(run)))
    assert code == 0, error
    code, _, error = pixlm(*command(texts, tmp_path / "x", "--model", str(run), *base[2:]))
    assert code == 2
    assert "leave --causal.tokenizer out" in error


@pytest.mark.parametrize(
    "more", [("--train.precision", "bf16"), ("--train.gradient-checkpointing",)], ids=["bf16", "checkpointing"]
)
def test_other_ways_of_computing_give_about_the_same(more, straight, texts, tmp_path, pixlm):
    code, _, error = pixlm(*command(texts, tmp_path / "run", *MIXTURE, *more))
    assert code == 0, error
    assert losses(tmp_path / "run") == pytest.approx(losses(straight), rel=2e-2 if "bf16" in more else 1e-5)


def test_strips_that_were_drawn_beforehand_train_pixelgpt(texts, tmp_path, pixlm):
    strips = tmp_path / "strips"
    drawn = ("--format", "compact", "--render.max-seq-length", "64")
    code, _, error = pixlm("prerender", "--model", "pixelgpt-nano", "--data", texts, "--output", strips, *drawn)
    assert code == 0, error
    gpt = ("--model", "pixelgpt-nano", "--render.max-seq-length", "64", "--data.min-patches", "0")
    code, _, error = pixlm(*command(strips, tmp_path / "drawn", *gpt))
    assert code == 0, error
    code, _, error = pixlm(*command(strips, tmp_path / "pairs", *MIXTURE))
    assert code == 2
    assert "hold no tokens" in error


def test_settings_that_do_not_go_together_are_one_line(texts, tmp_path, pixlm):
    gpt, text, masked = ("--model", "pixelgpt-nano"), ("--model", "textgpt-nano"), ("--model", "pixel-nano")
    for more, message in (
        ((*gpt, "--mask.ratio", "0.5"), "--mask settings are for masked models"),
        ((*gpt, "--pictures.steps", "1"), "--pictures.steps shows reconstructions"),
        ((*masked, "--causal.pixel-head", "cell"), "--causal settings are for causal models"),
        ((*masked, "--render.mode", "binary"), "--render.mode is for PixelGPT"),
        ((*gpt, "--causal.modalities", "pixels", "1"), "give shares of 0 or more of pixel, text"),
        ((*gpt, "--causal.modalities", "pixel", "0"), "one of the shares has to be above 0"),
        ((*text, "--causal.modalities", "pixel", "1"), "a llama model reads text alone"),
        ((*gpt, "--causal.tokenizer", str(tmp_path / "none"), "--causal.modalities", "text", "1"), "no such folder"),
        ((*gpt, "--render.max-seq-length", "999"), "more than the 256 positions"),
        ((*MIXTURE, "--render.max-seq-length", "200"), "at most --render.max-seq-length 128"),
        ((*MIXTURE, "--causal.collation", "mixed"), "leave text-image out"),
        ((*gpt, "--causal.pixel-head", "cell", "--causal.cells", "1"), "give 3 or more"),
        ((*gpt, "--causal.tokenizer", str(tmp_path)), "pixel reads no tokens"),
        ((*gpt, "--causal.modalities", "text", "1", "--causal.pixel-head", "cell"), "no patch is predicted"),
    ):
        code, _, error = pixlm(*command(texts, tmp_path / "run", *more))
        assert code == 2, (more, error)
        assert message in error
        assert len(error.strip().splitlines()) == 1, error
        assert not (tmp_path / "run" / "checkpoint-2").exists()
        shutil.rmtree(tmp_path / "run", ignore_errors=True)


@pytest.mark.slow
def test_two_processes_with_copies_and_with_shards_equal_one(straight, texts, tmp_path):
    commands = [
        command(texts, tmp_path / "ddp"),
        command(texts, tmp_path / "fsdp", *MIXTURE, "--train.sharding", "full"),
    ]
    driver = tmp_path / "driver.py"
    driver.write_text(DRIVER)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, str(driver), json.dumps(commands)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one = weights(straight)
    for name in ("ddp", "fsdp"):
        assert losses(tmp_path / name) == pytest.approx(losses(straight), rel=1e-5)
        two = weights(tmp_path / name)
        assert one.keys() == two.keys()
        for key in one:
            torch.testing.assert_close(one[key], two[key], rtol=2e-3, atol=2e-5, msg=key)
        assert files.verify(tmp_path / name / "checkpoint-4") is None
