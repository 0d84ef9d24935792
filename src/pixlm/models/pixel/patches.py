"""Between images and patches, and the reconstruction loss.

Suffixes: B batch, N patches, P values of a patch (patch_size * patch_size * channels), C channels. Patches are counted
row by row; a line of rendered text is one row.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pixlm.errors import UsageError

_INKED = 0.02  # deviation of a patch that shows something
_USUAL = (0.75, 0.33)  # mean and deviation of inked patches, where none can be seen


def grid_of(pixel_values: Tensor, patch_size: int) -> tuple[int, int]:
    """(rows, columns) of patches in ``pixel_values`` [B, C, H, W].

    Raises:
        UsageError: not four dimensions, or a side that is not a multiple of the patch size.
    """
    if pixel_values.ndim != 4 or pixel_values.shape[1] not in (1, 3):
        raise UsageError(
            f"pixel_values must be [batch, 1 or 3 channels, height, width], not {list(pixel_values.shape)}"
        )
    height, width = pixel_values.shape[-2:]
    if height % patch_size or width % patch_size or not height or not width:
        raise UsageError(
            f"pixel_values of {height} x {width} pixels do not divide into patches of {patch_size} x {patch_size}"
        )
    return height // patch_size, width // patch_size


def unit_range(pixel_values: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Pixels as floats in [0, 1]: uint8 is divided by 255, floats are taken as they are."""
    if pixel_values.dtype == torch.uint8:
        return pixel_values.to(dtype) / 255
    return pixel_values.to(dtype)


def with_channels(pixel_values: Tensor, num_channels: int) -> Tensor:
    """[B, num_channels, H, W]: grey is repeated, colour is averaged to grey (the result is then a float in [0, 1])."""
    if pixel_values.shape[1] == num_channels:
        return pixel_values
    if num_channels == 1:
        return unit_range(pixel_values).mean(dim=1, keepdim=True)
    return pixel_values.expand(-1, num_channels, -1, -1)


def patchify(pixel_values: Tensor, patch_size: int = 16) -> Tensor:
    """[B, C, H, W] -> [B, N, patch_size * patch_size * C]; inside a patch the order is row, column, channel."""
    rows, columns = grid_of(pixel_values, patch_size)
    batch, channels = pixel_values.shape[:2]
    image = pixel_values.reshape(batch, channels, rows, patch_size, columns, patch_size)
    return image.permute(0, 2, 4, 3, 5, 1).reshape(batch, rows * columns, patch_size * patch_size * channels)


def unpatchify(patches: Tensor, patch_size: int = 16, *, num_channels: int = 3, columns: int | None = None) -> Tensor:
    """[B, N, P] -> [B, C, patch_size * N / columns, patch_size * columns], the inverse of :func:`patchify`.

    Args:
        columns: patches per row; None lays all of them out as one strip. PIXEL's figures show squares: ``isqrt(N)``.

    Raises:
        UsageError: N is not a multiple of ``columns``, or P does not fit patch size and channels.
    """
    batch, num_patches, values = patches.shape
    columns = num_patches if columns is None else columns
    if num_patches % columns or values != patch_size * patch_size * num_channels:
        raise UsageError(
            f"{num_patches} patches of {values} values do not fill rows of {columns} patches of "
            f"{patch_size} x {patch_size} x {num_channels}"
        )
    rows = num_patches // columns
    image = patches.reshape(batch, rows, columns, patch_size, patch_size, num_channels)
    return image.permute(0, 5, 1, 3, 2, 4).reshape(batch, num_channels, rows * patch_size, columns * patch_size)


def target_patches(pixel_values: Tensor, num_values: int, patch_size: int = 16, *, normalise: bool = False) -> Tensor:
    """[B, N, num_values] what a model of so many values a patch is to predict, in the channels that it has.

    normalise: each patch minus its mean, over its (unbiased) standard deviation.
    """
    num_channels = num_values // (patch_size * patch_size)
    target_BNP = patchify(with_channels(unit_range(pixel_values), num_channels), patch_size)
    if not normalise:
        return target_BNP
    mean, std = _mean_and_std(target_BNP)
    return (target_BNP - mean) / std


def _mean_and_std(target_BNP: Tensor) -> tuple[Tensor, Tensor]:
    mean = target_BNP.mean(dim=-1, keepdim=True)
    # Unbiased variance and the 1e-6 inside the root: both as in the published training.
    return mean, (target_BNP.var(dim=-1, keepdim=True) + 1e-6).sqrt()


def reconstruction_loss(
    logits: Tensor,
    pixel_values: Tensor,
    mask: Tensor,
    attention_mask: Tensor | None = None,
    *,
    patch_size: int = 16,
    norm_pix_loss: bool = True,
) -> tuple[Tensor, Tensor]:
    """Sum and count of the per-patch mean squared errors over patches that are removed and attended to.

    Removed padding never counts; the black patch that closes a text does. The mean over a batch is ``sum / count``;
    over accumulation steps or ranks divide the summed sums by the summed counts. Nothing to count gives (0, 0), with a
    gradient of zero.

    Args:
        logits: [B, N, P] predictions.
        pixel_values: [B, 1 or 3, H, W], uint8 or float in [0, 1].
        mask: [B, N]; 1 = removed.
        attention_mask: [B, N]; 1 = text. None means all ones.

    Returns:
        (sum, count), float32 scalars.
    """
    target_BNP = target_patches(pixel_values, logits.shape[-1], patch_size, normalise=norm_pix_loss)
    error_BN = (logits.float() - target_BNP).square().mean(dim=-1)
    counted_BN = mask.bool() if attention_mask is None else mask.bool() & attention_mask.bool()
    # masked_fill rather than a product: the error of a padding patch may not be finite in half precision
    return error_BN.masked_fill(~counted_BN, 0.0).sum(), counted_BN.sum().float()


def predicted_pixels(
    logits: Tensor,
    pixel_values: Tensor,
    *,
    patch_size: int = 16,
    norm_pix_loss: bool = True,
    known: Tensor | None = None,
) -> Tensor:
    """Predicted patches as pixels: [B, N, P] in the range of the input, about [0, 1] and not clipped.

    With ``norm_pix_loss`` a model predicts normalised patches; each is multiplied by the standard deviation of the
    original patch and shifted by its mean, which upstream's figures leave out. :func:`unpatchify` makes an image.

    known: [B, N] bool, the patches whose mean and deviation are told; the others get what those of them that show
    something have on average. None: all.
    """
    logits = logits.float()
    if not norm_pix_loss:
        return logits
    mean, std = _mean_and_std(target_patches(pixel_values, logits.shape[-1], patch_size))
    if known is not None:
        inked = (known[..., None] & (std > _INKED)).float()
        count = inked.sum(dim=1, keepdim=True)
        averages = [((each * inked).sum(dim=1, keepdim=True) / count.clamp(min=1)) for each in (mean, std)]
        usual = [torch.where(count > 0, each, value) for each, value in zip(averages, _USUAL, strict=True)]
        mean, std = (torch.where(known[..., None], own, other) for own, other in zip((mean, std), usual, strict=True))
    return logits * std + mean
