"""The original code's recorded outputs and gradients: a subset on every clone, all of them where they are at hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pixlm.models import sincos_table
from pixlm.models.biaffine import Biaffine
from pixlm.models.pixel.pooling import AttentionPooling, max_pool, mean_pool

ROOT = Path(__file__).parents[2]
SUBSET = ROOT / "tests" / "golden" / "pixel-models"
FULL = ROOT.parent / "shared" / "golden" / "pixel-models"


def _script():
    name = "check_models_golden"
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


check = _script()


def cases(folder: Path) -> list:
    return [pytest.param(case, id=case["case"]) for case in check.supported_cases(folder)] if folder.is_dir() else []


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("case", cases(SUBSET))
def test_subset(case, attention):
    report = check.run(SUBSET, case, attention)
    assert report.outputs
    assert report.failures == []


@pytest.mark.parity
@pytest.mark.skipif(not FULL.is_dir(), reason="the full recorded outputs (../shared/golden) are not on this machine")
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("case", cases(FULL) or [None])
def test_full(case, attention):
    report = check.run(FULL, case, attention)
    assert report.outputs
    assert report.failures == []


def test_pooling():
    recorded = {name: torch.from_numpy(value) for name, value in np.load(SUBSET / "extras" / "pooling.npz").items()}
    hidden, mask = recorded["hidden"], recorded["mask"]
    torch.testing.assert_close(mean_pool(hidden, mask), recorded["out.mean"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(max_pool(hidden, mask), recorded["out.max"], rtol=0, atol=0)
    attention = AttentionPooling(hidden.shape[-1], 2, mask_padding=False)
    attention.load_state_dict(
        {
            name.removeprefix("pma2.pooler."): value
            for name, value in recorded.items()
            if name.startswith("pma2.pooler.")
        }
    )
    torch.testing.assert_close(attention(hidden, mask), recorded["out.pma2"], rtol=1e-5, atol=1e-6)


def test_biaffine_scorer():
    recorded = {name: torch.from_numpy(value) for name, value in np.load(SUBSET / "extras" / "biaffine.npz").items()}
    for number in range(3):
        weight, x, y, out = (recorded[f"{number}.{name}"] for name in ("weight", "x", "y", "out"))
        width = x.shape[-1]
        bias_x, bias_y = weight.shape[1] > width, weight.shape[2] > width
        scorer = Biaffine(width, len(weight), bias_x=bias_x, bias_y=bias_y)
        scorer.load_state_dict({"weight": weight})
        torch.testing.assert_close(scorer(x, y), out, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("file", "dtype"), [("sincos.npz", torch.float64), ("sincos-m4.npz", torch.float32)])
def test_sincos_tables(file, dtype):
    recorded = np.load(SUBSET / "extras" / file)
    for name in recorded:
        if name == "rows":
            continue
        width, side = (int(part[1:]) for part in name.split("_")[:2])
        table = sincos_table(side * side, width, dtype)[0].numpy()
        if name.endswith("_rows"):
            table = table[recorded["rows"]]
        # one unit in the last place of float32, from the float32 arithmetic of PIXEL-M4
        np.testing.assert_allclose(table, recorded[name], rtol=0, atol=0 if dtype == torch.float64 else 6e-8)
