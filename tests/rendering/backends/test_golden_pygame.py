"""The pygame backend against recorded outputs of PIXEL's and PixelGPT's PyGame renderers, pixel for pixel."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

pytest.importorskip("pygame", reason="pygame is not installed (the extra pygame)")

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden" / "rendering-pygame"
FULL = ROOT.parent / "shared" / "golden" / "rendering"

_spec = importlib.util.spec_from_file_location("check_rendering_golden", ROOT / "scripts" / "check_rendering_golden.py")
check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check)

ITEMS = json.loads((GOLDEN / "index.json").read_text(encoding="utf-8"))["items"]


@pytest.mark.parametrize("item", ITEMS, ids=[f"{item['backend']}-{item['name']}" for item in ITEMS])
def test_recorded_case(item, fonts):
    result = check.compare(item, GOLDEN, fonts)
    assert result["pixels"] is not None
    assert False not in result.values(), f"differs: {[key for key, value in result.items() if value is False]}"


@pytest.mark.parity
def test_all_recorded_cases():
    if not FULL.is_dir():
        pytest.skip("the full set of recorded outputs is not there: it does not ship with the repository")
    items = json.loads((FULL / "index.json").read_text(encoding="utf-8"))["items"]
    items = [item for item in items if item["backend"] in check.COMPAT_PYGAME and not item.get("error")]
    assert len(items) == 41
    results = {item["name"]: check.compare(item, FULL, FULL / "../../fonts") for item in items}
    assert not {name: result for name, result in results.items() if False in result.values()}
