"""Draw docs/images/house.svg: the layers of the code, as import-linter's contract in pyproject.toml has them.

    python scripts/draw_house.py

What stands in a box is the beginning of the package's docstring. tests/docs/test_house.py fails where the picture is
old.
"""

from __future__ import annotations

import ast
import html
import re
import textwrap
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "house.svg"
_WIDTH, _HEIGHT, _GAP, _MARGIN = 860, 70, 14, 20


def layers() -> list[list[str]]:
    """Module names of each layer, the highest first; optional ones (in brackets) where they exist."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = (contract for contract in contracts if contract["type"] == "layers")
    rows = [[name.strip(" ()") for name in re.split(r"[|:]", row)] for row in contract["layers"]]
    return [[name for name in row if _file(name) is not None] for row in rows]


def subject(module: str) -> str:
    """What a module is for: the first clause of its docstring, without its own name."""
    file = _file(module)
    assert file is not None
    first = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]
    name = module.rpartition(".")[2]
    return re.split(r"[.:;] |[.:;]$", re.sub(rf"^{name}: ", "", first, flags=re.IGNORECASE))[0].strip()


def draw() -> str:
    """The picture as SVG."""
    rows = layers()
    height = _MARGIN * 2 + len(rows) * (_HEIGHT + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif">',
        "<title>The layers of pixlm: imports point downwards</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for number, row in enumerate(rows):
        top = _MARGIN + number * (_HEIGHT + _GAP)
        width = (_WIDTH - 2 * _MARGIN - (len(row) - 1) * _GAP) / len(row)
        for place, module in enumerate(row):
            left = _MARGIN + place * (width + _GAP)
            place_and_size = f'x="{left:g}" y="{top}" width="{width:g}" height="{_HEIGHT}"'
            parts.append(f'<rect {place_and_size} rx="6" fill="#eef2f8" stroke="#5a6b85"/>')
            middle = left + width / 2
            name = html.escape(module.removeprefix("pixlm."))
            parts.append(_text(middle, top + 24, name, 'font-weight="bold" font-size="16"'))
            for line, words in enumerate(textwrap.wrap(subject(module), int(width / 7))[:2]):
                parts.append(_text(middle, top + 43 + 16 * line, html.escape(words), 'font-size="13"'))
    parts.append(_text(_WIDTH / 2, height - 12, "imports point downwards only", 'font-size="13" font-style="italic"'))
    return "\n".join([*parts, "</svg>\n"])


def _text(x: float, y: int, words: str, style: str) -> str:
    return f'<text x="{x:g}" y="{y}" text-anchor="middle" fill="#1b2433" {style}>{words}</text>'


def _file(module: str) -> Path | None:
    path = ROOT / "src" / Path(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))
