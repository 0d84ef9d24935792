"""Small fonts made for a test: boxes for glyphs, in every format that a renderer takes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from fontTools.colorLib.builder import buildCOLR, buildCPAL
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont, newTable
from fontTools.ttLib.tables import sbixGlyph, sbixStrike
from PIL import Image

RED, BLUE = (1, 0, 0, 1), (0, 0, 1, 1)


def box(left: int, bottom: int, right: int, top: int):
    pen = TTGlyphPen(None)
    pen.moveTo((left, bottom))
    for point in ((left, top), (right, top), (right, bottom)):
        pen.lineTo(point)
    pen.closePath()
    return pen.glyph()


def build(boxes: Mapping[str, tuple[int, int, int, int]], family: str = "Boxes", **more) -> FontBuilder:
    """A font with a box per character, 1000 units per em; ``more``: glyphs without a character."""
    names = {char: f"u{ord(char):04X}" for char in boxes}
    glyphs = {".notdef": box(0, 0, 500, 500), **{names[char]: box(*size) for char, size in boxes.items()}}
    glyphs |= {name: box(*size) for name, size in more.items()}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({ord(char): name for char, name in names.items()})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({name: (1000, getattr(glyph, "xMin", 0)) for name, glyph in glyphs.items()})
    builder.setupHorizontalHeader(ascent=1000, descent=-250)
    builder.setupOS2()
    builder.setupPost()
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "licenseDescription": f"{family}'s licence"})
    return builder


def save(builder: FontBuilder, path: Path) -> Path:
    builder.font.recalcTimestamp = False
    builder.font["head"].created = builder.font["head"].modified = 3_600_000_000
    builder.save(path)
    return path


def collection(paths: list[Path], target: Path) -> Path:
    fonts = TTCollection()
    fonts.fonts = [TTFont(path) for path in paths]
    fonts.save(target)
    return target


def layered(path: Path, version: int) -> Path:
    """A COLR font: a red box with a blue one on it, for U+1F600."""
    layers = {"low": (0, 0, 1000, 1000), "high": (250, 250, 750, 750)}
    builder = build({"\U0001f600": (0, 0, 1000, 1000), " ": (0, 0, 0, 0)}, "Layers", **layers)
    if version == 0:
        description = {"u1F600": [("low", 0), ("high", 1)]}
    else:
        paints = [
            {"Format": 10, "Glyph": name, "Paint": {"Format": 2, "PaletteIndex": index, "Alpha": 1.0}}
            for index, name in enumerate(layers)
        ]
        description = {"u1F600": {"Format": 1, "Layers": paints}}
    builder.font["COLR"] = buildCOLR(description, version=version)
    builder.font["CPAL"] = buildCPAL([[RED, BLUE]])
    return save(builder, path)


def strikes(path: Path) -> Path:
    """An sbix font: U+1F600 is a green square in two strikes; the letter a is an outline."""
    builder = build({"\U0001f600": (0, 0, 1000, 1000), "a": (100, 0, 500, 500), " ": (0, 0, 0, 0)}, "Strikes")
    table = newTable("sbix")
    table.version, table.flags, table.numStrikes = 1, 1, 0
    table.strikes = {}
    for ppem in (32, 96):
        png = io.BytesIO()
        pixels = np.zeros((ppem, ppem, 4), np.uint8)
        pixels[..., 1] = pixels[..., 3] = 255
        Image.fromarray(pixels).save(png, format="PNG")
        strike = sbixStrike.Strike(ppem=ppem, resolution=72)
        strike.glyphs = {
            "u1F600": sbixGlyph.Glyph(
                glyphName="u1F600", graphicType="png ", originOffsetX=0, originOffsetY=0, imageData=png.getvalue()
            )
        }
        table.strikes[ppem] = strike
    builder.font["sbix"] = table
    return save(builder, path)


def variable(path: Path) -> Path:
    """A font with a weight axis whose default is a box 400 units wide."""
    from fontTools.designspaceLib import AxisDescriptor, DesignSpaceDocument, SourceDescriptor
    from fontTools.varLib import build as merge

    space = DesignSpaceDocument()
    space.addAxis(AxisDescriptor(tag="wght", name="Weight", minimum=400, default=400, maximum=900))
    for weight, width in ((400, 400), (900, 900)):
        source = SourceDescriptor()
        source.font = build({"a": (0, 0, width, 500), " ": (0, 0, 0, 0)}, "Variable").font
        source.location = {"Weight": weight}
        source.familyName, source.styleName = "Variable", str(weight)
        space.addSource(source)
    font, _, _ = merge(space)
    font.save(path)
    return path
