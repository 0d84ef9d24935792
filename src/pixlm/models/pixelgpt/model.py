"""The trunk: transformers' Llama over patch embeddings, token embeddings, or both.

Suffixes: B batch, N patches, T tokens, L = N + T units of a sequence, D hidden size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaModel
from transformers import initialization as init
from transformers.cache_utils import Cache
from transformers.modeling_outputs import BaseModelOutputWithPast
from transformers.models.llama.modeling_llama import (
    LlamaDecoderLayer,
    LlamaPreTrainedModel,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
)

from pixlm.errors import UsageError

from ..pixel.embeddings import reset_projection
from ..pixel.patches import grid_of, unit_range, with_channels
from .config import PixelGPTConfig


class PixelGPTPreTrainedModel(LlamaPreTrainedModel):
    """Base of the family. Parameter names are those of the published checkpoints."""

    config: PixelGPTConfig
    config_class = PixelGPTConfig
    # The heads of a language model are left aside where a classifier is loaded, and the other way round.
    _keys_to_ignore_on_load_unexpected = [r"^lm_token_head\.", r"^lm_pixel_head\.", r"^score\.", r"^cells$"]  # noqa: RUF012

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            reset_projection(module)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        else:
            super()._init_weights(module)


class _Projection(nn.Module):
    """Patches to vectors, normalised."""

    def __init__(self, config: PixelGPTConfig) -> None:
        super().__init__()
        width, side = config.hidden_size, config.patch_size
        self.num_channels = config.num_channels
        self.projection = nn.Conv2d(config.num_channels, width, kernel_size=side, stride=side)
        self.norm = nn.LayerNorm(width)

    def forward(self, pixel_values: Tensor) -> Tensor:
        grid_of(pixel_values, self.projection.kernel_size[0])
        pixels = with_channels(unit_range(pixel_values, self.projection.weight.dtype), self.num_channels)
        normed: Tensor = self.norm(self.projection(pixels).flatten(2).transpose(1, 2))
        return normed


class PatchEmbeddings(nn.Module):
    """[B, C, H, W] -> [B, N, D]; positions are the trunk's."""

    def __init__(self, config: PixelGPTConfig) -> None:
        super().__init__()
        self.patch_embeddings = _Projection(config)

    def forward(self, pixel_values: Tensor) -> Tensor:
        embedded: Tensor = self.patch_embeddings(pixel_values)
        return embedded


class PixelGPTRotaryEmbedding(LlamaRotaryEmbedding):
    """Llama's; scaled dynamically it follows the length at hand, not the longest one met before.

    transformers fills its frequencies in after loading, and knows it by its name.
    """

    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        if self.rope_type == "dynamic" and self.max_seq_len_cached != self.original_max_seq_len:
            self.inv_freq.copy_(self.original_inv_freq)
            self.max_seq_len_cached = self.original_max_seq_len
        angles: tuple[Tensor, Tensor] = super().forward(x, position_ids)
        return angles


class PixelGPTModel(PixelGPTPreTrainedModel, LlamaModel):
    """Patches, tokens, or both as one causal sequence ("Autoregressive Pre-Training on Pixels and Texts", 2024)."""

    def __init__(self, config: PixelGPTConfig) -> None:
        LlamaPreTrainedModel.__init__(self, config)
        # No row of the table is padding: upstream sets the padding token after building, and trains all rows.
        self.padding_idx = None
        self.vocab_size = config.vocab_size
        self.embed_patches = PatchEmbeddings(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([LlamaDecoderLayer(config, layer) for layer in range(config.num_hidden_layers)])
        self.norm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.rotary_emb = PixelGPTRotaryEmbedding(config=config)
        self.gradient_checkpointing = False
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        patch_attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        text_first: bool = False,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Hidden states of the whole sequence [B, L, D], normalised.

        Args:
            input_ids: [B, T] tokens; pixel_values: [B, 1 or 3, H, W], uint8 or float in [0, 1]. At least one; of both
                the patches come first, unless ``text_first``.
            attention_mask: [B, T], or [B, N] of patches alone; 1 = real. With a cache: of the whole sequence so far,
                [B, past + L], as transformers has it.
            patch_attention_mask: [B, N] of the patches of a pair (upstream: ``pixel_attention_mask``).
            position_ids: [B, L]; default 0, 1, 2 ... with padding counted, behind what the cache holds.
            use_cache: default no, unlike in transformers: training and classification have no use for it.
            kwargs: ``output_hidden_states``, ``output_attentions`` and the like.

        Raises:
            UsageError: neither tokens nor patches, masks of another shape, more units than the model has positions.
        """
        if input_ids is None and pixel_values is None:
            raise UsageError("give input_ids, pixel_values, or both")
        parts = []
        if pixel_values is not None:
            parts.append(self.embed_patches(pixel_values))
        if input_ids is not None:
            parts.append(self._embed(input_ids))
        mask = self._mask(parts, attention_mask, patch_attention_mask, text_first, past_key_values)
        if text_first:
            parts.reverse()
        embedded = parts[0] if len(parts) == 1 else torch.cat([part.to(parts[-1].dtype) for part in parts], dim=1)
        past = past_key_values.get_seq_length() if past_key_values is not None else 0
        length, limit = past + embedded.shape[1], self.config.max_position_embeddings
        scaled = (self.config.rope_parameters or {}).get("rope_type", "default") != "default"
        if length > limit and not scaled:
            raise UsageError(f"a sequence of {length} units is longer than the {limit} positions of the model")
        outputs: BaseModelOutputWithPast = LlamaModel.forward(
            self,
            inputs_embeds=embedded,
            attention_mask=mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=bool(use_cache),
            **kwargs,
        )
        return outputs

    def _embed(self, input_ids: Tensor) -> Tensor:
        if input_ids.ndim != 2 or not input_ids.shape[1]:
            raise UsageError(f"input_ids must be [batch, tokens] with a token or more, not {list(input_ids.shape)}")
        embedded: Tensor = self.embed_tokens(input_ids)
        return embedded

    def _mask(
        self,
        parts: list[Tensor],
        attention_mask: Tensor | None,
        patch_attention_mask: Tensor | None,
        text_first: bool,
        past: Cache | None,
    ) -> Tensor | None:
        """[B, L] integers for both parts, or None where everything is real."""
        sizes = [part.shape[:2] for part in parts]
        if len(parts) == 1:
            known = past.get_seq_length() if past is not None else 0
            given = attention_mask if attention_mask is not None else patch_attention_mask
            masks = [_checked("attention_mask", given, (sizes[0][0], known + sizes[0][1]))]
        else:
            if sizes[0][0] != sizes[1][0]:
                raise UsageError(f"{sizes[0][0]} images but {sizes[1][0]} texts: pairs need both sides")
            masks = [
                _checked("patch_attention_mask", patch_attention_mask, sizes[0]),
                _checked("attention_mask", attention_mask, sizes[1]),
            ]
        if all(mask is None for mask in masks):
            return None
        whole = [
            mask if mask is not None else parts[0].new_ones(size, dtype=torch.long)
            for mask, size in zip(masks, sizes, strict=True)
        ]
        return torch.cat(whole[::-1] if text_first else whole, dim=1)


def _checked(name: str, mask: Tensor | None, shape: tuple[int, ...]) -> Tensor | None:
    if mask is None:
        return None
    if tuple(mask.shape) != tuple(shape):
        raise UsageError(f"{name} must have one value per unit, {list(shape)}, not {list(mask.shape)}")
    return mask.long()
