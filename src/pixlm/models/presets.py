"""Named architectures for runs from scratch.

>>> from pixlm.models import PixelForPreTraining, preset
>>> model = PixelForPreTraining(preset("pixel-tiny"))
"""

from __future__ import annotations

import difflib
from typing import Any

from transformers import PretrainedConfig

from pixlm.errors import UsageError

from .document.config import document_preset
from .document.presets import DOCUMENT_PRESETS
from .pixel import PixelConfig
from .pixelgpt import PixelGPTConfig
from .token_checkpoint import token_config

_GPT_BASE = {
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "max_position_embeddings": 1024,
    "rms_norm_eps": 1e-5,
}
_GPT_TINY = {
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 512,
    "vocab_size": 4000,
}
_GPT_NANO = {
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "vocab_size": 1500,
}

_TINY: dict[str, Any] = {
    "hidden_size": 192,
    "num_hidden_layers": 6,
    "num_attention_heads": 3,
    "intermediate_size": 768,
    "decoder_hidden_size": 128,
    "decoder_num_attention_heads": 4,
    "decoder_num_hidden_layers": 2,
    "decoder_intermediate_size": 512,
    "num_channels": 1,
}

# Parameters are counted for pre-training: encoder, decoder and the frozen position tables. A test counts them.
PRESETS: dict[str, dict[str, Any]] = {
    # 112.3 M: the published model (Rust et al. 2023)
    "pixel-base": {},
    # 330.1 M: ViT-large's encoder with the decoder of pixel-base
    "pixel-large": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
    # 25.4 M: DeiT-small's encoder, a decoder in proportion
    "pixel-small": {
        "hidden_size": 384,
        "num_attention_heads": 6,
        "intermediate_size": 1536,
        "decoder_hidden_size": 256,
        "decoder_num_attention_heads": 8,
        "decoder_num_hidden_layers": 4,
        "decoder_intermediate_size": 1024,
    },
    # 3.3 M: trains on a CPU in hours
    "pixel-tiny": _TINY,
    # 3.2 M: rotary positions, a projection that starts from ink, and larger initial weights (0.02 is for wide layers)
    # leave the plateau of the mean patch sooner.
    "pixel-tiny-rotary": {
        **_TINY,
        "initializer_range": 0.05,
        "position_embedding_type": "rotary",
        "projection_init": "ink",
    },
    # 1.0 M: for demonstrations and tests, minutes on a CPU
    "pixel-nano": {
        "hidden_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 384,
        "decoder_hidden_size": 128,
        "decoder_num_attention_heads": 4,
        "decoder_num_hidden_layers": 2,
        "decoder_intermediate_size": 384,
        "image_size": (16, 256 * 16),
        "num_channels": 1,
    },
    # Text encoders as baselines: the layers of the pixel model of that size, and a table of tokens. Their vocabulary is
    # learnt from the texts of the run (pixlm.data.vocabulary); parameters are counted for labelling words.
    # 3.5 M
    "bert-tiny": {
        "model_type": "bert",
        "hidden_size": 192,
        "num_hidden_layers": 6,
        "num_attention_heads": 3,
        "intermediate_size": 768,
        "vocab_size": 4000,
    },
    # 0.9 M
    "bert-nano": {
        "model_type": "bert",
        "hidden_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 384,
        "vocab_size": 3000,
        "max_position_embeddings": 256,
    },
    # 3.5 M: bytes instead of words, so that nothing is unknown
    "roberta-tiny": {
        "model_type": "roberta",
        "hidden_size": 192,
        "num_hidden_layers": 6,
        "num_attention_heads": 3,
        "intermediate_size": 768,
        "vocab_size": 4000,
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
    },
    # Causal models. 350.3 M: the released PixelGPT, MonoGPT and DualGPT (arXiv 2404.10710)
    "pixelgpt-base": {"model_type": "ernie-pixel", **_GPT_BASE},
    # 5.2 M with 4000 tokens; a logistic unit for each pixel, so that it can draw
    "pixelgpt-tiny": {"model_type": "ernie-pixel", "pixel_head": "binary", "num_channels": 1, **_GPT_TINY},
    # 1.5 M with 1500 tokens
    "pixelgpt-nano": {"model_type": "ernie-pixel", "pixel_head": "binary", "num_channels": 1, **_GPT_NANO},
    # 348.7 M: TextGPT, the same trunk over tokens alone
    "textgpt-base": {"model_type": "llama", **_GPT_BASE},
    "textgpt-tiny": {"model_type": "llama", **_GPT_TINY},
    "textgpt-nano": {"model_type": "llama", **_GPT_NANO},
    # Models that read pages: see their module.
    **DOCUMENT_PRESETS,
}


def preset(name: str, **overrides: Any) -> PretrainedConfig:
    """The configuration called ``name``, with fields replaced by ``overrides``.

    Raises:
        UsageError: there is no such preset; the message lists them.
    """
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UsageError(f"no preset named {name!r}: choose one of {', '.join(PRESETS)}{hint}")
    if name in DOCUMENT_PRESETS:
        return document_preset(name, **overrides)
    fields = {**PRESETS[name], **overrides}
    model_type = fields.pop("model_type", PixelConfig.model_type)
    own = {PixelConfig.model_type: PixelConfig, PixelGPTConfig.model_type: PixelGPTConfig}
    return own[model_type](**fields) if model_type in own else token_config(model_type, fields)
