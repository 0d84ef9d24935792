"""`pixlm fonts list | check | build | get`: the fonts that text is drawn with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Column, Table

from pixlm.cli.parse import parse, take_name
from pixlm.errors import UsageError
from pixlm.rendering import TextRenderer
from pixlm.rendering.font_tools.coverage import count_characters, text_of, uncovered
from pixlm.rendering.font_tools.faces import Face, faces_of, find, machine_folders, shipped

ACTIONS = ["list", "check", "build", "get"]


@dataclass
class List:
    """Show the fonts on this machine: pixlm's own, then those of the folders that systems keep fonts in."""

    folders: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Folders or font files to look at instead."""
    script: str | None = None
    """Only fonts with this script, an ISO 15924 tag such as Deva; most code points first."""


@dataclass
class Check:
    """List the characters of a text that no font of a renderer has. Exit code 1 if there are any."""

    text: Annotated[str, tyro.conf.Positional]
    """A file, a folder of text files, or the text itself."""
    renderer: str | None = None
    """Folder or hub id whose text_renderer_config.json is used; default: the built-in fonts."""
    font: str | None = None
    """Font file."""
    fallback_fonts: tuple[str, ...] | None = None
    """Font files for characters that the font lacks, in order."""
    fallback_fonts_dir: str | None = None
    """Folder of more such fonts, in order of their names."""
    top: int = 50
    """Characters to list, most frequent first; 0 for all."""


@dataclass
class Build:
    """Merge fonts into one with one set of line metrics, and write its recipe and licences beside it."""

    output: str = ""
    """Font file to write, such as fonts/Large.ttf."""
    fonts: tuple[str, ...] = ()
    """Fonts to merge, the leading one first; default: chosen by the scripts they cover."""
    sources: tuple[str, ...] = ()
    """Folders to look for fonts in; default: the machine's."""
    scripts: tuple[str, ...] = ()
    """Only these scripts (ISO 15924), besides what the leading font has; default: all."""
    base: str | None = None
    """Family or file name of the leading font, whose Latin letters and line metrics the result has."""
    family: str = "Pixlm Merged"
    """Name of the result."""
    recipe: str | None = None
    """Recipe to build again; the result must be the same, byte for byte."""
    dry_run: bool = False
    """Say which fonts would be merged, and stop."""


@dataclass
class Get:
    """Copy a font from the hub or the package index (the only verb here that uses the network)."""

    source: Annotated[str, tyro.conf.Positional]
    """A hub id such as Team-PIXEL/pixel-base, or a package such as pip:fontpkg-noto-sans==2.15."""
    output: str = "fonts"
    """Folder to write to."""
    file: str | None = None
    """The font's file name; default: the font of the checkpoint's renderer."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    sha256: str = ""
    """Checksum that the font must have."""


def main(arguments: list[str]) -> int:
    """List, check, build or get."""
    action, rest = take_name("fonts", arguments, "action", ACTIONS)
    if action == "list":
        return _list(parse(List, "fonts list", "Show the fonts on this machine.", rest, default=List()))
    if action == "check":
        return _check(parse(Check, "fonts check", "List the characters of a text that no font has.", rest))
    if action == "build":
        return _build(parse(Build, "fonts build", "Merge fonts into one.", rest, default=Build()))
    if action == "get":
        return _get(parse(Get, "fonts get", "Copy a font from the hub or the package index.", rest))
    raise UsageError(f"pixlm fonts has no {action!r}; it has: {', '.join(ACTIONS)}")


def _list(args: List) -> int:
    if args.folders:
        paths = [path for name in args.folders for path in _named(Path(name).expanduser())]
    else:
        paths = [*shipped(), *find(machine_folders())]
    faces, broken = _open(paths)
    if args.script:
        faces = [face for face in faces if face.scripts[args.script]]
        faces.sort(key=lambda face: -face.scripts[args.script or ""])
        if not faces:
            raise UsageError(f"no font has the script {args.script}; ISO 15924 tags look like Latn, Cyrl, Deva")
    table = Table(
        "family",
        "style",
        Column("characters", justify="right"),
        "scripts",
        "colour",
        "axes",
        Column("file", overflow="fold"),
    )
    for face in faces:
        row = (face.family, face.style, str(len(face.code_points)), _scripts(face), face.colour, " ".join(face.axes))
        table.add_row(*row, str(face.path))
    Console().print(table)
    print(f"{len(faces)} faces" + (f"; {len(broken)} files are no fonts or broken:" if broken else ""))
    for problem in broken:
        print(f"  {problem}")
    return 0


def _named(path: Path) -> list[Path]:
    if path.is_dir():
        found = list(find([path]))
        if not found:
            raise UsageError(f"{path} holds no font (*.ttf, *.otf, *.ttc)")
        return found
    return [path]


def _open(paths: list[Path]) -> tuple[list[Face], list[str]]:
    faces: list[Face] = []
    broken = []
    for path in paths:
        try:
            faces += faces_of(path)
        except UsageError as error:
            if len(paths) == 1:
                raise
            broken.append(str(error))
    return faces, broken


def _scripts(face: Face) -> str:
    """The scripts that a face was made for, most characters first."""
    named = [(name, count) for name, count in face.scripts.most_common() if name not in ("Zyyy", "Zinh", "Zzzz")]
    shown = " ".join(f"{name} {count}" for name, count in named[:4])
    return shown + (f" and {len(named) - 4} more" if len(named) > 4 else "") or "signs"


def _check(args: Check) -> int:
    given: dict[str, Any] = {
        "font_file": args.font,
        "fallback_fonts": args.fallback_fonts,
        "fallback_fonts_dir": args.fallback_fonts_dir,
    }
    options = {name: value for name, value in given.items() if value is not None}
    counts = count_characters(text_of(args.text))
    renderer = TextRenderer.from_pretrained(args.renderer, **options) if args.renderer else TextRenderer(**options)
    missing = uncovered(counts, renderer.covers)
    if not missing:
        print(f"every one of {len(counts)} different characters ({counts.total()} in all) has a font")
        return 0
    table = Table("character", Column("count", justify="right"), "script", "name")
    for one in missing[: args.top or None]:
        table.add_row(one.code, str(one.count), one.script, one.name)
    Console().print(table)
    if args.top and len(missing) > args.top:
        print(f"and {len(missing) - args.top} more; --top 0 shows all")
    scripts: Counter[str] = Counter()
    for one in missing:
        scripts[one.script] += one.count
    total = sum(scripts.values())
    print(
        f"no font has {len(missing)} of {len(counts)} different characters, {total} of {counts.total()} in all "
        f"({', '.join(f'{name} {count}' for name, count in scripts.most_common())}); "
        "pixlm fonts list --script NAME shows fonts that have them"
    )
    return 1


def _build(args: Build) -> int:
    from pixlm.rendering.font_tools.recipe import build, choose, new_recipe, read_recipe

    if not args.output and not args.dry_run:
        raise UsageError("pixlm fonts build needs a file to write: --output FILE.ttf")
    folders = [Path(folder).expanduser() for folder in args.sources]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder (--sources)")
    paths = list(find(folders or machine_folders()))
    if args.recipe is not None:
        recipe = read_recipe(Path(args.recipe).expanduser())
        paths += [path for path in (Path(font).expanduser() for font in args.fonts) if path.is_file()]
    elif args.fonts:
        recipe = new_recipe([faces_of(Path(font).expanduser())[0] for font in args.fonts], args.family)
        paths = [Path(font).expanduser() for font in args.fonts]
    else:
        recipe = new_recipe(choose(_open(paths)[0], args.scripts, args.base), args.family)
    for source in recipe.sources:
        print(f"{source.family} ({source.font})")
    if args.dry_run:
        return 0
    output = Path(args.output).expanduser()
    again = bool(recipe.made)
    made = build(recipe, paths, output).made
    (face,) = faces_of(output)
    print(
        f"{output}: {face.glyphs} glyphs, {len(face.code_points)} characters, SHA-256 {made['sha256']}"
        + (", the same as the recipe's" if again else "")
    )
    print(f"recipe: {output.with_suffix('.yaml')}; licences: {output.with_suffix('.licences.txt')}")
    return 0


def _get(args: Get) -> int:
    from pixlm.files import sha256
    from pixlm.rendering.font_tools.fetch import get

    target = get(
        args.source, Path(args.output).expanduser(), file=args.file, revision=args.revision, expected=args.sha256
    )
    print(f"{target}: SHA-256 {sha256(target)}")
    return 0
