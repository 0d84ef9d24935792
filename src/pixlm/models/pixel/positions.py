"""Position tables: fixed sin-cos rows, lengths other than the table's.

Suffixes: N patches, D width. A table is [1, N + 1, D]; row 0 belongs to CLS.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from pixlm.errors import UsageError

# Tables are built where the caller is not: models are created on the meta device and initialised later.
_CPU = torch.device("cpu")


def sincos_table(num_patches: int, width: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Fixed 2-D sin-cos positions [1, num_patches + 1, width] in float32, on the CPU.

    Patch i sits in column ``i % g`` and row ``i // g`` of a grid of side ``g = ceil(sqrt(num_patches))``; the first
    half of a table row encodes the column, the second half the row of the grid; CLS is zero. For a square number of
    patches this is the published table (He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners", and PIXEL);
    other numbers, which the published code refuses, leave the grid unfinished.

    Args:
        dtype: of the arithmetic. float64 is PIXEL's; PIXEL-M4 computed in float32 (last digits differ).

    Raises:
        UsageError: the width is not a multiple of 4.
    """
    if width % 4:
        raise UsageError(
            f"sin-cos positions need a width that is a multiple of 4, not {width}; choose another hidden size"
        )
    side = math.isqrt(max(num_patches - 1, 0)) + 1
    index = torch.arange(num_patches, device=_CPU)
    table_ND = torch.cat([waves(index % side, width // 2, dtype), waves(index // side, width // 2, dtype)], dim=1)
    return torch.cat([table_ND.new_zeros(1, width), table_ND])[None]


def waves(places: Tensor, width: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Sines, then cosines, of places [N] on the CPU, at wavelengths from 2 pi up to some 10,000 times that: float32
    [N, width] (Vaswani et al. 2017, section 3.5). ``width`` is even."""
    half = width // 2
    omega = 1.0 / 10000 ** (torch.arange(half, dtype=dtype, device=_CPU) / half)
    angle = places.to(dtype)[:, None] * omega
    return torch.cat([angle.sin(), angle.cos()], dim=1).float()


def positions_for(table: Tensor, grid: tuple[int, int], mode: str | None) -> Tensor:
    """Rows of a position table for an input of ``grid`` = (rows, columns) patches: [1, rows * columns + 1, D].

    Up to the length of the table these are its first rows; beyond it, ``mode`` decides (see :class:`PixelConfig`).

    Raises:
        UsageError: the input is longer than the table and ``mode`` is None, or cannot be applied.
    """
    num_patches = grid[0] * grid[1]
    available = table.shape[1] - 1
    if num_patches == available:
        return table
    if num_patches < available:
        return table[:, : num_patches + 1]
    if mode == "linear":
        strip = F.interpolate(table[:, 1:].mT, size=num_patches, mode="linear", align_corners=True).mT
    elif mode == "upstream":
        strip = _upstream_interpolation(table[:, 1:], grid)
    else:
        raise UsageError(
            f"an input of {num_patches} patches is longer than the position table ({available}); shorten it "
            '(max_seq_length of the renderer), or set extend_positions to "linear" or "upstream" in the model\'s config'
        )
    return torch.cat([table[:, :1], strip], dim=1)


def _upstream_interpolation(patches_1ND: Tensor, grid: tuple[int, int]) -> Tensor:
    """The square grid of positions, resized to ``grid`` as the original ViT code does.

    For a strip (1, n) this is the middle of the grid, swept from left to right: no longer the row-major order that the
    model was trained with. Kept because checkpoints were fine-tuned with it.
    """
    _, available, width = patches_1ND.shape
    side = math.isqrt(available)
    if side * side != available:
        raise UsageError(
            f'extend_positions "upstream" needs a square position table, not {available} patches; use "linear"'
        )
    square = patches_1ND.view(1, side, side, width).permute(0, 3, 1, 2)
    # The factors themselves, not the ratio of the sizes, are part of what upstream computed: + 0.1 guards its rounding.
    factors = ((grid[0] + 0.1) / math.sqrt(available), (grid[1] + 0.1) / math.sqrt(available))
    resized = F.interpolate(square, scale_factor=factors, mode="bicubic", align_corners=False)
    assert resized.shape[-2:] == grid
    return resized.permute(0, 2, 3, 1).reshape(1, -1, width)
