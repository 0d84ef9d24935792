from __future__ import annotations

import pytest
import torch

from pixlm.models import PixelConfig


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def config() -> PixelConfig:
    """16 patches, two layers, no dropout."""
    return small_config()


def small_config(**overrides) -> PixelConfig:
    fields = {
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "decoder_hidden_size": 16,
        "decoder_num_attention_heads": 2,
        "decoder_num_hidden_layers": 1,
        "decoder_intermediate_size": 24,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "image_size": (16, 256),
    }
    return PixelConfig(**{**fields, **overrides})


@pytest.fixture
def make_config():
    return small_config


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    """Two grey strips of 16 patches, the second with 10 attended; a draw."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (2, 1, 16, 256), dtype=torch.uint8, generator=generator)
    attention_mask = torch.ones(2, 16, dtype=torch.uint8)
    attention_mask[1, 10:] = 0
    return {
        "pixel_values": pixels,
        "attention_mask": attention_mask,
        "noise": torch.rand(2, 16, generator=generator),
    }
