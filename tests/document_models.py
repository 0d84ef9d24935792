"""One tiny model of every architecture and kind of part, with inputs for it."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PretrainedConfig

from pixlm.models.document import (
    DonutModel,
    PaliConfig,
    PaliModel,
    Pix2StructModel,
    document_config,
    donut_config,
)

VOCABULARY, PAD, EOS = 60, 1, 2
MBART: dict[str, Any] = {
    "model_type": "mbart",
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 48,
    "scale_embedding": True,
    "add_final_layer_norm": True,
}
BART = {**MBART, "model_type": "bart", "scale_embedding": False}
VIT: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "patch_size": 8,
}
ENCODERS: dict[str, dict[str, Any]] = {
    "donut-swin": {
        "image_size": (48, 32),
        "embed_dim": 16,
        "depths": (1, 1),
        "num_heads": (2, 4),
        "window_size": 4,
    },
    "swin": {"image_size": (48, 32), "embed_dim": 24, "depths": (1, 1), "num_heads": (2, 4), "window_size": 4},
    "swinv2": {"image_size": (48, 32), "embed_dim": 16, "depths": (1, 1), "num_heads": (2, 4), "window_size": 4},
    "vit": {**VIT, "image_size": 32},  # transformers' own stretches square tables only
    "siglip_vision_model": {**VIT, "image_size": 32, "vision_use_head": False},
    "page-vit": {**VIT, "image_size": (48, 32)},
    "page-vit-pre-norm": {**VIT, "image_size": (48, 32), "pre_norm": True},
}
T5: dict[str, Any] = {
    "model_type": "t5",
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "d_kv": 8,
    "num_heads": 4,
    "d_ff": 64,
    "num_layers": 2,
    "feed_forward_proj": "gated-gelu",
}


class Tokens:
    """As much of a tokenizer as a model asks for."""

    pad_token_id, eos_token_id = PAD, EOS

    def __init__(self, size: int = VOCABULARY):
        self.size = size

    def __len__(self) -> int:
        return self.size


def donut(encoder: str = "donut-swin", text: dict[str, Any] = MBART) -> DonutModel:
    fields = {"model_type": encoder.removesuffix("-pre-norm"), **ENCODERS[encoder]}
    return DonutModel(donut_config(fields, text))


def pali(encoder: str = "page-vit", text: dict[str, Any] = T5) -> PaliModel:
    fields = {"model_type": encoder.removesuffix("-pre-norm"), **ENCODERS[encoder]}
    return PaliModel(PaliConfig(fields, text))


def pix2struct() -> Pix2StructModel:
    vision = {"hidden_size": 32, "d_ff": 64, "d_kv": 8, "num_hidden_layers": 2, "num_attention_heads": 4, "seq_len": 32}
    text = {"vocab_size": VOCABULARY, "hidden_size": 32, "d_ff": 64, "d_kv": 8, "num_layers": 2, "num_heads": 4}
    config: PretrainedConfig = document_config(
        {"model_type": "pix2struct", "vision_config": {**vision, "patch_embed_hidden_size": 768}, "text_config": text}
    )
    return Pix2StructModel(config)


MODELS = {
    **{f"donut/{name}": (lambda name=name: donut(name)) for name in ENCODERS},
    "donut/bart": lambda: donut("page-vit", BART),
    "pix2struct": pix2struct,
    "pali/t5": pali,
    "pali/mt5": lambda: pali(text={**T5, "model_type": "mt5"}),
    "pali/siglip": lambda: pali("siglip_vision_model"),
    "pali/swin": lambda: pali("donut-swin"),
    "pali/bart": lambda: pali(
        text={
            **BART,
            "max_position_embeddings": 128,
            "encoder_layers": 2,
            "encoder_attention_heads": 4,
            "encoder_ffn_dim": 64,
        }
    ),
}


def make(name: str, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    model = MODELS[name]()
    model.fit_vocabulary(Tokens())
    return model.eval()


def inputs(model: Any, rows: int = 2, size: tuple[int, int] = (48, 32), seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    if isinstance(model, Pix2StructModel):
        patches = torch.rand(rows, 12, 770, generator=generator)
        patches[..., 0], patches[..., 1] = torch.arange(12) // 4 + 1, torch.arange(12) % 4 + 1
        mask = torch.ones(rows, 12, dtype=torch.long)
        patches[1:, 8:], mask[1:, 8:] = 0, 0
        return {"flattened_patches": patches, "attention_mask": mask}
    found = {"pixel_values": torch.rand(rows, 3, *size, generator=generator)}
    if isinstance(model, PaliModel):
        mask = torch.ones(rows, 4, dtype=torch.long)
        mask[1:, 3:] = 0
        found |= {"input_ids": torch.randint(3, VOCABULARY, (rows, 4), generator=generator), "attention_mask": mask}
    return found
