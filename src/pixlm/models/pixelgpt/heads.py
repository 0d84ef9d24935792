"""What the pixel head predicts, its loss, and how a prediction becomes a patch: one class a kind of head.

Suffixes: B batch, N patches, V values of a patch (row, column, channel), K cells.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LogitsProcessorList
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from pixlm.errors import UsageError

from ..losses import IGNORED_LABEL
from ..pixel.patches import patchify, target_patches, unit_range, with_channels
from .config import PixelGPTConfig, PixelHead

_FLAT = 1.0
"""A normalised patch whose prediction spans less than this is taken for a constant one (a true one spans 2 or more)."""
_BLACK = 0.25
"""The closing patch is black: a patch whose mean is below this ends a strip. Text is lighter even in bold type."""


@dataclass(frozen=True)
class Sampling:
    """How a next unit is chosen: the likeliest one, or drawn with the usual options."""

    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise UsageError(f"temperature {self.temperature}: must be above 0")
        if self.top_k < 0 or not 0 < self.top_p <= 1:
            raise UsageError(f"top_k {self.top_k}, top_p {self.top_p}: give 0 or more, and a share up to 1")

    def warped(self, logits: Tensor) -> Tensor:
        """[B, K] logits after temperature, top-k and top-p."""
        warpers = LogitsProcessorList([TemperatureLogitsWarper(self.temperature)])
        if self.top_k:
            warpers.append(TopKLogitsWarper(self.top_k))
        if self.top_p < 1:
            warpers.append(TopPLogitsWarper(self.top_p))
        nothing: Any = torch.empty(len(logits), 0, dtype=torch.long, device=logits.device)
        warped: Tensor = warpers(nothing, logits)
        return warped


class PatchHead(ABC):
    """Loss and decoding of one kind of prediction [B, N, outputs]."""

    def __init__(self, config: PixelGPTConfig):
        self.config = config

    @abstractmethod
    def errors(self, logits: Tensor, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """(error [B, N - 1] of each prediction about the patch behind it, whether that patch can be predicted)."""

    @abstractmethod
    def decode(self, logits: Tensor, sampling: Sampling, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """([B, V] pixels in [0, 1] of the patches that [B, outputs] speak of, [B] whether they end the strip)."""

    def _targets(self, pixel_values: Tensor, *, normalise: bool = False) -> Tensor:
        config = self.config
        return target_patches(pixel_values, config.patch_values, config.patch_size, normalise=normalise)


class Regression(PatchHead):
    """Squared error of raw or normalised pixels."""

    def errors(self, logits: Tensor, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        target = self._targets(pixel_values, normalise=self.config.norm_pix_loss)[:, 1:]
        error = (logits[:, :-1].float() - target).square().mean(dim=-1)
        return error, torch.ones_like(error, dtype=torch.bool)

    def decode(self, logits: Tensor, sampling: Sampling, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Of normalised pixels the contrast is unknown: the darkest becomes black, the lightest white, and a patch
        without contrast is taken for the end, which is what most constant patches are that a model meets."""
        if sampling.do_sample:
            raise UsageError("a regression head predicts one patch and no distribution; leave sampling out")
        logits = logits.float()
        if not self.config.norm_pix_loss:
            pixels = logits.clamp(0, 1)
            return pixels, pixels.mean(-1) < _BLACK
        low, high = logits.amin(-1, keepdim=True), logits.amax(-1, keepdim=True)
        ends = (high - low)[:, 0] < _FLAT
        pixels = (logits - low) / (high - low).clamp(min=1e-6)
        return torch.where(ends[:, None], torch.zeros_like(pixels), pixels), ends


class Binary(PatchHead):
    """A logistic unit for each pixel: its probability of being white."""

    def errors(self, logits: Tensor, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        target = (self._targets(pixel_values) > 0.5).float()[:, 1:]
        error = F.binary_cross_entropy_with_logits(logits[:, :-1].float(), target, reduction="none").mean(dim=-1)
        return error, torch.ones_like(error, dtype=torch.bool)

    def decode(self, logits: Tensor, sampling: Sampling, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        if sampling.top_k or sampling.top_p < 1:
            raise UsageError("top-k and top-p choose among known patches; a binary head knows none")
        white = (logits.float() / sampling.temperature).sigmoid()
        if sampling.do_sample:
            pixels = (torch.rand(white.shape, generator=generator).to(white.device) < white).float()
        else:
            pixels = (white > 0.5).float()
        return pixels, pixels.mean(-1) < _BLACK


class Cell(PatchHead):
    """Cross entropy over known patches; other ones are no targets.

    cells: [K, V] uint8, the known patches.
    """

    def __init__(self, config: PixelGPTConfig, cells: Tensor):
        super().__init__(config)
        self.cells = cells

    def errors(self, logits: Tensor, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        labels = self.labels(pixel_values)[:, 1:]
        error = F.cross_entropy(
            logits[:, :-1].float().transpose(1, 2), labels, ignore_index=IGNORED_LABEL, reduction="none"
        )
        return error, labels != IGNORED_LABEL

    def labels(self, pixel_values: Tensor) -> Tensor:
        """[B, N] the number of each patch among the cells; -100 for unknown ones."""
        config = self.config
        pixels = with_channels(pixel_values, config.num_channels)
        if pixels.dtype != torch.uint8:
            pixels = (unit_range(pixels) * 255).round().to(torch.uint8)
        known, order = _hashes(self.cells).sort()
        wanted = _hashes(patchify(pixels, config.patch_size))
        place = torch.searchsorted(known, wanted).clamp(max=len(known) - 1)
        return torch.where(known[place] == wanted, order[place], IGNORED_LABEL)

    def decode(self, logits: Tensor, sampling: Sampling, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        logits = logits.float()
        if sampling.do_sample:
            shares = sampling.warped(logits).softmax(-1).cpu()
            chosen = torch.multinomial(shares, 1, generator=generator)[:, 0].to(logits.device)
        else:
            chosen = logits.argmax(-1)
        pixels = self.cells[chosen].float() / 255
        return pixels, pixels.mean(-1) < _BLACK


def patch_head(config: PixelGPTConfig, cells: Tensor | None) -> PatchHead:
    """What ``config.pixel_head`` says."""
    if config.pixel_head == PixelHead.CELL:
        assert cells is not None
        return Cell(config, cells)
    return Binary(config) if config.pixel_head == PixelHead.BINARY else Regression(config)


def head_outputs(config: PixelGPTConfig) -> int:
    """Width of the pixel head."""
    return config.num_cells if config.pixel_head == PixelHead.CELL else config.patch_values


def token_errors(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """(cross entropy [B, T - 1] of each token about the one behind it, whether that has a label)."""
    labels = labels.long()[:, 1:]
    error = F.cross_entropy(
        logits[:, :-1].float().transpose(1, 2), labels, ignore_index=IGNORED_LABEL, reduction="none"
    )
    return error, labels != IGNORED_LABEL


def _hashes(patches: Tensor) -> Tensor:
    """[...] 64-bit hashes of patches [..., V] of uint8: random multipliers, sums modulo 2 ** 64."""
    generator = torch.Generator().manual_seed(20240416)
    factors = torch.randint(-(2**62), 2**62, (patches.shape[-1],), generator=generator)
    hashed: Tensor = (patches.long() * factors.to(patches.device)).sum(-1)
    return hashed


def new_cells(config: PixelGPTConfig) -> nn.Buffer:
    """Room for the known patches; white until a codebook or a checkpoint fills it."""
    return nn.Buffer(torch.full((config.num_cells, config.patch_values), 255, dtype=torch.uint8))
