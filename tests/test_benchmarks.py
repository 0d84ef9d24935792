"""The benchmark scripts: what they count, and that they run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from pixlm.models import preset

FOLDER = Path(__file__).parents[1] / "benchmarks"


def script(name: str):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_flops_of_a_pretraining_image():
    gpu = script("gpu")
    assert round(gpu.pretraining_flops(preset("pixel-base"), 529) / 1e9) == pytest.approx(318, abs=1)


def test_flops_are_those_that_torch_counts():
    """torch counts matrix products and attention as they run; eager attention, so that it sees all of them."""
    from torch.utils.flop_counter import FlopCounterMode

    from pixlm.models import PixelForPreTraining

    config = preset("pixel-nano", num_channels=3, image_size=(16, 64 * 16))
    config._attn_implementation = "eager"
    model = PixelForPreTraining(config)
    counter = FlopCounterMode(display=False)
    with counter:
        model(torch.randint(0, 256, (1, 3, 16, 64 * 16), dtype=torch.uint8))
    assert 3 * counter.get_total_flops() == pytest.approx(script("gpu").pretraining_flops(config, 64), rel=1e-9)


def test_gpu_script_runs_at_toy_size(capsys):
    size = ("--model", "pixel-nano", "--batch-size", "2", "--patches", "16", "--steps", "1", "--peak-tflops", "1")
    script("gpu").main([*size, "--no-compile"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["pretraining", "fine-tuning"]
    assert all("% MFU" in line for line in lines[1:])


def test_a_case_of_the_tasks_script(treebank, tmp_path, monkeypatch):
    tasks = script("tasks")
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path))
    for name, value in (("BATCH", 4), ("INTERVAL", 1), ("INTERVALS", 2)):
        monkeypatch.setattr(tasks, name, value)
    share, speed = tasks.wait_share("pixel-nano", next(treebank.glob("*train*")), "bigrams", 0, True)
    assert 0 < share < 1
    assert speed > 0


def test_a_case_of_the_models_script():
    models = script("models")
    encoded, source = models.encoded_texts("ud", Path("nowhere"), 8)
    assert source == "vi_vtb-ud-train.conllu"
    for way in models.WAYS:
        batches = models.batches_of(way, encoded, 256, 4)
        assert sum(len(batch["attention_mask"]) for batch in batches) == 8
        assert batches[0]["pixel_values"].dtype == (torch.float32 if way == "original" else torch.uint8)


def test_pretraining_script_runs_at_toy_size(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path))
    size = ("--model", "pixel-nano", "--batch-size", "2", "--patches", "64", "--steps", "2", "--no-compile")
    script("pretraining").main([*size, "--workers", "0", "--warm-up", "1"])
    lines = capsys.readouterr().out.splitlines()
    figures = {line[:20].strip(): float(line[20:].split()[0].rstrip("%")) for line in lines[1:]}
    assert figures["images/s"] == pytest.approx(2 / figures["seconds a step"], rel=0.1)
    assert 0 < figures["waiting for data"] < 100
    assert figures["PIXEL's recipe"] == pytest.approx(256e6 / figures["images/s"] / 3600, rel=0.01)


def test_text_to_strips(capsys, monkeypatch):
    monkeypatch.setenv("PIXLM_CACHE", "")
    strips = script("strips")
    strips.STRIPS = 3
    sources = strips.find_sources(str(strips.DEMO), {})
    strips.rendering(sources, 64)
    strips.reading(sources, 64)
    out = capsys.readouterr().out
    assert all(name in out for name in ("grapheme-bigrams", "parquet", "compact", "kB a strip"))


def test_pixelgpt_script_runs_at_toy_size(capsys):
    size = ("--model", "pixelgpt-nano", "--prefix", "32", "--new", "24", "--length", "16", "--repeat", "1")
    script("pixelgpt").main([*size, "--device", "cpu"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["drawing", "training"]
    assert " x a patch" in lines[1]
    assert lines[2].endswith("x LlamaForCausalLM's")


def test_pages_are_read_by_every_way(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXLM_CACHE", str(tmp_path / "cache"))
    loader = script("documents_loader")
    pages = list(loader.drawn_pages(2))
    loader.make_shard(tmp_path / "a.tar", pages)
    assert [read(tmp_path / "a.tar") for _, read, _ in loader.ROWS] == [2] * len(loader.ROWS)


def test_the_pages_script_runs(capsys):
    script("pages").main(["--pages", "1", "--kinds", "lines", "receipts"])
    out = capsys.readouterr().out
    assert "receipts" in out
    assert "worn" in out
