"""Several texts in a row of a batch, so that little is computed on padding.

A row of a packed batch is a strip in which each text takes one empty patch, which becomes its CLS, and then its own
patches. ``position_ids`` restart at 0 at each text (transformers' convention), and ``text_slots`` says where each text
is, in the order given: a model's output has one row a text, as if the texts had been padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from pixlm.data.encoders import Encoded, InputEncoder, RenderedText
from pixlm.data.sampler import width_for

WHITE = 255


class Packing(StrEnum):
    """Whether the texts of a batch share rows."""

    AUTO = "auto"
    """Where that computes at least :data:`WORTHWHILE` fewer patches than padding."""
    ON = "on"
    OFF = "off"


WORTHWHILE = 0.2
# Shorter rows cost less attention, longer ones fit together better.
_SHORTEST_ROW = 255


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


def text_batch(encoder: InputEncoder, encoded: Sequence[Encoded], packing: Packing) -> dict[str, np.ndarray]:
    """Model inputs of some texts: padded to a usual width, or packed, as ``packing`` says and the encoder allows."""
    if packing != Packing.OFF and isinstance(encoder, RenderedText):
        lengths = [one.length for one in encoded]
        longest = encoder.max_length
        if packing == Packing.ON or is_worthwhile(lengths, width_for(max(lengths), longest), longest):
            renderer = encoder.renderer
            channels = 3 if renderer.rgb else 1
            return pack(encoded, patch_size=renderer.pixels_per_patch, channels=channels, max_length=longest)
    return encoder.batch(encoded)


def is_worthwhile(lengths: Sequence[int], padded_width: int, max_length: int) -> bool:
    """Whether packed rows have at least :data:`WORTHWHILE` fewer slots than rows padded to ``padded_width``."""
    width = row_width(lengths, max_length)
    packed = len(rows_for([length + 1 for length in lengths], width)) * width
    return packed <= (1 - WORTHWHILE) * len(lengths) * (padded_width + 1)


def row_width(lengths: Sequence[int], max_length: int) -> int:
    """Slots of packed rows: a usual batch width that holds the longest text, and several shorter ones."""
    longest = max(lengths)
    return (
        width_for(max(longest, min(_SHORTEST_ROW, sum(lengths) + len(lengths) - 1)), max(max_length, _SHORTEST_ROW)) + 1
    )


def pack(encoded: Sequence[Encoded], *, patch_size: int, channels: int, max_length: int) -> dict[str, np.ndarray]:
    """Rendered texts as packed rows of R x T patch slots.

    Returns:
        ``pixel_values`` uint8 [R, C, P, P * T]; ``position_ids`` int64 [R, T]; ``text_slots`` int64 [texts, 1 + N]:
        the slots of each text in the flattened rows, -1 where it has ended, N = patches of the longest text.
    """
    lengths = [one.length for one in encoded]
    width = row_width(lengths, max_length)
    rows = rows_for([length + 1 for length in lengths], width)
    pixels = np.full((len(rows), channels, patch_size, patch_size * width), WHITE, np.uint8)
    position_ids = np.zeros((len(rows), width), np.int64)
    text_slots = np.full((len(encoded), 1 + width_for(max(lengths), max_length)), -1, np.int64)
    for number, row in enumerate(rows):
        slot = 0
        for index in row:
            length = lengths[index]
            image = encoded[index].units["pixel_values"][:, : patch_size * length]
            image = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
            start = patch_size * (slot + 1)
            pixels[number, :, :, start : start + image.shape[-1]] = image
            position_ids[number, slot : slot + length + 1] = np.arange(length + 1)
            text_slots[index, : length + 1] = number * width + slot + np.arange(length + 1)
            slot += length + 1
    return {"pixel_values": pixels, "position_ids": position_ids, "text_slots": text_slots}
