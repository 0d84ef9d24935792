"""The masked encoder, and the masked autoencoder that pre-trains it.

Suffixes: B batch, N patches, K kept patches, T tokens, D encoder width, E decoder width, P values of a patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import initialization as init
from transformers.utils import ModelOutput, can_return_tuple

from .base import PixelPreTrainedModel, check_patch_vector, with_cls
from .config import PixelConfig
from .embeddings import PixelEmbeddings, reset_positions
from .layers import LayerStack, PixelLayer, all_visible, attention_bias, run_layers
from .masking import PatchSelection, all_patches, inverse_permutation, ranking, select_patches
from .patches import grid_of, reconstruction_loss
from .positions import positions_for


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


class PixelModel(PixelPreTrainedModel):
    """The masked encoder: it sees the patches that are not removed, and never the others.

    Which patches go is decided by ``noise`` and ``patch_mask`` (see :meth:`forward`). The position table is frozen.
    """

    def __init__(self, config: PixelConfig) -> None:
        super().__init__(config)
        self.embeddings = PixelEmbeddings(config)
        self.encoder = LayerStack(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.post_init()
        self.freeze_positions()

    def freeze_positions(self) -> None:
        """The sin-cos table stays as it is."""
        self.embeddings.position_embeddings.requires_grad_(False)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

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
        bias = attention_bias(self.config, with_cls(visible_BK), hidden_BTD, eager=flags["output_attentions"])
        hidden_BTD, hidden_states, attentions = run_layers(
            self.encoder.layer, hidden_BTD, bias, self._head_masks(head_mask), **flags
        )
        return PixelModelOutput(
            last_hidden_state=self.layernorm(hidden_BTD),
            mask=selection.mask,
            ids_restore=selection.ids_restore,
            hidden_states=hidden_states,
            attentions=attentions,
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


class PixelDecoder(nn.Module):
    """Predicts the pixels of every patch from the encoded ones and a mask token in place of the removed."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.decoder_hidden_size
        self.decoder_embed = nn.Linear(config.hidden_size, width)
        self.mask_token = nn.Parameter(torch.empty(1, 1, width))
        self.decoder_pos_embed = nn.Parameter(torch.empty(1, config.num_patches + 1, width))
        self.decoder_layers = nn.ModuleList(
            PixelLayer(config, width, config.decoder_num_attention_heads, config.decoder_intermediate_size)
            for _ in range(config.decoder_num_hidden_layers)
        )
        self.decoder_norm = nn.LayerNorm(width, eps=1e-5)  # not layer_norm_eps: published checkpoints were trained so
        self.decoder_pred = nn.Linear(width, config.patch_size**2 * config.num_channels)

    def forward(
        self,
        encoded_BTD: Tensor,
        ids_restore: Tensor,
        grid: tuple[int, int],
        attention_mask: Tensor | None = None,
        natural_order: bool = False,
    ) -> Tensor:
        """Logits [B, N, P] in natural order. Removed patches are attended to, padding [B, N] is not.

        ``natural_order``: the encoder saw all patches in natural order, nothing has to be put back.
        """
        hidden_BTE = self.decoder_embed(encoded_BTD)
        if not natural_order:
            cls, kept_BKE = hidden_BTE[:, :1], hidden_BTE[:, 1:]
            batch, keep, width = kept_BKE.shape
            keep_ids = inverse_permutation(ids_restore)[:, :keep]
            # Scattering the kept ones over a sheet of mask tokens has a deterministic backward pass on a GPU, which
            # gathering by ids_restore has not.
            sheet = self.mask_token.to(kept_BKE.dtype).expand(batch, ids_restore.shape[1], width)
            hidden_BTE = torch.cat([cls, sheet.scatter(1, keep_ids[..., None].expand(-1, -1, width), kept_BKE)], dim=1)
        hidden_BTE = hidden_BTE + positions_for(self.decoder_pos_embed, grid, self.config.extend_positions)
        bias = attention_bias(self.config, with_cls(attention_mask), hidden_BTE)
        hidden_BTE, _, _ = run_layers(self.decoder_layers, hidden_BTE, bias)
        return self.decoder_pred(self.decoder_norm(hidden_BTE)[:, 1:])

    def reset_parameters(self) -> None:
        """Mask token normal, positions sin-cos."""
        init.normal_(self.mask_token, std=self.config.initializer_range)
        reset_positions(self.decoder_pos_embed)


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
