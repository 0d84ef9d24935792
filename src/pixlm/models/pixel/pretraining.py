"""The masked autoencoder that pre-trains the encoder.

Suffixes: B batch, N patches, P values of a patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput, can_return_tuple

from .attention import all_visible
from .base import PixelPreTrainedModel, check_patch_vector
from .config import PixelConfig
from .decoder import PixelDecoder
from .masked_encoder import PixelModel
from .patches import grid_of, reconstruction_loss


@dataclass
class PixelForPreTrainingOutput(ModelOutput):
    """Output of :class:`PixelForPreTraining`.

    ``loss`` (scalar), ``logits`` [B, N, P] in natural order, ``mask`` [B, N] with 1 = removed, ``attention_mask`` as
    given, ``ids_restore`` [B, N]; ``hidden_states`` and ``attentions`` are the encoder's.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    mask: Tensor | None = None
    attention_mask: Tensor | None = None
    ids_restore: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class PixelForPreTraining(PixelPreTrainedModel):
    """Masked autoencoder on rendered text (Rust et al. 2023, "Language Modelling with Pixels")."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__(config)
        self.vit = PixelModel(config)
        self.decoder = PixelDecoder(config)
        self.post_init()
        self.freeze_positions()

    def freeze_positions(self) -> None:
        """Both sin-cos tables stay as they are."""
        self.vit.freeze_positions()
        if self.decoder.decoder_pos_embed is not None:
            self.decoder.decoder_pos_embed.requires_grad_(False)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, PixelDecoder):
            module.reset_parameters()

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        patch_mask: Tensor | None = None,
        noise: Tensor | None = None,
        head_mask: Tensor | None = None,
        compute_loss: bool = True,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> PixelForPreTrainingOutput:
        """Remove patches, encode the rest, predict all. Arguments as in :meth:`PixelModel.forward`.

        Args:
            compute_loss: False leaves ``loss`` out, for a caller who wants :func:`reconstruction_loss` as (sum, count).
        """
        grid = grid_of(pixel_values, self.config.patch_size)
        check_patch_vector("attention_mask", attention_mask, pixel_values, grid[0] * grid[1])
        visible = None if all_visible(attention_mask) else attention_mask
        encoded = self.vit(
            pixel_values,
            visible,
            patch_mask=patch_mask,
            noise=noise,
            head_mask=head_mask,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
            return_dict=True,
        )
        natural_order = noise is None and patch_mask is None and self.config.mask_ratio == 0
        logits = self.decoder(encoded.last_hidden_state, encoded.ids_restore, grid, visible, natural_order)
        loss = None
        if compute_loss:
            total, count = self.reconstruction_loss(logits, pixel_values, encoded.mask, attention_mask)
            loss = total / count.clamp(min=1)
        return PixelForPreTrainingOutput(
            loss=loss,
            logits=logits,
            mask=encoded.mask,
            attention_mask=attention_mask,
            ids_restore=encoded.ids_restore,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )

    def reconstruction_loss(
        self, logits: Tensor, pixel_values: Tensor, mask: Tensor, attention_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(sum, count) of the loss with this model's patch size and normalisation; see :func:`reconstruction_loss`."""
        return reconstruction_loss(
            logits,
            pixel_values,
            mask,
            attention_mask,
            patch_size=self.config.patch_size,
            norm_pix_loss=self.config.norm_pix_loss,
        )
