"""Where models that start from scratch begin to learn positions: at sin-cos tables instead of small random numbers.

An encoder's patches say much about their pixels and next to nothing about their place while its table of positions is
noise, so that a decoder finds the way along a line late. Weights of checkpoints replace the tables.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn

from pixlm.errors import UsageError
from pixlm.models.pixel.positions import waves


class PositionInit(StrEnum):
    """``position_init`` of an image encoder: as transformers does it, or sin-cos (columns in the first half of the
    width, rows in the second)."""

    NORMAL = "normal"
    SINCOS = "sincos"


def wants_sincos(config: object) -> bool:
    """What an image encoder's configuration says; UsageError for a word that there is not."""
    given = getattr(config, "position_init", PositionInit.NORMAL)
    if given not in list(PositionInit):
        raise UsageError(f"position_init {given!r}: must be {' or '.join(PositionInit)}")
    return given == PositionInit.SINCOS


def start_coordinates(vision: nn.Module) -> None:
    """Fill the tables of columns and rows, [places, D] each, of Pix2Struct's image encoder, if it wants that."""
    if not wants_sincos(vision.config):
        return
    embeddings: Any = vision.embeddings
    columns, rows = embeddings.column_embedder.weight, embeddings.row_embedder.weight
    half = columns.shape[1] // 2
    with torch.no_grad():
        for table, start in ((columns, 0), (rows, half)):
            table.zero_()
            table[:, start : start + half] = waves(torch.arange(len(table), device="cpu"), half).to(table)


def start_grid(table: Tensor, grid: tuple[int, int]) -> None:
    """Fill a table [1, 1 + rows * columns, D]; the class token's row is zero."""
    half = table.shape[2] // 2
    index = torch.arange(grid[0] * grid[1], device="cpu")
    places = torch.cat([waves(index % grid[1], half), waves(index // grid[1], half)], dim=1)
    with torch.no_grad():
        nn.init.zeros_(table)
        table[0, 1:, : 2 * half] = places.to(table)
