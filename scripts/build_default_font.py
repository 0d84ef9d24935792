"""Build the fonts that the wheel ships: one merged from Noto families, one Han/Kana/Hangul subset.

    python scripts/build_default_font.py                     # downloads the Debian packages with apt-get
    python scripts/build_default_font.py --sources FOLDER    # .deb files or unpacked fonts, anywhere below it
    python scripts/build_default_font.py --check             # builds aside and compares with the checked-in files

What goes in stands in `default_font.yaml`, with the SHA-256 of every source. The same sources and the same versions of
fontTools and uharfbuzz (whose repacker orders the layout tables) give the same bytes.

`fontTools.merge` alone is not enough, for three reasons that are dealt with here:

* each family has Latin letters, digits and punctuation of its own; only those of Noto Sans are kept, so that a family
  cannot take over another script's text;
* invisible characters (joiners above all) and the dotted circle are in many families, and the layout rules of each name
  its own glyph for them, whereas the merged font maps the character to one glyph: the rules are rewritten to that one;
* the merger takes the largest line metrics of all families, which would move Latin text down by several pixels.
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
from fontTools.merge import Merger
from fontTools.pens.filterPen import DecomposingFilterPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.scaleUpem import scale_upem
from fontTools.ttLib.tables import otTables

from pixlm.rendering.unicode import general_category, is_default_ignorable, script

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "src/pixlm/rendering/fonts"
UNITS_PER_EM = 1000
DOTTED_CIRCLE = 0x25CC

#: Tables that the renderer does not use: hinting for screens (FreeType's light auto-hinter ignores it), signatures,
#: vertical setting, design axes. MATH holds no shaping.
DROPPED_TABLES = ["DSIG", "MATH", "STAT", "VORG", "gasp", "hdmx", "LTSH", "VDMX", "vhea", "vmtx", "meta", "BASE"]

VERTICAL_FEATURES = {"valt", "vert", "vhal", "vkna", "vkrn", "vpal", "vrt2", "vrtr"}

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


def subset(font: TTFont, unicodes: set[int], scripts: list[str] | None = None, **more: Any) -> None:
    """Keep some code points and what shaping makes of them; drop hinting and the tables nobody uses."""
    options = Options()
    options.hinting = False
    options.glyph_names = True
    options.notdef_outline = True
    options.recommended_glyphs = False
    options.legacy_cmap = False
    options.symbol_cmap = False
    options.recalc_timestamp = False
    options.drop_tables = [*options.drop_tables, *DROPPED_TABLES]
    options.layout_features = sorted(set(options.layout_features) - VERTICAL_FEATURES)
    if scripts:
        options.layout_scripts = scripts
    for name, value in more.items():
        setattr(options, name, value)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=sorted(unicodes))
    subsetter.subset(font)


def script_tags(font: TTFont, tables: tuple[str, ...] = ("GSUB", "GPOS")) -> set[str]:
    """The OpenType script tags that a family has rules for, but for the default one."""
    tags: set[str] = set()
    for tag in tables:
        if tag in font and font[tag].table.ScriptList:
            tags |= {record.ScriptTag for record in font[tag].table.ScriptList.ScriptRecord}
    return tags - {"DFLT"}


def ensure_script(font: TTFont, default: str | None) -> None:
    """See to it that a family has a GSUB table with its scripts in it: only for those the merger writes `locl` rules.

    `default` is the script of a family whose rules stand under the default script only.
    """
    if default:
        for tag in ("GSUB", "GPOS"):
            if tag in font and font[tag].table.ScriptList:
                for record in font[tag].table.ScriptList.ScriptRecord:
                    if record.ScriptTag == "DFLT":
                        record.ScriptTag = default
    scripts = script_tags(font)
    if not scripts:
        return
    if "GSUB" not in font:
        font["GSUB"] = newTable("GSUB")
        font["GSUB"].table = otTables.GSUB()
        font["GSUB"].table.Version = 0x00010000
    table = font["GSUB"].table
    for name, kind in (("ScriptList", "Script"), ("FeatureList", "Feature"), ("LookupList", "Lookup")):
        if getattr(table, name, None) is None:
            setattr(table, name, getattr(otTables, name)())
            setattr(getattr(table, name), kind if name == "LookupList" else f"{kind}Record", [])
    records = table.ScriptList.ScriptRecord
    for tag in scripts - {record.ScriptTag for record in records}:
        record = otTables.ScriptRecord()
        record.ScriptTag, record.Script = tag, otTables.Script()
        record.Script.DefaultLangSys, record.Script.LangSysRecord = None, []
        records.append(record)
    records.sort(key=lambda item: item.ScriptTag)
    for record in records:
        if record.Script.DefaultLangSys is None:
            record.Script.DefaultLangSys = language = otTables.DefaultLangSys()
            language.ReqFeatureIndex, language.FeatureIndex, language.FeatureCount = 0xFFFF, [], 0
    table.ScriptList.ScriptCount = len(records)


def raise_outlines(font: TTFont, units: int) -> None:
    """Move all outlines up. Anchors need no change: the differences between them stay the same."""
    glyf, glyphs = font["glyf"], font.getGlyphSet()
    for name in font.getGlyphOrder():
        glyph = glyf[name]
        # A component that is scaled or mirrored would carry its move along in the wrong measure.
        if glyph.isComposite() and any(hasattr(part, "transform") for part in glyph.components):
            pen = TTGlyphPen(None)
            glyphs[name].draw(DecomposingFilterPen(pen, glyphs))
            glyf[name] = pen.glyph()
    for name in font.getGlyphOrder():
        if glyf[name].numberOfContours > 0:
            glyf[name].coordinates.translate((0, units))
    for name in font.getGlyphOrder():
        glyf[name].recalcBounds(glyf)


def prepare(path: Path, entry: dict[str, Any], before: list[TTFont], excluded: set[int]) -> TTFont:
    """One family, cut down to what it adds to those before it, its glyph names made unique."""
    font = TTFont(path, recalcTimestamp=False)
    present = set(font.getBestCmap()) - excluded
    if entry.get("symbols"):
        kept = present.difference(*(other.getBestCmap() for other in before))
        for tag in ("GSUB", "GPOS", "GDEF"):
            if tag in font:
                del font[tag]
    else:
        # What a family keeps although Noto Sans has it: marks, if it has anchors for them, invisible characters and
        # the dotted circle (its rules name them). Characters that other families share stay too, such as the danda.
        first = before[0].getBestCmap() if before else {}
        kept = {
            code
            for code in present
            if code not in first
            or (general_category(chr(code)).startswith("M") and "GPOS" in font)
            or is_default_ignorable(chr(code))
            or code == DOTTED_CIRCLE
        }
    # Some families bring rules for another script that has a family of its own; those would mix.
    scripts = script_tags(font).difference(*map(script_tags, before)) or {"DFLT"}
    if before:
        subset(font, kept, sorted(scripts))
        ensure_script(font, entry.get("script"))
    else:
        subset(font, kept)
    factor = entry.get("scale", 1)
    if factor != 1:
        scale_upem(font, round(font["head"].unitsPerEm * factor))
    font["head"].unitsPerEm = UNITS_PER_EM
    if entry.get("raise"):
        raise_outlines(font, entry["raise"])
    order = [f"f{len(before)}.{name}" for name in font.getGlyphOrder()]
    # Names can only be changed before tables that use them are read.
    with tempfile.TemporaryDirectory() as folder:
        aside = Path(folder, "font.ttf")
        font.save(aside)
        font = TTFont(aside, recalcTimestamp=False, lazy=False)
        font.setGlyphOrder(order)
        for tag in font.keys():  # noqa: SIM118
            font[tag]  # reading the table
    font["post"].formatType = 2.0
    font["post"].extraNames, font["post"].mapping = [], {}
    return font


def parts(table: Any) -> Iterator[Any]:
    """All objects that a layout table is made of."""
    table.ensureDecompiled(recurse=True)
    seen, waiting = {id(table)}, [table]
    while waiting:
        item = waiting.pop()
        if hasattr(item, "__dict__"):
            yield item
        inner = vars(item).values() if hasattr(item, "__dict__") else item.values() if isinstance(item, dict) else item
        for value in inner:
            if (hasattr(value, "__dict__") or isinstance(value, (list, dict))) and id(value) not in seen:
                seen.add(id(value))
                waiting.append(value)


def rename_glyphs(table: Any, names: dict[str, str]) -> None:
    """Replace glyph names everywhere in a layout table."""

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            return names.get(value, value)
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if isinstance(value, dict):
            return {renamed(key): renamed(item) for key, item in value.items()}
        return value

    for part in parts(table):
        for key, value in list(vars(part).items()):
            if not key.endswith("Tag"):
                setattr(part, key, renamed(value))


def localise_first(table: Any) -> None:
    """Put the rules of `locl` before all others of a GSUB table.

    The merger appends its own to those of each family, but rules of one stage apply in the order of the table, and a
    family's rules must already see its own glyphs.
    """
    lookups = table.LookupList.Lookup
    features = table.FeatureList.FeatureRecord
    first = {index for record in features if record.FeatureTag == "locl" for index in record.Feature.LookupListIndex}
    order = sorted(range(len(lookups)), key=lambda index: (index not in first, index))
    moved = {old: new for new, old in enumerate(order)}
    for part in parts(table):
        index = vars(part).get("LookupListIndex")
        if isinstance(index, int):
            part.LookupListIndex = moved[index]
        elif index is not None:
            part.LookupListIndex = sorted(moved[old] for old in index)
    table.LookupList.Lookup = [lookups[old] for old in order]


class RememberingMerger(Merger):
    """Keeps what the merger knows of characters that several fonts have, and forgets when it is done."""

    duplicates: list[dict[str, str]]

    def _preMerge(self, font: TTFont) -> None:
        self.duplicates = self.duplicateGlyphsPerFont
        super()._preMerge(font)


def merge(fonts: list[TTFont], scratch: Path) -> TTFont:
    """`fontTools.merge`, after which layout rules name the glyph that a shared character is mapped to."""
    files, cmaps = [], []
    for index, font in enumerate(fonts):
        files.append(str(scratch / f"{index:03}.ttf"))
        font.save(files[-1])
        cmaps.append(font.getBestCmap())
    merger = RememberingMerger()
    merged = merger.merge(files)
    owner = merged.getBestCmap()
    renamed = {}
    for font, cmap, duplicates in zip(fonts, cmaps, merger.duplicates, strict=True):
        # Differing glyphs of the same character are chosen by script, through a `locl` rule that the merger writes,
        # if the family has a script to write it for.
        chosen = set(duplicates.values()) if script_tags(font, ("GSUB",)) else set()
        renamed.update({name: owner[code] for code, name in cmap.items() if owner[code] != name and name not in chosen})
    for tag in ("GSUB", "GPOS", "GDEF"):
        rename_glyphs(merged[tag].table, renamed)
    localise_first(merged["GSUB"].table)
    return merged


def add_baselines(font: TTFont) -> None:
    """The same BASE table in both fonts, so that no renderer moves one script against another in a mixed line."""
    positions = {"hang": 600, "icfb": -74, "icft": 834, "ideo": -120, "romn": 0}
    base = newTable("BASE")
    base.table = table = otTables.BASE()
    table.Version, table.VertAxis = 0x00010000, None
    table.HorizAxis = axis = otTables.HorizAxis()
    axis.BaseTagList = otTables.BaseTagList()
    axis.BaseTagList.BaselineTag = sorted(positions)
    record = otTables.BaseScriptRecord()
    record.BaseScriptTag = "DFLT"
    record.BaseScript = base_script = otTables.BaseScript()
    base_script.BaseLangSysRecord, base_script.DefaultMinMax = [], None
    base_script.BaseValues = values = otTables.BaseValues()
    values.DefaultIndex = sorted(positions).index("romn")
    values.BaseCoord = []
    for tag in sorted(positions):
        coordinate = otTables.BaseCoord()
        coordinate.Format, coordinate.Coordinate = 1, positions[tag]
        values.BaseCoord.append(coordinate)
    axis.BaseScriptList = otTables.BaseScriptList()
    axis.BaseScriptList.BaseScriptRecord = [record]
    font["BASE"] = base


def finish(font: TTFont, recipe: dict[str, Any], family: str) -> None:
    """Metrics, names, dates: what identifies the font and fixes its lines."""
    ascender, descender = recipe["metrics"]["ascender"], recipe["metrics"]["descender"]
    font.recalcTimestamp = False
    hhea, os2, head = font["hhea"], font["OS/2"], font["head"]
    hhea.ascent, hhea.descent, hhea.lineGap = ascender, descender, 0
    os2.sTypoAscender, os2.sTypoDescender, os2.sTypoLineGap = ascender, descender, 0
    os2.usWinAscent, os2.usWinDescent = ascender, -descender
    os2.fsType = 0
    os2.recalcAvgCharWidth(font)
    head.created = head.modified = recipe["timestamp"]
    head.fontRevision = 1.0
    head.flags &= ~0b11100  # no instructions that would depend on the size
    postscript = family.replace(" ", "") + "-Regular"
    names = newTable("name")
    names.names = []
    for identifier, value in {
        0: ADOBE if "CFF " in font else GOOGLE,
        1: family,
        2: "Regular",
        3: f"1.000;{postscript}",
        4: family,
        5: "Version 1.000",
        6: postscript,
        13: LICENCE,
        14: LICENCE_URL,
    }.items():
        names.setName(value, identifier, 3, 1, 0x409)
    font["name"] = names
    if "CFF " in font:
        cff = font["CFF "].cff
        cff.fontNames = [postscript]
        top = cff[0]
        top.FullName, top.FamilyName, top.Notice = family, family, ADOBE
        top.rawDict.pop("Copyright", None)
    post = font["post"]
    post.formatType, post.underlinePosition, post.underlineThickness = 3.0, -100, 50
    for attribute in ("extraNames", "mapping", "glyphOrder"):
        vars(post).pop(attribute, None)


def build_merged(recipe: dict[str, Any], sources: dict[str, Path], scratch: Path) -> TTFont:
    fonts: list[TTFont] = []
    excluded = {code for first, last in recipe["merged"]["exclude"] for code in range(first, last + 1)}
    for entry in recipe["merged"]["sources"]:
        fonts.append(prepare(verified(sources, entry), entry, fonts, excluded))
    logging.info("%d families prepared", len(fonts))
    font = merge(fonts, scratch)
    logging.info("merged: %d glyphs", len(font.getGlyphOrder()))
    finish(font, recipe, recipe["merged"]["family"])
    # Glyphs that nothing leads to any more go.
    subset(font, set(font.getBestCmap()), layout_features=["*"], glyph_names=False)
    add_baselines(font)
    return font


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
    finish(font, recipe, recipe["cjk"]["family"])
    add_baselines(font)
    return font


def build(recipe: dict[str, Any], sources: dict[str, Path], output: Path) -> dict[str, Path]:
    """Build both fonts into a folder."""
    results = {}
    taken: set[int] = set()
    with tempfile.TemporaryDirectory() as folder:
        steps: list[tuple[str, Callable[[], TTFont]]] = [
            (recipe["merged"]["output"], lambda: build_merged(recipe, sources, Path(folder))),
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
    for name in ("fontTools.merge", "fontTools.subset", "fontTools.ttLib"):
        logging.getLogger(name).setLevel(logging.ERROR)
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
