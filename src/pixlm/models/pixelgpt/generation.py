"""Drawing on: patch by patch, each predicted from those before it and read again, with a key-value cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from pixlm.errors import UsageError

from ..pixel.patches import patchify, unit_range, unpatchify, with_channels
from .config import PixelGPTConfig
from .heads import Sampling


@dataclass(frozen=True)
class GeneratedPatches:
    """Strips with what was drawn behind them.

    pixel_values: [B, C, P, P * L] float in [0, 1]; white behind a row's end. attention_mask: [B, L], 1 = prompt or
    drawn, the black patch that ends a strip among them. new: [B] patches drawn. ended: [B] whether that black patch
    was drawn, rather than the limit reached.
    """

    pixel_values: Tensor
    attention_mask: Tensor
    new: Tensor
    ended: Tensor


class PatchGeneration:
    """What :class:`PixelGPTForCausalLM` draws with."""

    config: PixelGPTConfig

    @torch.inference_mode()
    def generate_patches(
        self,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        input_ids: Tensor | None = None,
        text_attention_mask: Tensor | None = None,
        max_new_patches: int | None = None,
        sampling: Sampling | None = None,
        stop_at_end: bool = True,
        use_cache: bool = True,
    ) -> GeneratedPatches:
        """Continue strips.

        A row stops behind a black patch, the mark that ends a rendered text, or after ``max_new_patches``.

        Args:
            pixel_values: [B, 1 or 3, P, P * N] prompts, without the closing black patch; padded on the right.
            attention_mask: [B, N], 1 = prompt; default all.
            input_ids: [B, T] text in front of the strips (a model of pairs with the text first); its own mask is
                ``text_attention_mask`` [B, T], with padding on the left.
            max_new_patches: default as many as the model has positions for.
            sampling: default the likeliest patch.
            use_cache: False runs the whole strip anew for each patch: for comparison.

        Raises:
            UsageError: an empty prompt, one that leaves no room, or options that the head does not have.
        """
        config = self.config
        sampling = sampling or Sampling()
        model: Any = self
        if pixel_values is None or pixel_values.shape[-1] == 0:
            raise UsageError("an empty prompt: give a patch or more to go on from")
        pixels = with_channels(unit_range(pixel_values), config.num_channels)
        patches = patchify(pixels, config.patch_size)
        rows, width = patches.shape[:2]
        if pixels.shape[-2] != config.patch_size:
            raise UsageError("strips to continue are one patch high")
        mask = torch.ones(rows, width, device=patches.device) if attention_mask is None else attention_mask
        lengths = mask.bool().sum(1)
        if tuple(mask.shape) != (rows, width):
            raise UsageError(f"attention_mask must have one value per patch, {[rows, width]}, not {list(mask.shape)}")
        if int(lengths.min()) == 0:
            raise UsageError("an empty prompt: a row has no patch to go on from")
        before = 0 if input_ids is None else input_ids.shape[1]
        room = config.max_position_embeddings - before - width
        limit = room if max_new_patches is None else max_new_patches
        if room < 1 or limit < 1 or limit > room:
            raise UsageError(
                f"a prompt of {before + width} units and {limit} new patches do not fit the "
                f"{config.max_position_embeddings} positions of the model"
            )
        # Rows end together, so that what is drawn is behind the prompt of every row.
        place = torch.arange(width, device=patches.device) - (width - lengths[:, None])
        patches = patches.gather(1, place.clamp(min=0)[..., None].expand_as(patches))
        known = (place >= 0).long()
        if input_ids is not None:
            of_text = torch.ones_like(input_ids) if text_attention_mask is None else text_attention_mask.long()
            known = torch.cat([of_text, known], dim=1)
        cache = DynamicCache(config=config) if use_cache else None
        generator = torch.Generator().manual_seed(sampling.seed)
        ended = torch.zeros(rows, dtype=torch.bool, device=patches.device)
        new = torch.zeros(rows, dtype=torch.long, device=patches.device)
        drawn: list[Tensor] = []
        head = model.patch_head
        padded = not bool(known.all())
        for step in range(limit):
            whole = torch.cat([patches, *(each[:, None] for each in drawn)], dim=1)
            first = step == 0 or cache is None
            fed = whole if first else whole[:, -1:]
            positions = (known.cumsum(1) - 1).clamp(min=0)
            outputs = model.model(
                input_ids=input_ids if first else None,
                pixel_values=unpatchify(fed, config.patch_size, num_channels=config.num_channels),
                text_first=first and input_ids is not None,
                past_key_values=cache,
                use_cache=cache is not None,
                position_ids=positions if first else positions[:, -1:],
                **_masks(known, before if first else 0, padded),
            )
            logits = model.lm_pixel_head(outputs.last_hidden_state[:, -1])
            values, ends = head.decode(logits, sampling, generator)
            drawn.append(torch.where(ended[:, None], torch.ones_like(values), values).to(patches.dtype))
            known = torch.cat([known, (~ended).long()[:, None]], dim=1)
            new += ~ended
            if stop_at_end:
                ended = ended | ends
                if bool(ended.all()):
                    break
                padded = padded or bool(ended.any())
        return _finished(patches, torch.stack(drawn, dim=1), lengths, new, ended, config)


def _masks(known: Tensor, before: int, padded: bool) -> dict[str, Tensor]:
    """The masks of a call whose first ``before`` units are text."""
    if not padded:
        return {}
    if before:
        return {"attention_mask": known[:, :before], "patch_attention_mask": known[:, before:]}
    return {"attention_mask": known}


def _finished(
    prompts: Tensor, drawn: Tensor, lengths: Tensor, new: Tensor, ended: Tensor, config: PixelGPTConfig
) -> GeneratedPatches:
    """Prompts (which end together) and what was drawn, with padding on the right again."""
    both = torch.cat([prompts, drawn], dim=1)
    totals = lengths + new
    width = int(totals.max())
    column = torch.arange(width, device=both.device)[None]
    source = (column + (prompts.shape[1] - lengths[:, None])).clamp(max=both.shape[1] - 1)
    rows = both.gather(1, source[..., None].expand(-1, -1, both.shape[-1]))
    mask = (column < totals[:, None]).to(torch.uint8)
    rows = torch.where(mask[..., None].bool(), rows, torch.ones_like(rows))
    pixels = unpatchify(rows, config.patch_size, num_channels=config.num_channels)
    return GeneratedPatches(pixels, mask, new, ended)
