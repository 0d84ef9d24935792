"""What all models of the family share: loading, initialisation, checks of the inputs."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init

from pixlm.errors import UsageError

from ..biaffine import Biaffine
from .config import PixelConfig
from .embeddings import PixelEmbeddings, reset_projection
from .layers import PixelLayer

# For a checkpoint on the hub that only has pytorch_model.bin, transformers starts a thread that asks a service to
# convert it. Loading a model must do no more than load it.
os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "true")


class PixelPreTrainedModel(PreTrainedModel):
    """Base of the PIXEL models. Parameter names are those of the published checkpoints."""

    config: PixelConfig
    config_class = PixelConfig
    base_model_prefix = "vit"
    main_input_name = "pixel_values"
    supports_gradient_checkpointing = True
    _no_split_modules = [PixelLayer.__name__, PixelEmbeddings.__name__]  # noqa: RUF012 - transformers' type
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    # Checkpoints of one head load into another: what the other head does not have is left aside. (Every fine-tuned
    # checkpoint of the original code carries a classifier, used or not; a pre-trained one carries the decoder.)
    _keys_to_ignore_on_load_unexpected: list[str] | set[str] | None = [  # noqa: RUF012 - transformers' type
        r"^decoder\.",
        r"^classifier\.",
        r"(^|\.)pooler\.",
        r"embeddings\.mask_token$",
    ]

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """As in transformers. Tables that the class freezes are frozen again, which transformers forgets."""
        loaded = super().from_pretrained(*args, **kwargs)
        (loaded[0] if isinstance(loaded, tuple) else loaded).freeze_positions()
        return loaded

    def freeze_positions(self) -> None:
        """Nothing to freeze, unless the class says so: position tables are trained in fine-tuning."""

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """From scratch as the published pre-training did it. Parameters that a checkpoint filled are left alone."""
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=self.config.initializer_range)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d):
            reset_projection(module, self.config.projection_init)
        elif isinstance(module, PixelEmbeddings | Biaffine):
            module.reset_parameters()

    def _output_flags(self, output_hidden_states: bool | None, output_attentions: bool | None) -> dict[str, bool]:
        config = self.config
        return {
            "output_hidden_states": bool(
                config.output_hidden_states if output_hidden_states is None else output_hidden_states
            ),
            "output_attentions": bool(config.output_attentions if output_attentions is None else output_attentions),
        }

    def _head_masks(self, head_mask: Tensor | None) -> list[Tensor] | None:
        """[H] or [layers, H], 1 = keep -> one [H] per layer."""
        if head_mask is None:
            return None
        layers, heads = self.config.num_hidden_layers, self.config.num_attention_heads
        if head_mask.shape not in ((heads,), (layers, heads)):
            raise UsageError(f"head_mask must be [{heads}] or [{layers}, {heads}], not {list(head_mask.shape)}")
        return list(head_mask.expand(layers, -1))


def check_patch_vector(name: str, value: Any, rows: Tensor, num_patches: int) -> None:
    """One number per patch and row, or None.

    Raises:
        UsageError: another shape.
    """
    expected = (len(rows), num_patches)
    if value is not None and tuple(value.shape) != expected:
        raise UsageError(f"{name} must have one value per patch, {list(expected)}, not {list(value.shape)}")


def with_cls(mask_BN: Tensor | None) -> Tensor | None:
    """Put a 1 for CLS, which is always visible, in front of a mask over patches."""
    return None if mask_BN is None else nn.functional.pad(mask_BN, (1, 0), value=1)
