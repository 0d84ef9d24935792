"""Layout tables (GSUB, GPOS, GDEF, BASE) of fonts that are to be merged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables import otTables


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
