"""`pixlm render TEXT --output FILE.png [--grid]`: text to a picture of its patches."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from pixlm.cli.parse import check_picture, parse
from pixlm.errors import UsageError
from pixlm.rendering import TextRenderer
from pixlm.rendering.picture import picture, save_png


@dataclass
class Render:
    """Draw a text as the patches that a model sees."""

    text: Annotated[str, tyro.conf.Positional]
    """Text to draw; - reads standard input."""
    output: str = "rendered.png"
    """PNG to write."""
    pair: str | None = None
    """Second text, drawn after a separator."""
    words: bool = False
    """Split at white space and start every word on a new patch."""
    grid: bool = False
    """Draw the borders of the patches."""
    columns: int = 40
    """Patches per line of the picture."""
    scale: int = 3
    """Size of a pixel in the picture."""
    full: bool = False
    """The whole canvas, not only the patches in use."""
    renderer: str | None = None
    """Folder or hub id whose text_renderer_config.json is used; default: the built-in font and settings."""
    strategy: str | None = None
    """How text becomes patches (default: continuous)."""
    backend: str | None = None
    """What lays text out and draws it: harfbuzz, pango or pygame (default: harfbuzz)."""
    font: str | None = None
    """Font file."""
    fallback_fonts: tuple[str, ...] | None = None
    """Font files for characters that the font lacks, in order."""
    max_seq_length: int | None = None
    """Patches on the canvas (default: 529, with --compat pixelgpt 1024)."""
    rgb: bool = False
    """Colour instead of grey."""
    compat: str | None = None
    """Whose renderer to reproduce: pixel, pixel-m4 or pixelgpt."""
    missing_glyph: str = "warn"
    """Characters that no font has: warn, box or error."""


def main(arguments: list[str]) -> int:
    """Draw, write, and say what was drawn."""
    args = parse(Render, "render", "Draw a text as the patches that a model sees.", arguments)
    check_picture(args.columns, args.scale)
    given: dict[str, Any] = {
        "strategy": args.strategy,
        "backend": args.backend,
        "font_file": args.font,
        "fallback_fonts": args.fallback_fonts,
        "max_seq_length": args.max_seq_length,
        "rgb": args.rgb or None,
        "compat": args.compat,
        "missing_glyph": args.missing_glyph,
    }
    options = {name: value for name, value in given.items() if value is not None}
    renderer = TextRenderer.from_pretrained(args.renderer, **options) if args.renderer else TextRenderer(**options)
    text = sys.stdin.read() if args.text == "-" else args.text
    if args.pair is not None and args.words:
        raise UsageError("--pair and --words exclude each other")
    source = (text, args.pair) if args.pair is not None else text.split() if args.words else text
    rendered = renderer.render(source, padding="max_length" if args.full else False)
    page = picture(
        rendered.pixel_values, patch=renderer.pixels_per_patch, columns=args.columns, scale=args.scale, grid=args.grid
    )
    path = Path(args.output).expanduser()
    save_png(page, path)
    notes = [_count(rendered.num_text_patches, "text patch", "es")]
    if rendered.lost:
        notes.append(f"{_count(rendered.lost, 'word' if args.words else 'character')} did not fit on the canvas")
    if rendered.missing:
        notes.append(f"characters no font has: {' '.join(f'U+{ord(c):04X}' for c in sorted(set(rendered.missing)))}")
    print(f"{path}: {'; '.join(notes)}")
    return 0


def _count(number: int, name: str, ending: str = "s") -> str:
    return f"{number} {name}{ending if number != 1 else ''}"
