"""The original code's recorded outputs and gradients: a subset on every clone, all of them where they are at hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pixlm.models import sincos_table

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
