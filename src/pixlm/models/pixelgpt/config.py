"""Configuration of the PixelGPT family (PixelGPT, MonoGPT, DualGPT): Llama's, and what patches need."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from transformers import LlamaConfig

from pixlm.errors import UsageError


class PixelHead(StrEnum):
    """What a causal model predicts of the next patch."""

    REGRESSION = "regression"
    """Its pixels, raw or normalised (``norm_pix_loss``), as published."""
    BINARY = "binary"
    """A probability for each pixel to be white (PIXAR; Tai et al. 2024)."""
    CELL = "cell"
    """Which of ``num_cells`` known patches it is: for renderers that draw the same characters to the same patch."""


class PairPooling(StrEnum):
    """The position that a classifier of pairs of image and text reads."""

    LAST = "last"
    """The last token."""
    UPSTREAM = "upstream"
    """As the published code: the last patch slot, usually padding, in rows whose text has no padding."""


class PixelGPTConfig(LlamaConfig):
    """Shape of a PixelGPT model; field names, and so the keys in ``config.json``, are those of the published ones.

    The defaults of the class are upstream's; ``preset("pixelgpt-base")`` has the released sizes. All fields of
    transformers' ``LlamaConfig`` are known; a stored ``pretraining_tp`` is read and has no effect.

    Attributes:
        image_size: (height, width) of the longest strip that the model was made for, in pixels. It is a note; what
            bounds an input is ``max_position_embeddings``, units of both modalities together.
        patch_size: side of a patch in pixels.
        num_channels: channels of the patch projection (1 or 3). Inputs may have 1 or 3 either way.
        norm_pix_loss: the regression head predicts each patch minus its mean, over its standard deviation. Constant
            patches (blank, the closing black one) are then all alike, and predictions say nothing of the true contrast.
        pixel_head: see :class:`PixelHead`.
        num_cells: known patches of the cell head.
        pair_pooling: see :class:`PairPooling`.
        modality: what the model reads text as when it is given text: "pixel", "text" or "pair" (both, image first).
        render_mode: "rgb", "grey" or "binary", where the model was trained on strips other than its renderer's.

    Raises:
        UsageError: sizes that do not divide, or an unknown choice.
    """

    model_type = "ernie-pixel"

    image_size: list | tuple = (16, 16384)
    patch_size: int = 16
    num_channels: int = 3
    norm_pix_loss: bool = True
    pixel_head: str = "regression"
    num_cells: int = 0
    pair_pooling: str = "last"
    modality: str | None = None
    render_mode: str | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        self.image_size = [int(side) for side in self.image_size]
        self.pretraining_tp = 1
        self._check()
        super().__post_init__(**kwargs)

    @property
    def num_patches(self) -> int:
        """Units of the longest input."""
        return int(self.max_position_embeddings)

    @property
    def patch_values(self) -> int:
        """Values of a patch."""
        return int(self.patch_size**2 * self.num_channels)

    @property
    def extend_positions(self) -> None:
        """Positions are rotary: there is no table to lengthen."""
        return

    def _check(self) -> None:
        heads, kv_heads = self.num_attention_heads, self.num_key_value_heads or self.num_attention_heads
        if len(self.image_size) != 2 or self.patch_size < 1 or any(side % self.patch_size for side in self.image_size):
            raise UsageError(
                f"image_size {self.image_size}: give height and width as multiples of patch_size {self.patch_size}"
            )
        if self.hidden_size % heads or (self.hidden_size // heads) % 2:
            raise UsageError(
                f"hidden_size {self.hidden_size} over num_attention_heads {heads} must be a whole, even number"
            )
        if heads % kv_heads:
            raise UsageError(f"num_attention_heads {heads} is not a multiple of num_key_value_heads {kv_heads}")
        if self.num_channels not in (1, 3):
            raise UsageError(f"num_channels {self.num_channels}: give 1 (grey) or 3 (colour)")
        for name, value, choices in (
            ("pixel_head", self.pixel_head, tuple(PixelHead)),
            ("pair_pooling", self.pair_pooling, tuple(PairPooling)),
            ("modality", self.modality, (None, "pixel", "text", "pair")),
            ("render_mode", self.render_mode, (None, "rgb", "grey", "binary")),
        ):
            if value not in choices:
                raise UsageError(f"{name} {value!r}: choose one of {', '.join(str(choice) for choice in choices)}")
        if (self.pixel_head == PixelHead.CELL) != (self.num_cells > 0):
            raise UsageError(
                f"pixel_head {self.pixel_head!r} with num_cells {self.num_cells}: "
                "the head over cells, and it alone, needs their number"
            )
