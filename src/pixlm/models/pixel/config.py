"""Configuration of the PIXEL family (PIXEL, PIXEL-M4): one class for every head."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from transformers import PretrainedConfig

from pixlm.errors import UsageError

EXTEND_POSITIONS = (None, "upstream", "linear")


class PoolingMode(StrEnum):
    """What a sequence classifier makes one vector of."""

    CLS = "cls"
    MEAN = "mean"
    MAX = "max"
    PMA = "pma"
    """A learned query that attends over the patches (Lee et al. 2019, "Set Transformer")."""


class PositionType(StrEnum):
    """How a model knows where a patch is."""

    SINCOS = "sincos"
    """A table that is added to the patches, as published."""
    ROTARY = "rotary"
    """Queries and keys turned by their position (Su et al. 2021, "RoFormer"); no table, and so no longest input."""


class ProjectionInit(StrEnum):
    """What the patch projection starts from, without a checkpoint."""

    XAVIER = "xavier"
    """As the published pre-training."""
    INK = "ink"
    """White paper becomes zero, and ink four times as strong: content is not drowned out by what all patches share."""


class PixelConfig(PretrainedConfig):
    """Shape and regularisation of a PIXEL model. The defaults are the published ``pixel-base``.

    Field names, and so the keys in ``config.json``, are those of the published checkpoints. PIXEL and PIXEL-M4 share
    this class: their weights and outputs do not differ, only the default mask ratio did (M4's was 0.0; what a
    checkpoint stores wins).

    Args:
        image_size: (height, width) of the longest input in pixels; an int means a square. It fixes the number of rows
            of the position table, not the width of an input: any number of patches up to the table is accepted.
        patch_size: side of a patch in pixels.
        num_channels: channels of the patch projection (1 or 3). Inputs may have 1 or 3 either way.
        mask_ratio: share of the patches that :class:`PixelModel` and :class:`PixelForPreTraining` remove.
        norm_pix_loss: the target of pre-training is each patch minus its mean, over its standard deviation.
        extend_positions: what happens beyond the position table. ``None``: an error; ``"upstream"``: the bicubic
            interpolation of the square grid that the original code does (it does not keep the order of a strip);
            ``"linear"``: 1-D linear interpolation along the strip. A stored ``interpolate_pos_encoding: true`` means
            ``"upstream"``. Interpolated positions depend on the width of the input: pad to one width, or fix a longer
            table once with :func:`pixlm.models.resize_positions`.
        position_embedding_type: "sincos" or "rotary" (see :class:`PositionType`); ``rope_theta`` is the base of the
            rotary frequencies.
        projection_init: "xavier" or "ink" (see :class:`ProjectionInit`).
        pooling_mode: of :class:`PixelForSequenceClassification`, see :class:`PoolingMode`; upstream's spelling
            ``"pma4"`` means "pma" with 4 heads. None means "mean", or what the weights of an upstream checkpoint show.
        pma_heads: attention heads of "pma".
        add_layer_norm: whether mean, max and pma pooling normalise the patches first.
        mask_padding: padding takes no part in the heads for question answering and parsing, nor in "pma" pooling, so
            that their outputs do not depend on how far an input is padded. False is how published models were trained.

    Raises:
        UsageError: sizes that do not divide, or an unknown choice.
    """

    model_type = "pixel"

    def __init__(
        self,
        *,
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        intermediate_size: int = 3072,
        hidden_act: str = "gelu",
        hidden_dropout_prob: float = 0.1,
        attention_probs_dropout_prob: float = 0.1,
        initializer_range: float = 0.02,
        layer_norm_eps: float = 1e-12,
        image_size: int | Sequence[int] = (16, 8464),
        patch_size: int = 16,
        num_channels: int = 3,
        qkv_bias: bool = True,
        decoder_num_attention_heads: int = 16,
        decoder_hidden_size: int = 512,
        decoder_num_hidden_layers: int = 8,
        decoder_intermediate_size: int = 2048,
        mask_ratio: float = 0.25,
        norm_pix_loss: bool = True,
        extend_positions: str | None = None,
        interpolate_pos_encoding: bool | None = None,
        position_embedding_type: str = PositionType.SINCOS,
        rope_theta: float = 10000.0,
        projection_init: str = ProjectionInit.XAVIER,
        pooling_mode: str | None = None,
        pma_heads: int | None = None,
        add_layer_norm: bool = True,
        mask_padding: bool = False,
        **kwargs: Any,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.hidden_act = hidden_act
        self.hidden_dropout_prob = hidden_dropout_prob
        self.attention_probs_dropout_prob = attention_probs_dropout_prob
        self.initializer_range = initializer_range
        self.layer_norm_eps = layer_norm_eps
        self.image_size = (
            [image_size, image_size] if isinstance(image_size, int) else [int(side) for side in image_size]
        )
        self.patch_size = patch_size
        self.num_channels = num_channels
        self.qkv_bias = qkv_bias
        self.decoder_num_attention_heads = decoder_num_attention_heads
        self.decoder_hidden_size = decoder_hidden_size
        self.decoder_num_hidden_layers = decoder_num_hidden_layers
        self.decoder_intermediate_size = decoder_intermediate_size
        self.mask_ratio = mask_ratio
        self.norm_pix_loss = norm_pix_loss
        self.extend_positions = (
            "upstream" if extend_positions is None and interpolate_pos_encoding else extend_positions
        )
        self.position_embedding_type = _choice(PositionType, "position_embedding_type", position_embedding_type)
        self.rope_theta = rope_theta
        self.projection_init = _choice(ProjectionInit, "projection_init", projection_init)
        spelt_out = re.fullmatch(r"pma(\d+)", pooling_mode or "")
        if spelt_out:
            pooling_mode, pma_heads = PoolingMode.PMA, int(spelt_out[1])
        self.pooling_mode = None if pooling_mode is None else _choice(PoolingMode, "pooling_mode", pooling_mode)
        self.pma_heads = pma_heads
        self.add_layer_norm = add_layer_norm
        self.mask_padding = mask_padding
        super().__init__(**kwargs)
        self._check()

    @property
    def num_patches(self) -> int:
        """Patches of the longest input: rows of the position table without the one of CLS."""
        height, width = self.image_size
        return (height // self.patch_size) * (width // self.patch_size)

    def _check(self) -> None:
        if len(self.image_size) != 2 or any(side <= 0 or side % self.patch_size for side in self.image_size):
            raise UsageError(
                f"image_size {self.image_size}: give height and width as multiples of patch_size {self.patch_size}"
            )
        if self.hidden_size % self.num_attention_heads:
            raise UsageError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}"
            )
        if self.decoder_hidden_size % self.decoder_num_attention_heads:
            raise UsageError(
                f"decoder_hidden_size {self.decoder_hidden_size} is not a multiple of "
                f"decoder_num_attention_heads {self.decoder_num_attention_heads}"
            )
        if not 0 <= self.mask_ratio < 1:
            raise UsageError(f"mask_ratio {self.mask_ratio}: give a share from 0 up to, but not including, 1")
        if self.num_channels not in (1, 3):
            raise UsageError(f"num_channels {self.num_channels}: give 1 (grey) or 3 (colour)")
        if self.position_embedding_type == PositionType.ROTARY:
            sizes = (
                self.hidden_size // self.num_attention_heads,
                self.decoder_hidden_size // self.decoder_num_attention_heads,
            )
            if any(size % 2 for size in sizes):
                raise UsageError(
                    f"rotary positions need attention heads of an even size, not {sizes[0]} and {sizes[1]}"
                )
        if self.pooling_mode == PoolingMode.PMA and (not self.pma_heads or self.hidden_size % self.pma_heads):
            raise UsageError(
                f'pooling_mode "pma" needs pma_heads, a divisor of hidden_size {self.hidden_size}, not {self.pma_heads}'
            )
        if self.extend_positions not in EXTEND_POSITIONS:
            choices = ", ".join(str(choice) for choice in EXTEND_POSITIONS)
            raise UsageError(f"extend_positions {self.extend_positions!r}: choose one of {choices}")


def _choice(kind: type[StrEnum], name: str, value: str) -> str:
    """``value`` if it is one of ``kind``, as the plain string that JSON stores."""
    if value not in list(kind):
        raise UsageError(f"{name} {value!r}: choose one of {', '.join(kind)}")
    return str(value)
