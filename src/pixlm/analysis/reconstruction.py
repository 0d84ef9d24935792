"""Reconstructions as pictures: panels one below the other, sheets of many texts, animations over mask ratios."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from transformers import PreTrainedModel

from pixlm.analysis.captions import caption_strip
from pixlm.analysis.readback import ReadBack
from pixlm.analysis.tint import REMOVED, on_paper
from pixlm.data.encoders import InputEncoder, RenderedText
from pixlm.data.masking import Masking
from pixlm.errors import UsageError
from pixlm.inference import PixelLM, Reconstruction
from pixlm.rendering.picture import Pixels, enlarge, stack, wrap

PANELS = ("original", "masked", "predicted", "reconstructed")
"""predicted: what the model drew, alone; reconstructed: that in its place among the patches that it saw."""
SHOWN = ("original", "masked", "reconstructed")
_GREY = 226
"""Paper of patches that the panel "predicted" says nothing about."""


def panel(name: str, reconstruction: Reconstruction, *, columns: int = 32, scale: int = 3) -> Pixels:
    """One of :data:`PANELS` as an RGB picture, wrapped to lines of ``columns`` patches; removed patches are tinted."""
    if name not in PANELS:
        raise UsageError(f"panel {name!r}: choose among {', '.join(PANELS)}")
    strip = {
        "original": reconstruction.original,
        "masked": reconstruction.masked,
        "predicted": reconstruction.reconstructed,
        "reconstructed": reconstruction.reconstructed,
    }[name]
    patch = len(strip)
    page = enlarge(wrap(strip, columns, patch), scale)
    if name == "original":
        return page
    removed = _places(reconstruction.removed, columns, patch * scale)
    seen = _places(~reconstruction.removed, columns, patch * scale)
    if name == "masked":
        page[removed] = 255
    elif name == "predicted":
        page[seen] = _GREY
    page[removed] = on_paper(page[removed], REMOVED)
    return page


def _places(patches: NDArray[np.bool_], columns: int, size: int) -> NDArray[np.bool_]:
    """Pixels of patches on a page of lines of ``columns``."""
    lines = max(1, -(-len(patches) // columns))
    grid = np.zeros(lines * columns, bool)
    grid[: len(patches)] = patches
    return grid.reshape(lines, columns).repeat(size, 0).repeat(size, 1)


def panels(
    reconstruction: Reconstruction, *, columns: int = 32, scale: int = 3, shown: Sequence[str] = SHOWN
) -> Pixels:
    """An RGB picture [height, width, 3] of titled panels, each wrapped to lines of ``columns`` patches."""
    return stack(titled(reconstruction, columns=columns, scale=scale, shown=shown))


def titled(reconstruction: Reconstruction, *, columns: int, scale: int, shown: Sequence[str]) -> list[Pixels]:
    """Titles and panels by turns, each a picture by itself."""
    titles = {
        "masked": f"masked: {reconstruction.removed.mean():.0%} of the patches removed",
        "predicted": "predicted: what the model drew",
        "reconstructed": f"reconstructed: loss {reconstruction.loss:.3f}",
    }
    columns = min(columns, max(len(reconstruction.removed), 1))
    pages = []
    for name in shown:
        page = panel(name, reconstruction, columns=columns, scale=scale)
        pages += [caption_strip(titles.get(name, name)), page]
    return pages


def sheet(pages: Sequence[Pixels]) -> Pixels:
    """The panels of many texts below each other, with a rule between them."""
    width = max(page.shape[1] for page in pages)
    rule = np.full((2, width, 3), 190, np.uint8)
    parts = []
    for number, page in enumerate(pages):
        wide = np.full((page.shape[0], width, 3), 255, np.uint8)
        wide[:, : page.shape[1]] = page
        parts += [*([rule] if number else []), wide]
    return np.concatenate(parts)


def save_animation(pages: Sequence[Pixels], path: Path, *, seconds: float = 0.9) -> None:
    """Write pictures as an animated GIF that runs for ever, each shown for so long; the last one twice as long."""
    height, width = (max(page.shape[side] for page in pages) for side in (0, 1))
    frames = []
    for page in pages:
        frame = np.full((height, width, 3), 255, np.uint8)
        frame[: page.shape[0], : page.shape[1]] = page
        frames.append(Image.fromarray(frame).quantize(32, dither=Image.Dither.NONE))
    path.parent.mkdir(parents=True, exist_ok=True)
    times = [round(seconds * 1000)] * (len(frames) - 1) + [round(seconds * 2000)]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)


def measures(text: str, seed: int, reconstruction: Reconstruction, read: ReadBack | None) -> dict[str, Any]:
    """What was measured on one text, for a JSON file."""
    found: dict[str, Any] = {
        "text": text,
        "seed": seed,
        "patches": len(reconstruction.removed),
        "removed": np.flatnonzero(reconstruction.removed).tolist(),
        "loss": reconstruction.loss,
        "masked_mse": reconstruction.mse,
        "lost": reconstruction.lost,
    }
    if read is not None:
        found |= {
            "read": read.text,
            "characters_removed": read.characters,
            "characters_right": read.right,
            "read_accuracy": read.accuracy,
            "cells": [dataclasses.asdict(cell) for cell in read.cells],
        }
    return found


def means(found: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Over :func:`measures` of reconstructions: errors weighed by removed patches, accuracy by removed characters."""
    patches = [len(one["removed"]) for one in found]
    means = {
        name: sum(float(one[name]) * count for one, count in zip(found, patches, strict=True)) / max(sum(patches), 1)
        for name in ("loss", "masked_mse")
    }
    characters = sum(int(one.get("characters_removed", 0)) for one in found)
    if characters:
        means["read_accuracy"] = sum(int(one.get("characters_right", 0)) for one in found) / characters
    return means


def reconstruct_in_training(model: PreTrainedModel, encoder: InputEncoder, text: str, masking: Masking) -> Pixels:
    """The panels of a text, masked in the same way every time; random numbers of the run are left alone."""
    assert isinstance(encoder, RenderedText)
    return panels(PixelLM(model, encoder).reconstruct(text, masking), scale=2)
