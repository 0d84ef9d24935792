"""Named document models: the fields of their parts, and what a page becomes before they see it (``pages``).

Vocabularies are upper bounds: a run from scratch learns its own from its targets, and has as many rows as it needs.
"""

from __future__ import annotations

from typing import Any

_SWIN: dict[str, Any] = {"model_type": "donut-swin", "num_channels": 3}
_MBART: dict[str, Any] = {"model_type": "mbart", "scale_embedding": True, "add_final_layer_norm": True}
_IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}

DOCUMENT_PRESETS: dict[str, dict[str, Any]] = {
    # 2.9 M with 2,000 tokens: trains on a CPU
    "donut-tiny": {
        "model_type": "vision-encoder-decoder",
        "encoder": {
            **_SWIN,
            "image_size": (320, 224),
            "embed_dim": 48,
            "depths": (2, 2, 2),
            "num_heads": (3, 6, 12),
            "window_size": 7,
        },
        "decoder": {
            **_MBART,
            "vocab_size": 2000,
            "d_model": 192,
            "decoder_layers": 3,
            "decoder_attention_heads": 6,
            "decoder_ffn_dim": 512,
            "max_position_embeddings": 512,
        },
        "pages": {"size": (320, 224), "max_target_length": 512, **_IMAGENET},
    },
    # The published size (Kim et al. 2022): Swin-B with windows of 10, four mBART layers
    "donut-base": {
        "model_type": "vision-encoder-decoder",
        "encoder": {
            **_SWIN,
            "image_size": (2560, 1920),
            "embed_dim": 128,
            "depths": (2, 2, 14, 2),
            "num_heads": (4, 8, 16, 32),
            "window_size": 10,
        },
        "decoder": {
            **_MBART,
            "vocab_size": 57525,
            "d_model": 1024,
            "decoder_layers": 4,
            "decoder_attention_heads": 16,
            "decoder_ffn_dim": 4096,
            "max_position_embeddings": 1536,
        },
        "pages": {"size": (2560, 1920), "align_long_axis": False, "max_target_length": 1536, **_IMAGENET},
    },
    # Swin-L and ten layers; not published, in proportion
    "donut-large": {
        "model_type": "vision-encoder-decoder",
        "encoder": {
            **_SWIN,
            "image_size": (2560, 1920),
            "embed_dim": 192,
            "depths": (2, 2, 18, 2),
            "num_heads": (6, 12, 24, 48),
            "window_size": 10,
        },
        "decoder": {
            **_MBART,
            "vocab_size": 57525,
            "d_model": 1024,
            "decoder_layers": 10,
            "decoder_attention_heads": 16,
            "decoder_ffn_dim": 4096,
            "max_position_embeddings": 1536,
        },
        "pages": {"size": (2560, 1920), "max_target_length": 1536, **_IMAGENET},
    },
    # pixparse's two models: a grey page stretched to the canvas, a ViT, the first layers of BART's decoder
    "cruller-base": {
        "model_type": "vision-encoder-decoder",
        "encoder": {
            "model_type": "page-vit",
            "image_size": (576, 448),
            "patch_size": 16,
            "num_channels": 1,
            "layer_norm_eps": 1e-6,
        },
        "decoder": {
            "model_type": "bart",
            "vocab_size": 50267,
            "d_model": 768,
            "decoder_layers": 4,
            "decoder_attention_heads": 12,
            "decoder_ffn_dim": 3072,
            "max_position_embeddings": 1024,
        },
        "pages": {"size": (576, 448), "channels": 1, "fit": "stretch", "max_target_length": 1024},
    },
    "cruller-large": {
        "model_type": "vision-encoder-decoder",
        "encoder": {
            "model_type": "page-vit",
            "image_size": (798, 616),
            "patch_size": 14,
            "num_channels": 1,
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            "layer_norm_eps": 1e-5,
            "pre_norm": True,
        },
        "decoder": {
            "model_type": "bart",
            "vocab_size": 50267,
            "d_model": 1024,
            "decoder_layers": 10,
            "decoder_attention_heads": 16,
            "decoder_ffn_dim": 4096,
            "max_position_embeddings": 1024,
        },
        "pages": {
            "size": (798, 616),
            "channels": 1,
            "fit": "stretch",
            "mean": (0.44916,),
            "std": (0.26857,),
            "max_target_length": 1024,
        },
    },
    # 4.9 M with 2,000 tokens
    "pix2struct-tiny": {
        "model_type": "pix2struct",
        "vision_config": {
            "hidden_size": 192,
            "d_ff": 512,
            "d_kv": 32,
            "num_hidden_layers": 4,
            "num_attention_heads": 6,
            "seq_len": 1024,
            "position_init": "sincos",
        },
        "text_config": {
            "vocab_size": 2000,
            "hidden_size": 192,
            "d_ff": 512,
            "d_kv": 32,
            "num_layers": 3,
            "num_heads": 6,
            "dropout_rate": 0.0,
        },
        "pages": {"max_patches": 256, "max_target_length": 512},
    },
    # The published sizes (Lee et al. 2023)
    "pix2struct-base": {
        "model_type": "pix2struct",
        "vision_config": {},
        "text_config": {"dropout_rate": 0.0},
        "pages": {"max_patches": 2048, "max_target_length": 512},
    },
    "pix2struct-large": {
        "model_type": "pix2struct",
        "vision_config": {
            "hidden_size": 1536,
            "d_ff": 3968,
            "num_hidden_layers": 18,
            "num_attention_heads": 24,
        },
        "text_config": {"hidden_size": 1536, "d_ff": 3968, "num_layers": 18, "num_heads": 24, "dropout_rate": 0.0},
        "pages": {"max_patches": 2048, "max_target_length": 512},
    },
    # 5.4 M with 2,000 tokens
    "pali-tiny": {
        "model_type": "pali",
        "vision_config": {
            "model_type": "page-vit",
            "image_size": (320, 224),
            "patch_size": 16,
            "hidden_size": 192,
            "num_hidden_layers": 4,
            "num_attention_heads": 6,
            "intermediate_size": 512,
            "layer_norm_eps": 1e-6,
            "position_init": "sincos",
        },
        "text_config": {
            "model_type": "t5",
            "vocab_size": 2000,
            "d_model": 192,
            "d_kv": 32,
            "d_ff": 512,
            "num_layers": 3,
            "num_heads": 6,
            "feed_forward_proj": "gated-gelu",
            "dropout_rate": 0.0,
        },
        "pages": {"size": (320, 224), "fit": "ratio", "max_target_length": 512},
    },
    # SigLIP-B/16 and mT5-base, SigLIP-so400m/14 and mT5-large: parts that are published
    "pali-base": {
        "model_type": "pali",
        "vision_config": {"model_type": "siglip_vision_model", "image_size": 512, "vision_use_head": False},
        "text_config": {
            "model_type": "mt5",
            "vocab_size": 250112,
            "d_model": 768,
            "d_kv": 64,
            "d_ff": 2048,
            "num_layers": 12,
            "num_heads": 12,
        },
        "pages": {"size": (512, 512), "fit": "ratio", "max_target_length": 512},
    },
    "pali-large": {
        "model_type": "pali",
        "vision_config": {
            "model_type": "siglip_vision_model",
            "image_size": 448,
            "patch_size": 14,
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_hidden_layers": 27,
            "num_attention_heads": 16,
            "vision_use_head": False,
        },
        "text_config": {
            "model_type": "mt5",
            "vocab_size": 250112,
            "d_model": 1024,
            "d_kv": 64,
            "d_ff": 2816,
            "num_layers": 24,
            "num_heads": 16,
        },
        "pages": {"size": (448, 448), "fit": "ratio", "max_target_length": 512},
    },
}
