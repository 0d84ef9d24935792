"""Checks of what a renderer is made and called with. What is wrong is a TypeError or a UsageError of one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from pixlm.errors import UsageError
from pixlm.rendering.font import as_units
from pixlm.rendering.inputs import describe

_FONT_SUFFIXES = ("tf", "ttc")  # upstream's `*tf`, and collections


def as_batch(inputs: Any, is_split_into_words: bool) -> list[Any]:
    """The inputs of a batch, each a text, a pair or a list of words."""
    if is_split_into_words:
        if not isinstance(inputs, list):
            raise TypeError(f"TextRenderer: with is_split_into_words=True pass a list of words or a list of lists of "
                            f"words, not {describe(inputs)}")  # fmt: skip
        if inputs and all(isinstance(entry, list) for entry in inputs):
            return inputs
        return [inputs]
    if isinstance(inputs, str | tuple):
        return [inputs]
    if not isinstance(inputs, list):
        raise TypeError(
            f"TextRenderer cannot render {describe(inputs)}; a batch is a str, a tuple of two str or a list of these"
        )
    for index, entry in enumerate(inputs):
        if isinstance(entry, list):
            raise TypeError(f"TextRenderer: entry {index} of the batch is a list; pass is_split_into_words=True")
    return inputs


def font_pixels(font_size: float, dpi: float) -> int:
    """Size of the font in units, from points and dots per inch."""
    for name, value in (("font_size", font_size), ("dpi", dpi)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10_000:
            raise UsageError(f"{name} is {value!r}, but it must be a number above 0")
    pixels = font_size * dpi / 72
    if not 1 <= pixels <= 1000:
        raise UsageError(f"font_size {font_size} at {dpi} dpi is {pixels:.3g} pixels, but it must be 1 to 1000 pixels")
    return as_units(pixels)


def positive_int(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise UsageError(f"{name} is {value!r}, but it must be a whole number above 0")
    return int(value)


def check_stride(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError(f"stride is {value!r}, but it must be a number of patches, 0 or more")


def optional_int(value: Any) -> int | None:
    return None if value is None else positive_int(value, "text_a_max_length")


def as_path(value: Any, name: str) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"TextRenderer: {name} is {describe(value)}, not a path")
    return Path(value)


def fonts_in(folder: Path) -> list[Path]:
    """The font files of a folder, in order of their names."""
    if not folder.is_dir():
        raise UsageError(f"fallback_fonts_dir {folder} is no folder")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower().endswith(_FONT_SUFFIXES) and path.is_file())
    if not found:
        raise UsageError(f"fallback_fonts_dir {folder} holds no font (*.ttf, *.otf, *.ttc)")
    return found
