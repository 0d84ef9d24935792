"""Merging fonts of many scripts into one with one set of line metrics.

`fontTools.merge` alone is not enough, for three reasons that are dealt with here:

* each family has Latin letters, digits and punctuation of its own; only those of the first one are kept, so that a
  family cannot take over another script's text;
* invisible characters (joiners above all) and the dotted circle are in many families, and the layout rules of each name
  its own glyph for them, whereas the merged font maps the character to one glyph: the rules are rewritten to that one;
* the merger takes the largest line metrics of all families, which would move Latin text down by several pixels.

The same sources and the same versions of fontTools and uharfbuzz (whose repacker orders the layout tables) give the
same bytes.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fontTools.merge import Merger
from fontTools.pens.filterPen import DecomposingFilterPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.scaleUpem import scale_upem

from pixlm.rendering.font_tools.layout_tables import (
    add_baselines,
    ensure_script,
    localise_first,
    rename_glyphs,
    script_tags,
)
from pixlm.rendering.unicode import general_category, is_default_ignorable

UNITS_PER_EM = 1000
_DOTTED_CIRCLE = 0x25CC

#: Tables that the renderer does not use: hinting for screens (FreeType's light auto-hinter ignores it), signatures,
#: vertical setting, design axes. MATH holds no shaping.
_DROPPED_TABLES = ["DSIG", "MATH", "STAT", "VORG", "gasp", "hdmx", "LTSH", "VDMX", "vhea", "vmtx", "meta", "BASE"]

_VERTICAL_FEATURES = {"valt", "vert", "vhal", "vkna", "vkrn", "vpal", "vrt2", "vrtr"}

#: Parts of fontTools that report every table they pass.
_CHATTY = ("fontTools.merge", "fontTools.subset", "fontTools.ttLib")


@dataclass(frozen=True)
class Source:
    """A font to be merged.

    Attributes:
        scale: its size among the others.
        raise_by: thousandths of an em, after scaling.
        script: OpenType tag of the script whose rules it has under the default script only.
        symbols: take what no font before has, without layout rules.
    """

    path: Path
    scale: float = 1
    raise_by: int = 0
    script: str | None = None
    symbols: bool = False


@dataclass(frozen=True)
class Identity:
    """What a built font is called, and what fixes its lines.

    Attributes:
        ascender, descender: thousandths of an em, the latter below 0.
        timestamp: of creation and modification, seconds since 1904-01-01.
    """

    family: str
    ascender: int
    descender: int
    timestamp: int
    copyright: str
    licence: str
    licence_url: str = ""


def merge_fonts(sources: Sequence[Source], identity: Identity, excluded: set[int]) -> TTFont:
    """One font of all sources, the first of which leads; without the code points in ``excluded``."""
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    fonts: list[TTFont] = []
    for source in sources:
        fonts.append(_prepare(source, fonts, excluded))
    with tempfile.TemporaryDirectory() as folder:
        font = _merge(fonts, Path(folder))
    finish(font, identity)
    # Glyphs that nothing leads to any more go.
    subset(font, set(font.getBestCmap()), layout_features=["*"], glyph_names=False)
    add_baselines(font)
    return font


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
    options.drop_tables = [*options.drop_tables, *_DROPPED_TABLES]
    options.layout_features = sorted(set(options.layout_features) - _VERTICAL_FEATURES)
    if scripts:
        options.layout_scripts = scripts
    for name, value in more.items():
        setattr(options, name, value)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=sorted(unicodes))
    subsetter.subset(font)


def _raise_outlines(font: TTFont, units: int) -> None:
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


def _prepare(source: Source, before: Sequence[TTFont], excluded: set[int]) -> TTFont:
    """One family, cut down to what it adds to those before it, its glyph names made unique."""
    font = TTFont(source.path, recalcTimestamp=False)
    present = set(font.getBestCmap()) - excluded
    if source.symbols:
        kept = present.difference(*(other.getBestCmap() for other in before))
        for tag in ("GSUB", "GPOS", "GDEF"):
            if tag in font:
                del font[tag]
    else:
        # What a family keeps although the first font has it: marks, if it has anchors for them, invisible characters
        # and the dotted circle (its rules name them). Characters that others share stay too, such as the danda.
        first = before[0].getBestCmap() if before else {}
        kept = {
            code
            for code in present
            if code not in first
            or (general_category(chr(code)).startswith("M") and "GPOS" in font)
            or is_default_ignorable(chr(code))
            or code == _DOTTED_CIRCLE
        }
    # Some families bring rules for another script that has a family of its own; those would mix.
    scripts = script_tags(font).difference(*map(script_tags, before)) or {"DFLT"}
    if before:
        subset(font, kept, sorted(scripts))
        ensure_script(font, source.script)
    else:
        subset(font, kept)
    units = round(UNITS_PER_EM * source.scale)
    if font["head"].unitsPerEm != units:
        scale_upem(font, units)
    font["head"].unitsPerEm = UNITS_PER_EM
    if source.raise_by:
        _raise_outlines(font, source.raise_by)
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


class _RememberingMerger(Merger):
    """Keeps what the merger knows of characters that several fonts have, and forgets when it is done."""

    duplicates: list[dict[str, str]]

    def _preMerge(self, font: TTFont) -> None:
        self.duplicates = self.duplicateGlyphsPerFont
        super()._preMerge(font)


def _merge(fonts: Sequence[TTFont], scratch: Path) -> TTFont:
    """`fontTools.merge`, after which layout rules name the glyph that a shared character is mapped to."""
    files, cmaps = [], []
    for index, font in enumerate(fonts):
        files.append(str(scratch / f"{index:03}.ttf"))
        font.save(files[-1])
        cmaps.append(font.getBestCmap())
    merger = _RememberingMerger()
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


def finish(font: TTFont, identity: Identity) -> None:
    """Metrics, names, dates: what identifies the font and fixes its lines."""
    family, ascender, descender = identity.family, identity.ascender, identity.descender
    font.recalcTimestamp = False
    hhea, os2, head = font["hhea"], font["OS/2"], font["head"]
    hhea.ascent, hhea.descent, hhea.lineGap = ascender, descender, 0
    os2.sTypoAscender, os2.sTypoDescender, os2.sTypoLineGap = ascender, descender, 0
    os2.usWinAscent, os2.usWinDescent = ascender, -descender
    os2.fsType = 0
    os2.recalcAvgCharWidth(font)
    head.created = head.modified = identity.timestamp
    head.fontRevision = 1.0
    head.flags &= ~0b11100  # no instructions that would depend on the size
    postscript = family.replace(" ", "") + "-Regular"
    names = newTable("name")
    names.names = []
    for identifier, value in {
        0: identity.copyright,
        1: family,
        2: "Regular",
        3: f"1.000;{postscript}",
        4: family,
        5: "Version 1.000",
        6: postscript,
        13: identity.licence,
        14: identity.licence_url,
    }.items():
        if value:
            names.setName(value, identifier, 3, 1, 0x409)
    font["name"] = names
    if "CFF " in font:
        cff = font["CFF "].cff
        cff.fontNames = [postscript]
        top = cff[0]
        top.FullName, top.FamilyName, top.Notice = family, family, identity.copyright
        top.rawDict.pop("Copyright", None)
    post = font["post"]
    post.formatType, post.underlinePosition, post.underlineThickness = 3.0, -100, 50
    for attribute in ("extraNames", "mapping", "glyphOrder"):
        vars(post).pop(attribute, None)
