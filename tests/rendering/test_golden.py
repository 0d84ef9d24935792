"""The renderer against recorded outputs of upstream's PangoCairo and bigram renderers, pixel for pixel."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import warnings
from pathlib import Path

import pytest

from pixlm.rendering.font import Font

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden" / "rendering"
FULL = ROOT.parent / "shared" / "golden" / "rendering"

_spec = importlib.util.spec_from_file_location("check_rendering_golden", ROOT / "scripts" / "check_rendering_golden.py")
check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check)

ITEMS = json.loads((GOLDEN / "index.json").read_text(encoding="utf-8"))["items"]


@pytest.mark.parametrize("item", ITEMS, ids=[f"{item['backend']}-{item['name']}" for item in ITEMS])
def test_recorded_case(item, fonts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = check.compare(item, GOLDEN, fonts)
    assert result["pixels"] is not None
    assert False not in result.values(), f"differs: {[key for key, value in result.items() if value is False]}"


@pytest.mark.parametrize("change", ["pixels", "num_text_patches"])
def test_the_comparison_can_fail(tmp_path, fonts, change):
    import numpy as np

    item = next(item for item in ITEMS if item["name"] == "latin_0" and item["backend"] == "pangocairo")
    arrays = dict(np.load(GOLDEN / item["file"]))
    if change == "pixels":
        arrays["pixel_values"][12, 40] ^= 1
    else:
        arrays["num_text_patches"] = arrays["num_text_patches"] + 1
    np.savez(tmp_path / item["file"], **arrays)
    result = check.compare(item, tmp_path, fonts)
    assert result["pixels" if change == "pixels" else "patches"] is False


@pytest.mark.parity
def test_all_recorded_cases(capsys):
    if not FULL.is_dir():
        pytest.skip("the full set of recorded outputs is not there: it does not ship with the repository")
    items = json.loads((FULL / "index.json").read_text(encoding="utf-8"))["items"]
    items = [item for item in items if item["backend"] in check.COMPAT and not item.get("error")]
    assert len(items) == 70 + 63
    wrong = []
    for item in items:
        result = check.compare(item, FULL, FULL / "../../fonts")
        if False in result.values():
            wrong.append((item["backend"], item["name"], result))
    assert not wrong


def test_hinting_is_that_of_freetype_without_harfbuzz(fonts):
    """Checksum of all Khmer glyphs, recorded with FreeType 2.12.1 built without HarfBuzz (light hinting, 853/64 px)."""
    font = Font(fonts / "NotoSansKhmer-Regular.ttf", 13653)
    digest = hashlib.sha256()
    for glyph in range(font.face.glyph_count):
        bitmap = font.bitmap(glyph)
        if bitmap.alpha.size:
            shape = repr((glyph, bitmap.left, bitmap.top, bitmap.alpha.shape))
            digest.update(shape.encode() + bitmap.alpha.tobytes())
    assert digest.hexdigest() == "dc73e75e7c8144ad2e0e38157d838d750c61ba51b25e431c9fce4840b2092ca6"
