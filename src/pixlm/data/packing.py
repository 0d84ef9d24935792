"""Several texts in a row of a batch, so that little is computed on padding.

A row of a packed batch is a strip in which each text takes one empty patch, which becomes its CLS, and then its own
patches. ``position_ids`` restart at 0 at each text (transformers' convention), and ``text_slots`` says where each text
is, in the order given: a model's output has one row a text, as if the texts had been padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

WHITE = 255


class Packing(StrEnum):
    """Whether the texts of a batch share rows."""

    AUTO = "auto"
    """Where that computes at least :data:`WORTHWHILE` fewer patches than padding."""
    ON = "on"
    OFF = "off"


WORTHWHILE = 0.1
# Wider rows fit together better, but each text pays attention to the whole row before the rest is masked.
_WIDEST = 256
_STEP = 16


def rows_for(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Texts put into rows of ``width`` slots, longest first into the fullest row that has room (best-fit decreasing).

    Args:
        lengths: slots of each text, its CLS included; none longer than ``width``.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        assert lengths[index] <= width, (lengths[index], width)
        fitting = [row for row, left in enumerate(room) if left >= lengths[index]]
        row = min(fitting, key=lambda each: room[each], default=len(rows))
        if row == len(rows):
            rows.append([])
            room.append(width)
        rows[row].append(index)
        room[row] -= lengths[index]
    return rows


def packed_rows(lengths: Sequence[int]) -> tuple[list[list[int]], int]:
    """(rows of text numbers, slots of a row) of as few slots as a few row widths allow; ties go to the narrowest.

    Args:
        lengths: patches of each text, without its CLS.
    """
    slots = [length + 1 for length in lengths]
    narrowest = -(-max(slots) // _STEP) * _STEP
    candidates = range(narrowest, max(narrowest, _WIDEST) + 1, _STEP)
    return min(((rows_for(slots, width), width) for width in candidates), key=lambda made: len(made[0]) * made[1])


def is_worthwhile(lengths: Sequence[int], padded_width: int) -> bool:
    """Whether packed rows have at least :data:`WORTHWHILE` fewer slots than rows padded to ``padded_width``."""
    rows, width = packed_rows(lengths)
    return len(rows) * width <= (1 - WORTHWHILE) * len(lengths) * (padded_width + 1)


def pack(
    images: Sequence[np.ndarray], lengths: Sequence[int], padded_width: int, *, patch_size: int, channels: int
) -> dict[str, np.ndarray]:
    """Rendered texts as packed rows of R x T patch slots.

    Args:
        images: [P, W] or [P, W, 3] of each text, at least its patches wide.
        lengths: patches of each text that attention is to see.
        padded_width: patches N of a text in the model's output, which has rows as if the texts had been padded to it.

    Returns:
        ``pixel_values`` uint8 [R, C, P, P * T]; ``position_ids`` int64 [R, T]; ``text_slots`` int64 [texts, 1 + N]:
        the slots of each text in the flattened rows, -1 where it has ended; ``attention_mask`` uint8 [texts, N].
    """
    rows, width = packed_rows(lengths)
    pixels = np.full((len(rows), channels, patch_size, patch_size * width), WHITE, np.uint8)
    position_ids = np.zeros((len(rows), width), np.int64)
    text_slots = np.full((len(images), 1 + padded_width), -1, np.int64)
    for number, row in enumerate(rows):
        slot = 0
        for index in row:
            length = lengths[index]
            image = images[index][:, : patch_size * length]
            image = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
            start = patch_size * (slot + 1)
            pixels[number, :, :, start : start + image.shape[-1]] = image
            position_ids[number, slot : slot + length + 1] = np.arange(length + 1)
            text_slots[index, : length + 1] = number * width + slot + np.arange(length + 1)
            slot += length + 1
    return {
        "pixel_values": pixels,
        "position_ids": position_ids,
        "text_slots": text_slots,
        "attention_mask": (text_slots[:, 1:] >= 0).astype(np.uint8),
    }
