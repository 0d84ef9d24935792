"""Next patch, next token, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationMixin
from transformers.cache_utils import Cache
from transformers.utils import ModelOutput, can_return_tuple

from pixlm.errors import UsageError

from .config import PixelGPTConfig, PixelHead
from .generation import GeneratedPatches, PatchGeneration
from .heads import PatchHead, head_outputs, new_cells, patch_head, token_errors
from .model import PixelGPTModel, PixelGPTPreTrainedModel


@dataclass
class PixelGPTOutput(ModelOutput):
    """Output of :class:`PixelGPTForCausalLM`.

    ``loss`` (scalar: ``token_loss`` + ``patch_loss``, each a mean over its targets), ``logits_token`` [B, T,
    vocabulary], ``logits_pixel`` [B, N, outputs of the pixel head], ``past_key_values``, ``hidden_states``,
    ``attentions``.
    """

    loss: Tensor | None = None
    logits_token: Tensor | None = None
    logits_pixel: Tensor | None = None
    token_loss: Tensor | None = None
    patch_loss: Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None

    @property
    def logits(self) -> Tensor | None:
        """Those of the tokens, or of the patches where there are no tokens."""
        return self.logits_pixel if self.logits_token is None else self.logits_token


class PixelGPTForCausalLM(PixelGPTPreTrainedModel, PatchGeneration, GenerationMixin):
    """The trunk with a head for tokens and one for patches; both exist in every variant (upstream's
    ``ErniePixelForCausalLM``).

    ``generate`` makes text, on patches where ``pixel_values`` are given; :meth:`generate_patches` makes patches.
    """

    _tied_weights_keys = {"lm_token_head.weight": "model.embed_tokens.weight"}  # noqa: RUF012 - transformers' type

    def __init__(self, config: PixelGPTConfig) -> None:
        super().__init__(config)
        self.model = PixelGPTModel(config)
        self.lm_token_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.lm_pixel_head = nn.Linear(config.hidden_size, head_outputs(config), bias=False)
        if config.pixel_head == PixelHead.CELL:
            self.cells = new_cells(config)
        self.post_init()

    @property
    def patch_head(self) -> PatchHead:
        """Loss and decoding of the pixel head."""
        return patch_head(self.config, getattr(self, "cells", None))

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_attention_mask: Tensor | None = None,
        patch_attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        text_first: bool = False,
        compute_loss: bool = True,
        logits_to_keep: int = 0,
        **kwargs: Any,
    ) -> PixelGPTOutput:
        """Predict what follows each unit. Inputs as in :meth:`PixelGPTModel.forward`.

        Args:
            pixel_attention_mask: [B, N] patches that are targets. In a pair it is what is seen, too, and
                ``patch_attention_mask`` is another name for it. Of patches alone it is for the loss only (they are
                padded on the right, which no real patch sees); default ``attention_mask``, or all.
            labels: [B, T] tokens, usually ``input_ids``; -100 where there is none to predict. They are shifted here.
            compute_loss: False leaves all losses out.
            logits_to_keep: only those of so many last tokens; 0: all.

        The first unit of each modality is never a target: neither is predicted from the other's last unit.
        """
        seen = patch_attention_mask
        if pixel_values is not None and input_ids is not None and seen is None:
            seen = pixel_attention_mask
        if pixel_values is None and pixel_attention_mask is not None:
            raise UsageError("pixel_attention_mask without pixel_values")
        outputs = self.model(
            input_ids=input_ids,
            pixel_values=pixel_values,
            attention_mask=attention_mask,
            patch_attention_mask=seen,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
            text_first=text_first,
            **kwargs,
        )
        hidden = outputs.last_hidden_state
        tokens = 0 if input_ids is None else input_ids.shape[1]
        num_patches = hidden.shape[1] - tokens
        cut = tokens if text_first else num_patches
        of_tokens, of_patches = (hidden[:, :cut], hidden[:, cut:]) if text_first else (hidden[:, cut:], hidden[:, :cut])
        logits_pixel = self.lm_pixel_head(of_patches) if num_patches else None
        logits_token = self.lm_token_head(of_tokens[:, -logits_to_keep:]) if tokens else None
        token_loss = patch_loss = None
        if compute_loss and labels is not None and logits_token is not None:
            if labels.shape != logits_token.shape[:2]:
                raise UsageError(f"labels must be {list(logits_token.shape[:2])}, not {list(labels.shape)}")
            token_loss = _mean(*token_errors(logits_token, labels))
        if compute_loss and pixel_values is not None and logits_pixel is not None:
            counted = next(
                (mask for mask in (pixel_attention_mask, patch_attention_mask) if mask is not None),
                attention_mask if not tokens else None,
            )
            error, known = self.patch_head.errors(logits_pixel, pixel_values)
            patch_loss = _mean(error, known if counted is None else known & counted[:, 1:].bool())
        losses = [each for each in (token_loss, patch_loss) if each is not None]
        return PixelGPTOutput(
            loss=torch.stack(losses).sum() if losses else None,
            logits_token=logits_token,
            logits_pixel=logits_pixel,
            token_loss=token_loss,
            patch_loss=patch_loss,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def prepare_inputs_for_generation(  # type: ignore[override] # called with keywords, of which more are known here
        self,
        input_ids: Tensor,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        patch_attention_mask: Tensor | None = None,
        pixel_attention_mask: Tensor | None = None,
        use_cache: bool | None = True,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """One step of text: the patches and the whole prompt first, then what was added, behind the cache.

        Positions follow from the masks, as in pretraining: padding, of strips on the right, of texts on the left, takes
        none.
        """
        past = past_key_values.get_seq_length() if past_key_values is not None else 0
        patches = 0
        seen = patch_attention_mask if patch_attention_mask is not None else pixel_attention_mask
        if pixel_values is not None:
            side = self.config.patch_size
            patches = (pixel_values.shape[-2] // side) * (pixel_values.shape[-1] // side)
        inputs: dict[str, Any] = {"past_key_values": past_key_values, "use_cache": use_cache, "compute_loss": False}
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        if pixel_values is None:
            positions = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
            new = input_ids[:, past:]
            return {
                **inputs,
                "input_ids": new,
                "attention_mask": attention_mask,
                "position_ids": positions[:, -new.shape[1] :],
            }
        of_patches = attention_mask.new_ones(len(input_ids), patches) if seen is None else seen.to(attention_mask)
        whole = torch.cat([of_patches, attention_mask], dim=1)
        positions = (whole.long().cumsum(-1) - 1).clamp(min=0)
        if not past:
            return {
                **inputs,
                "input_ids": input_ids,
                "pixel_values": pixel_values,
                "attention_mask": attention_mask,
                "patch_attention_mask": seen,
                "position_ids": positions,
            }
        new = input_ids[:, past - patches :]
        return {**inputs, "input_ids": new, "attention_mask": whole, "position_ids": positions[:, -new.shape[1] :]}


def _mean(errors: Tensor, counted: Tensor) -> Tensor:
    """Over what counts; 0, with a gradient of zero, if nothing does."""
    return errors.masked_fill(~counted, 0.0).sum() / counted.sum().clamp(min=1)


__all__ = ["GeneratedPatches", "PixelGPTForCausalLM", "PixelGPTOutput"]
