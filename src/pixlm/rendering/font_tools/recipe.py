"""Building a font from fonts on the machine, by a recipe that builds the same bytes again.

A recipe is a YAML file: the result's name, line metrics and checksum, and every source with its file name, SHA-256 and
licence. Sources are found again by name and checksum, wherever they lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import fontTools
import uharfbuzz
import yaml
from fontTools.ttLib import TTFont

from pixlm.errors import UsageError
from pixlm.files import sha256, write_text
from pixlm.rendering.font_tools.faces import Face
from pixlm.rendering.font_tools.merging import UNITS_PER_EM, Identity, Source, merge_fonts
from pixlm.rendering.unicode import script

_MOST_GLYPHS = 65_000  # of 65,535 that a font may have: some glyphs are drawn twice
_LEAST_GAIN = 10  # code points that a font must add to be taken
_NO_SCRIPT = ("Zyyy", "Zinh", "Zzzz")
_TIMESTAMP = 3_786_912_000  # 2024-01-01, in seconds since 1904: not the time of the build, which would change the bytes


@dataclass
class Ingredient:
    """A source of a recipe: see :class:`Source`."""

    font: str
    sha256: str
    family: str = ""
    notes: list[str] = field(default_factory=list)
    scale: float = 1.0
    raise_by: int = 0
    script: str | None = None
    symbols: bool = False


@dataclass
class Recipe:
    """What a built font is made of. ``made``: SHA-256 of the result and the versions that it was made with."""

    family: str
    ascender: int
    descender: int
    timestamp: int
    sources: list[Ingredient]
    made: dict[str, str] = field(default_factory=dict)

    def identity(self) -> Identity:
        notes = list(dict.fromkeys(note for source in self.sources for note in source.notes))
        # Name records hold 64 kB; the whole of it stands in the file beside the font.
        return Identity(
            self.family,
            self.ascender,
            self.descender,
            self.timestamp,
            f"Merged from {len(self.sources)} fonts, whose copyright notices and licences hold",
            " | ".join(notes)[:8000],
        )


def choose(faces: Iterable[Face], scripts: Sequence[str] = (), base: str | None = None) -> list[Face]:
    """Fonts that together cover most with few fonts: upright regular TrueType faces, the base first.

    The base is the one named, else Noto Sans, else the face with most Latin, Greek and Cyrillic. Then for every script
    the face that has most of it, among equals one whose family's name begins as the base's does; then faces of signs.
    ``scripts`` (ISO 15924) asks for some only.

    Raises:
        UsageError: no face can be used, or the base is not among them.
    """
    usable = [face for face in faces if _is_usable(face)]
    if not usable:
        raise UsageError("no font to merge: they must be static TrueType fonts (.ttf) of the style Regular")
    first = _base(usable, base)
    chosen = [first]
    covered = set(first.code_points)
    glyphs = first.glyphs
    prefix = " ".join(first.family.split()[:2])
    wanted = set(scripts) or {name for face in usable for name in face.scripts if name not in _NO_SCRIPT}
    unknown = sorted(wanted - {name for face in usable for name in face.scripts})
    if unknown:
        raise UsageError(f"no usable font has the script {unknown[0]}")
    for name in sorted(wanted):
        best = max(usable, key=lambda face: (face.scripts[name], face.family.startswith(prefix), -face.glyphs))
        gain = sum(script(chr(code)) == name for code in best.code_points - covered)
        if best not in chosen and gain >= _LEAST_GAIN and glyphs + best.glyphs < _MOST_GLYPHS:
            chosen.append(best)
            covered |= best.code_points
            glyphs += best.glyphs
    if not scripts:
        for face in sorted(usable, key=lambda face: (-len(face.code_points - covered), face.family)):
            signs = face.scripts["Zyyy"] + face.scripts["Zinh"] > len(face.code_points) / 2
            if signs and len(face.code_points - covered) >= _LEAST_GAIN and glyphs + face.glyphs < _MOST_GLYPHS:
                chosen.append(face)
                covered |= face.code_points
                glyphs += face.glyphs
    return chosen


def new_recipe(faces: Sequence[Face], family: str) -> Recipe:
    """A recipe for some faces, with the line metrics of the first.

    Raises:
        UsageError: a font whose licence bits forbid changing it, or that cannot be merged.
    """
    for face in faces:
        if face.restricted:
            raise UsageError(f"{face.path} may not be changed or embedded (its fsType says so)")
        if face.outlines != "glyf" or face.axes:
            raise UsageError(f"{face.path} cannot be merged: only static fonts with TrueType outlines can")
    head = TTFont(faces[0].path, lazy=True)
    scale = UNITS_PER_EM / head["head"].unitsPerEm
    ingredients = [
        Ingredient(
            face.path.name,
            sha256(face.path),
            f"{face.family} {face.style}".strip(),
            list(face.notes),
            symbols=index > 0 and _is_symbols(face),
        )
        for index, face in enumerate(faces)
    ]
    ascender, descender = round(head["hhea"].ascent * scale), round(head["hhea"].descent * scale)
    return Recipe(family, ascender, descender, _TIMESTAMP, ingredients)


def build(recipe: Recipe, files: Iterable[Path], output: Path) -> Recipe:
    """Build a font; beside it the recipe (``.yaml``) and the licences of its sources (``.licences.txt``).

    Args:
        files: where the sources may be.

    Returns:
        the recipe with what was made. If it named a checksum already, the result is compared with it.

    Raises:
        UsageError: a source is not there, or is another than the recipe's.
    """
    paths = _sources(recipe, files)
    sources = [
        Source(path, one.scale, one.raise_by, one.script, one.symbols)
        for path, one in zip(paths, recipe.sources, strict=True)
    ]
    identity = recipe.identity()
    font = merge_fonts(sources, identity, set())
    font["name"].setName(identity.licence, 13, 3, 1, 0x409)  # subsetting left it out
    output.parent.mkdir(parents=True, exist_ok=True)
    font.save(output, reorderTables=True)
    made = {"sha256": sha256(output), "fonttools": fontTools.version, "uharfbuzz": uharfbuzz.__version__}
    before = recipe.made
    recipe.made = made
    write_recipe(recipe, output.with_suffix(".yaml"))
    write_text(output.with_suffix(".licences.txt"), _licences(recipe))
    if before and before.get("sha256") != made["sha256"]:
        versions = ", ".join(f"{name} {before.get(name)} (here {made[name]})" for name in ("fonttools", "uharfbuzz"))
        raise UsageError(
            f"{output} is not the font of the recipe: SHA-256 {made['sha256']}, not {before.get('sha256')}, "
            f"which was made with {versions}"
        )
    return recipe


def write_recipe(recipe: Recipe, path: Path) -> None:
    text = yaml.safe_dump(asdict(recipe), sort_keys=False, allow_unicode=True, width=120)
    write_text(path, "# How this font was made; pixlm fonts build --recipe builds it again.\n" + text)


def read_recipe(path: Path) -> Recipe:
    """Read what :func:`write_recipe` wrote.

    Raises:
        UsageError: there is no such file, or it is no recipe.
    """
    try:
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Recipe(**{**values, "sources": [Ingredient(**source) for source in values["sources"]]})
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        raise UsageError(f"{path} is no recipe of a font: {' '.join(str(error).split())}") from None


def _sources(recipe: Recipe, files: Iterable[Path]) -> list[Path]:
    wanted = {one.font for one in recipe.sources}
    found: dict[tuple[str, str], Path] = {}
    others: dict[str, Path] = {}
    for path in files:
        if path.name in wanted:
            found.setdefault((path.name, sha256(path)), path)
            others[path.name] = path
    for one in recipe.sources:
        if (one.font, one.sha256) not in found:
            if one.font in others:
                raise UsageError(f"{others[one.font]} is not the font of the recipe, whose SHA-256 is {one.sha256}")
            raise UsageError(f"{one.font} ({one.family}) is not here; name its folder with --sources")
    return [found[one.font, one.sha256] for one in recipe.sources]


def _licences(recipe: Recipe) -> str:
    lines = [f"{recipe.family} is merged from these fonts. Their licences hold for it.", ""]
    for source in recipe.sources:
        lines += [f"{source.family} ({source.font})", *(f"  {note}" for note in source.notes), ""]
    return "\n".join(lines)


def _is_usable(face: Face) -> bool:
    return (
        face.outlines == "glyf"
        and not face.axes
        and not face.colour
        and not face.restricted
        and "#" not in face.path.name
        and face.style in ("Regular", "Book", "Normal", "Roman")
    )


def _base(usable: Sequence[Face], name: str | None) -> Face:
    if name is not None:
        found = [face for face in usable if face.family.lower() == name.lower() or face.path.name == name]
        if not found:
            raise UsageError(f"no usable font is called {name!r}")
        return found[0]
    european = ("Latn", "Grek", "Cyrl")
    # Noto Sans first: the families of other scripts are drawn to stand beside it.
    return max(usable, key=lambda face: (face.family == "Noto Sans", sum(face.scripts[name] for name in european)))


def _is_symbols(face: Face) -> bool:
    return face.scripts["Zyyy"] + face.scripts["Zinh"] > 0.9 * len(face.code_points)
