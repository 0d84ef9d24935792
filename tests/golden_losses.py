"""Fifty steps of every objective, and of every kind of task: the losses that tests/golden/losses.json holds.

``scripts/write_golden_losses.py`` writes them anew; ``tests/training/test_golden_losses.py`` compares.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import toy_data
import toy_pages

FILE = Path(__file__).resolve().parent / "golden" / "losses.json"
STEPS = 50
DEMO = Path(__file__).resolve().parents[1] / "demo" / "data" / "text" / "vi.train.txt"


def text(root: Path) -> Path:
    """Sixty lines to pretrain on."""
    lines = DEMO.read_text(encoding="utf-8").splitlines()[:60]
    (root / "train.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def pages(root: Path) -> Path:
    """Two receipts."""
    return toy_pages.folder(root)


def task(name: str) -> Callable[[Path], Path]:
    """The toy data of a fine-tuning task."""
    return lambda root: toy_data.folder(name, root)


_TEXT = ("--render.max-seq-length", "64", "--train.batch-size", "4")
_PAGE = ("--train.batch-size", "2", "--page.max-target-length", "48")
_GPT = ("pretrain", "--model", "pixelgpt-nano", *_TEXT)
_NANO = ("--model", "pixel-nano", *_TEXT)
_LONG = ("--model", "pixel-nano", "--render.max-seq-length", "128", "--train.batch-size", "4")

CASES: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "masked-patches": (text, ("pretrain", *_NANO)),
    "masked-patches-bigrams": (text, ("pretrain", *_NANO, "--render.strategy", "bigrams")),
    "masked-patches-muon": (text, ("pretrain", *_NANO, "--train.optimizer", "muon")),
    "next-patch": (text, _GPT),
    "next-patch-regression": (text, (*_GPT, "--causal.pixel-head", "regression")),
    "next-token": (text, ("pretrain", "--model", "textgpt-nano", *_TEXT)),
    "image-text-pairs": (text, (*_GPT, "--causal.modalities", "pixel", "1", "text", "1", "image-text", "1")),
    "ocr-donut": (
        pages,
        ("pretrain", "--objective", "ocr", "--model", "donut-tiny", "--page.size", "128", "112", *_PAGE),
    ),
    "ocr-pali": (
        pages,
        ("pretrain", "--objective", "ocr", "--model", "pali-tiny", "--page.size", "64", "48", *_PAGE),
    ),
    "screenshot-pix2struct": (
        pages,
        ("pretrain", "--objective", "screenshot", "--model", "pix2struct-tiny", "--page.max-patches", "48", *_PAGE),
    ),
    "doc-classify-layer": (
        pages,
        (
            *("finetune", "doc-classify", "--model", "pix2struct-tiny", "--page.max-patches", "48"),
            *("--task.classifier", "layer", "--train.batch-size", "2"),
        ),
    ),
    "pos": (task("pos"), ("finetune", "pos", *_NANO)),
    "pos-tokens": (task("pos"), ("finetune", "pos", "--model", "bert-nano", *_TEXT)),
    "parsing": (task("parsing"), ("finetune", "parsing", *_NANO)),
    "ner": (task("ner"), ("finetune", "ner", *_NANO)),
    "classes": (task("glue-sst2"), ("finetune", "glue", *_NANO)),
    "regression": (task("glue-stsb"), ("finetune", "glue", *_NANO)),
    "questions": (
        task("qa"),
        ("finetune", "qa", *_LONG, "--task.stride", "20", "--task.question-max-length", "40", "--data.cache", "False"),
    ),
}
QUICK = ("masked-patches", "next-patch", "next-token", "image-text-pairs", "pos", "classes")
"""One case of each kind, some two seconds each."""


def losses(name: str, folder: Path) -> list[float]:
    """The loss of each step of a case, run here."""
    from pixlm.cli import main

    build, command = CASES[name]
    (folder / "data").mkdir()
    steps = ("--train.max-steps", STEPS, "--train.eval-steps", STEPS, "--train.save-steps", STEPS)
    learn = ("--train.learning-rate", "5e-4", "--train.dropout", "0.1", "--train.log-steps", "1", "--seed", "3")
    place = ("--data", build(folder / "data"), "--output", folder / "run", "--train.precision", "fp32")
    code = main([str(each) for each in (*command, *steps, *learn, *place)])
    assert code == 0, name
    rows = map(json.loads, (folder / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return [row["loss"] for row in rows if "loss" in row]
