"""Image encoders of document models: transformers' own, and a vision transformer for pages that are not square.

``page-vit`` is the encoder of pixparse's "Cruller" (a ViT of timm at a page's size, class token first, the final norm
over all tokens); with ``pre_norm`` it is CLIP's variant, which normalises the embedded patches and whose patch
projection has no bias. transformers' ViT knows no such norm, and interpolates square position tables only.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, PreTrainedModel, ViTConfig, ViTModel

from pixlm.models.document.positions import PositionInit, start_grid, wants_sincos


class PageVisionConfig(ViTConfig):
    """A ViT; ``image_size`` (height, width) fixes the position table, which other sizes interpolate.

    pre_norm: see the module; position_init: see :class:`~pixlm.models.document.positions.PositionInit`.
    """

    model_type = "page-vit"
    pre_norm: bool = False
    position_init: str = PositionInit.NORMAL

    @property
    def side(self) -> int:
        """Of a patch, in pixels."""
        patch = self.patch_size
        return patch if isinstance(patch, int) else patch[0]


class PageVisionModel(ViTModel):
    """[B, C, H, W] -> [B, 1 + H / P * W / P, hidden]; the class token comes first."""

    config_class = PageVisionConfig

    def __init__(self, config: PageVisionConfig, add_pooling_layer: bool = False):
        super().__init__(config, add_pooling_layer=add_pooling_layer)
        if config.pre_norm:
            patches = self.embeddings.patch_embeddings
            patches.projection = nn.Conv2d(
                config.num_channels, config.hidden_size, config.side, stride=config.side, bias=False
            )
            self.layernorm_pre = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
            self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if module is self.embeddings and wants_sincos(self.config):
            start_grid(self.embeddings.position_embeddings, self.grid)

    def forward(self, pixel_values: Tensor, **_: Any) -> Any:
        """Raises ValueError for pixels that are not whole patches or of another number of channels."""
        from transformers.modeling_outputs import BaseModelOutput

        embeddings = self.embeddings
        patch = self.config.side
        if pixel_values.shape[-2] % patch or pixel_values.shape[-1] % patch:
            raise ValueError(f"a page of {tuple(pixel_values.shape[-2:])} pixels is not made of {patch}-pixel patches")
        weight = embeddings.patch_embeddings.projection.weight
        patches = embeddings.patch_embeddings(pixel_values.to(weight.dtype))
        grid = (pixel_values.shape[-2] // patch, pixel_values.shape[-1] // patch)
        tokens = torch.cat([embeddings.cls_token.expand(len(patches), -1, -1).to(patches.dtype), patches], dim=1)
        hidden = embeddings.dropout(tokens + position_table(embeddings.position_embeddings, self.grid, grid))
        if self.config.pre_norm:
            hidden = self.layernorm_pre(hidden)
        for layer in self.layers:
            hidden = layer(hidden)
        return BaseModelOutput(last_hidden_state=self.layernorm(hidden))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the position table."""
        size, patch = self.config.image_size, self.config.side
        height, width = (size, size) if isinstance(size, int) else size
        return height // patch, width // patch


def position_table(table: Tensor, before: tuple[int, int], after: tuple[int, int]) -> Tensor:
    """A table [1, 1 + rows * columns, D] of one grid for another, bicubic; the class token's row stays as it is."""
    if before == after:
        return table
    own, rest = table[:, :1], table[:, 1:]
    picture = rest.float().reshape(1, *before, -1).permute(0, 3, 1, 2)
    picture = F.interpolate(picture, size=after, mode="bicubic", align_corners=False)
    return torch.cat([own, picture.permute(0, 2, 3, 1).flatten(1, 2).to(own.dtype)], dim=1)


def size_options(tower: PreTrainedModel, pixel_values: Tensor) -> dict[str, Any]:
    """Keywords for an image encoder where pixels [B, C, H, W] are not of the size of its position table."""
    config = tower.config
    size = getattr(config, "image_size", None)
    # Swin has windows instead of a table; a PageVisionModel looks for itself.
    if size is None or isinstance(tower, PageVisionModel) or getattr(config, "use_absolute_embeddings", None) is False:
        return {}
    height, width = (size, size) if isinstance(size, int) else size
    return {} if (height, width) == tuple(pixel_values.shape[-2:]) else {"interpolate_pos_encoding": True}


AutoConfig.register(PageVisionConfig.model_type, PageVisionConfig, exist_ok=True)
AutoModel.register(PageVisionConfig, PageVisionModel, exist_ok=True)
