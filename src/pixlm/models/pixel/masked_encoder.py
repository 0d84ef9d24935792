"""The encoder for pre-training: it never sees the patches that are removed.

Suffixes: B batch, N patches, K kept patches, T tokens, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.utils import ModelOutput, can_return_tuple

from .attention import all_visible, sight_of_visible
from .backbone import PixelBackbone
from .base import check_patch_vector, with_cls
from .config import PixelConfig
from .masking import PatchSelection, all_patches, ranking, select_patches
from .patches import grid_of


@dataclass
class PixelModelOutput(ModelOutput):
    """Output of :class:`PixelModel`; patches are in the order in which the encoder saw them.

    ``last_hidden_state`` [B, 1 + K, D]; ``mask`` [B, N], 1 = removed; ``ids_restore`` [B, N], the place of each patch
    in [kept, removed]; ``hidden_states`` and ``attentions`` on request.
    """

    last_hidden_state: Tensor | None = None
    mask: Tensor | None = None
    ids_restore: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class PixelModel(PixelBackbone):
    """The masked encoder: it sees the patches that are not removed, and never the others.

    Which patches go is decided by ``noise`` and ``patch_mask`` (see :meth:`forward`). The position table is frozen.
    """

    def __init__(self, config: PixelConfig) -> None:
        super().__init__(config)
        self.post_init()
        self.freeze_positions()

    def freeze_positions(self) -> None:
        """The sin-cos table stays as it is."""
        if self.embeddings.position_embeddings is not None:
            self.embeddings.position_embeddings.requires_grad_(False)

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        patch_mask: Tensor | None = None,
        noise: Tensor | None = None,
        head_mask: Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> PixelModelOutput:
        """Encode the patches that stay.

        ``N - int(N * (1 - mask_ratio))`` patches are removed: the ones of ``patch_mask`` first, the draw ``noise``
        deciding between equals; without ``patch_mask`` those with the highest noise, at least one text patch among
        them.
        ``noise`` is drawn from torch's generator when it is needed and not given. With neither and a mask ratio of 0,
        all patches are encoded in natural order.

        Args:
            pixel_values: [B, 1 or 3, H, W], uint8 or float in [0, 1]; N = patches of the grid.
            attention_mask: [B, N], 1 = text and its closing black patch; None = all ones.
            patch_mask: [B, N], 1 = remove.
            noise: [B, N], uniform in [0, 1), float32.
            head_mask: [heads] or [layers, heads], 1 = keep.

        Raises:
            UsageError: shapes that do not fit; more patches than positions.
        """
        selection = self._select(pixel_values, attention_mask, patch_mask, noise)
        flags = self._output_flags(output_hidden_states, output_attentions)
        hidden_BTD = self.embeddings(pixel_values, selection.keep_ids)
        visible_BK = None if all_visible(attention_mask) else attention_mask
        if visible_BK is not None and selection.keep_ids is not None:
            visible_BK = visible_BK.gather(1, selection.keep_ids)
        sight = sight_of_visible(
            self.config,
            with_cls(visible_BK),
            hidden_BTD,
            eager=flags["output_attentions"],
            rotary=self.rotary(selection.positions()),
        )
        encoded = self.run(hidden_BTD, sight, head_mask, flags)
        return PixelModelOutput(
            last_hidden_state=encoded.last_hidden_state,
            mask=selection.mask,
            ids_restore=selection.ids_restore,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )

    def _select(
        self, pixel_values: Tensor, attention_mask: Tensor | None, patch_mask: Tensor | None, noise: Tensor | None
    ) -> PatchSelection:
        rows, columns = grid_of(pixel_values, self.config.patch_size)
        batch, num_patches, device = len(pixel_values), rows * columns, pixel_values.device
        for name, value in (("attention_mask", attention_mask), ("patch_mask", patch_mask), ("noise", noise)):
            check_patch_vector(name, value, pixel_values, num_patches)
        if noise is None and patch_mask is None and self.config.mask_ratio == 0:
            return all_patches(batch, num_patches, device)
        if noise is None:
            noise = torch.rand(batch, num_patches, device=device)
        return select_patches(ranking(noise, patch_mask, attention_mask), self.config.mask_ratio)
