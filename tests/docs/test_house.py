"""The drawing of the house is the one that the contract of import-linter gives."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_drawing_is_that_of_the_contract():
    spec = importlib.util.spec_from_file_location("draw_house", ROOT / "scripts" / "draw_house.py")
    assert spec is not None
    assert spec.loader is not None
    house = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(house)
    names = [name for row in house.layers() for name in row]
    packages = {path.parent.name for path in (ROOT / "src" / "pixlm").glob("*/__init__.py")}
    assert packages <= {name.removeprefix("pixlm.") for name in names}, "a package that no layer has"
    assert house.PICTURE.read_text(encoding="utf-8") == house.draw(), "run python scripts/draw_house.py"
