"""Build the fonts that the wheel ships: one merged from Noto families, one Han/Kana/Hangul subset.

    python scripts/build_default_font.py                     # downloads the Debian packages with apt-get
    python scripts/build_default_font.py --sources FOLDER    # .deb files or unpacked fonts, anywhere below it
    python scripts/build_default_font.py --check             # builds aside and compares with the checked-in files

What goes in stands in `default_font.yaml`, with the SHA-256 of every source. The same sources and the same versions of
fontTools and uharfbuzz (whose repacker orders the layout tables) give the same bytes. How fonts are merged, and why
`fontTools.merge` alone is not enough: `pixlm.rendering.font_tools.merging`.
"""

import argparse
import hashlib
import logging
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fontTools
import uharfbuzz
import yaml
from fontTools.ttLib import TTFont

from pixlm.rendering.font_tools.layout_tables import add_baselines
from pixlm.rendering.font_tools.merging import Identity, Source, finish, merge_fonts, subset
from pixlm.rendering.unicode import script

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "src/pixlm/rendering/fonts"

GOOGLE = "Copyright 2015-2020 Google LLC / Google Inc. All Rights Reserved."
ADOBE = "Copyright 2014-2021 Adobe (http://www.adobe.com/)."
LICENCE = "This Font Software is licensed under the SIL Open Font License, Version 1.1."
LICENCE_URL = "https://openfontlicense.org"


def fetch(packages: dict[str, str], folder: Path) -> None:
    """Download the Debian packages of the recipe into a folder."""
    for name, version in packages.items():
        subprocess.run(["apt-get", "download", f"{name}={version}"], cwd=folder, check=True)


def find_sources(folder: Path, scratch: Path) -> dict[str, Path]:
    """File name -> path of every font below a folder, also of those inside .deb files."""
    for package in sorted(folder.rglob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(package), str(scratch)], check=True)
    return {path.name: path for root in (folder, scratch) for path in root.rglob("*.[ot]t[fc]")}


def verified(sources: dict[str, Path], entry: dict[str, Any]) -> Path:
    """The path of a source font, if it is there and is the one that the recipe names."""
    name = entry["font"]
    if name not in sources:
        raise SystemExit(f"{name} is not below the folder of sources")
    digest = hashlib.sha256(sources[name].read_bytes()).hexdigest()
    if digest != entry["sha256"]:
        raise SystemExit(f"{sources[name]} has SHA-256 {digest}; the recipe wants {entry['sha256']}")
    return sources[name]


def identity(recipe: dict[str, Any], part: str, copyright: str) -> Identity:
    metrics = recipe["metrics"]
    family, timestamp = recipe[part]["family"], recipe["timestamp"]
    return Identity(family, metrics["ascender"], metrics["descender"], timestamp, copyright, LICENCE, LICENCE_URL)


def build_merged(recipe: dict[str, Any], sources: dict[str, Path]) -> TTFont:
    excluded = {code for first, last in recipe["merged"]["exclude"] for code in range(first, last + 1)}
    chosen = [
        Source(
            verified(sources, entry),
            entry.get("scale", 1),
            entry.get("raise", 0),
            entry.get("script"),
            entry.get("symbols", False),
        )
        for entry in recipe["merged"]["sources"]
    ]
    return merge_fonts(chosen, identity(recipe, "merged", GOOGLE), excluded)


def code_points(recipe: dict[str, Any]) -> Iterator[int]:
    """What the CJK font shall hold."""
    for character_set in recipe["character_sets"]:
        first, last = character_set["rows"]
        for lead in range(first, last + 1):
            for trail in range(0x40, 0xFF):
                try:
                    yield from map(ord, bytes([lead, trail]).decode(character_set["codec"]))
                except UnicodeDecodeError:
                    continue
    yield from map(ord, recipe["characters"])
    for first, last in recipe["ranges"]:
        yield from range(first, last + 1)


def build_cjk(recipe: dict[str, Any], sources: dict[str, Path], taken: set[int]) -> TTFont:
    entry = recipe["cjk"]["source"]
    font = TTFont(verified(sources, entry), fontNumber=entry["face"], recalcTimestamp=False)
    wanted = (set(code_points(recipe["cjk"])) & set(font.getBestCmap())) - taken
    # CFF keeps its hints: FreeType's light mode uses them. Of the layout rules only those for jamo are wanted.
    subset(
        font,
        wanted | {0x20, 0xA0},
        layout_features=["ccmp", "ljmo", "vjmo", "tjmo"],
        hinting=True,
        glyph_names=False,
        name_IDs=[],
    )
    finish(font, identity(recipe, "cjk", ADOBE))
    add_baselines(font)
    return font


def build(recipe: dict[str, Any], sources: dict[str, Path], output: Path) -> dict[str, Path]:
    """Build both fonts into a folder."""
    results = {}
    taken: set[int] = set()
    steps: list[tuple[str, Callable[[], TTFont]]] = [
        (recipe["merged"]["output"], lambda: build_merged(recipe, sources)),
        (recipe["cjk"]["output"], lambda: build_cjk(recipe, sources, taken)),
    ]
    for name, step in steps:
        start = time.perf_counter()
        font = step()
        taken |= set(font.getBestCmap())
        path = results[name] = output / name
        font.save(path, reorderTables=True)
        print(
            f"{name}: {path.stat().st_size} bytes, {font['maxp'].numGlyphs} glyphs, {len(font.getBestCmap())} code "
            f"points, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}, {time.perf_counter() - start:.0f} s"
        )
    return results


def coverage(folder: Path, recipe: dict[str, Any]) -> str:
    """Code points per script in the two fonts, by ISO 15924 tags."""
    lines = []
    for kind in ("merged", "cjk"):
        font = TTFont(folder / recipe[kind]["output"], lazy=True)
        counts = Counter(script(chr(code)) for code in font.getBestCmap()).most_common()
        lines.append(f"{recipe[kind]['family']}: " + ", ".join(f"{tag} {count}" for tag, count in sorted(counts)))
    return "\n\n".join(lines)


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", type=Path, help="folder with the Debian packages or the fonts in them")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--check", action="store_true", help="compare with the files in --output instead of writing")
    parser.add_argument("--table", action="store_true", help="only print which scripts the fonts in --output cover")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = yaml.safe_load((HERE / "default_font.yaml").read_text(encoding="utf-8"))
    if arguments.table:
        print(coverage(arguments.output, recipe))
        return 0
    print(f"fontTools {fontTools.version}, uharfbuzz {uharfbuzz.__version__}")
    with tempfile.TemporaryDirectory() as download, tempfile.TemporaryDirectory() as unpacked:
        folder = arguments.sources
        if folder is None:
            folder = Path(download)
            fetch(recipe["packages"], folder)
        sources = find_sources(folder, Path(unpacked))
        if not arguments.check:
            build(recipe, sources, arguments.output)
            return 0
        with tempfile.TemporaryDirectory() as aside:
            built = build(recipe, sources, Path(aside))
            different = [
                name for name, path in built.items() if path.read_bytes() != (arguments.output / name).read_bytes()
            ]
    print("different: " + ", ".join(different) if different else "the same bytes as the checked-in fonts")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
