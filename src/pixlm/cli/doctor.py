"""`pixlm doctor [--text TEXT | --file FILE]`: is everything here, and can this text be drawn?"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table

import pixlm
from pixlm.cli.parse import parse
from pixlm.errors import UsageError
from pixlm.rendering import TextRenderer, compiled
from pixlm.rendering.unicode.properties import script


@dataclass
class Doctor:
    """Say what is installed, what is missing, and which characters of a text no font covers."""

    text: str | None = None
    """Text whose coverage is checked."""
    file: str | None = None
    """UTF-8 file whose coverage is checked."""
    font: str | None = None
    """Font file instead of the built-in fonts."""
    fallback_fonts: tuple[str, ...] | None = None
    """Font files for characters that the font lacks, in order."""


def main(arguments: list[str]) -> int:
    """Print the report; exit code 0, or 1 if the base installation is broken or a character cannot be drawn."""
    args = parse(Doctor, "doctor", "Is everything installed, and can a text be drawn?", arguments)
    console = Console()
    print(f"pixlm {pixlm.__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    broken = _packages(console)
    _threads()
    given: dict[str, Any] = {"font_file": args.font, "fallback_fonts": args.fallback_fonts}
    renderer = TextRenderer(**{name: value for name, value in given.items() if value is not None})
    _fonts(console, renderer)
    uncovered = 0
    if args.text is not None or args.file is not None:
        uncovered = _coverage(console, renderer, _lines(args))
    return 1 if broken or uncovered else 0


def _packages(console: Console) -> int:
    """Print the requirements of each extra; returns how many of the base ones are missing or too old."""
    groups: dict[str, list[Requirement]] = defaultdict(list)
    extras = importlib.metadata.metadata("pixlm").get_all("Provides-Extra") or []
    for line in importlib.metadata.requires("pixlm") or []:
        requirement = Requirement(line)
        names = [e for e in extras if requirement.marker and requirement.marker.evaluate({"extra": e})]
        if requirement.name != "pixlm":
            groups[names[0] if names else "base"].append(requirement)
    table = Table("extra", "installed", "missing or of an untested version", "to install")
    broken = 0
    for extra in ["base", *(e for e in extras if e in groups)]:
        good: list[str] = []
        bad: list[str] = []
        for requirement in groups[extra]:
            found = _version(requirement.name)
            fits = found is not None and requirement.specifier.contains(found, prereleases=True)
            (good if fits else bad).append(f"{requirement.name} {found or ''}".strip())
        broken += len(bad) if extra == "base" else 0
        command = "" if not bad else "pip install pixlm" if extra == "base" else f'pip install "pixlm[{extra}]"'
        table.add_row(extra, ", ".join(good), ", ".join(bad), command.replace("[", r"\["))
    console.print(table)
    return broken


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _threads() -> None:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    line = f"processors: {available}"
    if _version("torch") is not None:
        try:
            import torch
        except (ImportError, OSError) as error:
            line += f"; torch is installed but cannot be imported: {' '.join(str(error).split())[:120]}"
        else:
            devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
            line += f"; torch threads: {torch.get_num_threads()}; GPUs: {', '.join(devices) or 'none'}"
    limit = os.environ.get("OMP_NUM_THREADS")
    print(line + (f"; OMP_NUM_THREADS={limit}" if limit else ""))


def _fonts(console: Console, renderer: TextRenderer) -> None:
    table = Table("font", "code points", "file")
    for place, font in enumerate(renderer.fonts):
        table.add_row(font.family + (" (fallback)" if place else ""), str(len(font.code_points)), str(font.path))
    console.print(table)
    print(f"compiled inner loops: {compiled.status}")
    print("FreeType {freetype}, HarfBuzz {harfbuzz}, Unicode {unicode}".format(**renderer.fingerprint["versions"]))


def _lines(args: Doctor) -> Iterable[str]:
    if args.text is not None:
        yield args.text
    if args.file is not None:
        try:
            with Path(args.file).expanduser().open(encoding="utf-8", errors="replace") as file:
                yield from file
        except FileNotFoundError:
            raise UsageError(f"{args.file}: no such file (--file)") from None
        except IsADirectoryError:
            raise UsageError(f"{args.file}: is a folder, not a text file (--file)") from None


def _coverage(console: Console, renderer: TextRenderer, lines: Iterable[str]) -> int:
    """Print covered and uncovered characters per script; returns how many are uncovered."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(line)
    scripts: dict[str, Counter[str]] = defaultdict(Counter)
    uncovered: dict[str, Counter[str]] = defaultdict(Counter)
    for character, count in counts.items():
        if character.isspace():
            continue
        name = script(character)
        scripts[name][character] = count
        if not renderer.covers(character):
            uncovered[name][character] = count
    if not scripts:
        print("the text holds no characters to draw")
        return 0
    table = Table("script", "characters", "different", "no font has", "which (most frequent first)")
    for name, found in sorted(scripts.items(), key=lambda item: -item[1].total()):
        lost = uncovered[name]
        which = " ".join(f"U+{ord(character):04X}" for character, _ in lost.most_common(8))
        table.add_row(name, str(found.total()), str(len(found)), str(lost.total()), which + " ..." * (len(lost) > 8))
    console.print(table)
    total = sum(found.total() for found in uncovered.values())
    if total:
        print(f"{total} characters have no font: name fonts that have them with --fallback-fonts FILE ...")
    else:
        print("every character has a font")
    return total
