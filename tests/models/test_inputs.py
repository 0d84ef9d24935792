"""What the models accept: types, channels, lengths, masks, and the errors for what they do not."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.testing import assert_close

from pixlm.errors import UsageError
from pixlm.models import (
    PixelEncoder,
    PixelForPreTraining,
    PixelForTokenClassification,
    PixelModel,
    patchify,
    predicted_pixels,
    resize_positions,
    unpatchify,
)


@pytest.mark.parametrize("model_class", [PixelModel, PixelForPreTraining])
def test_uint8_equals_float_bit_for_bit(model_class, config, batch):
    model = model_class(config).eval()
    from_bytes = model(**batch)
    from_floats = model(**{**batch, "pixel_values": batch["pixel_values"].float() / 255})
    for key, value in from_bytes.items():
        assert torch.equal(value, from_floats[key]), key


def test_grey_equals_repeated_grey(config, batch):
    model = PixelForPreTraining(config).eval()
    grey = model(**batch)
    colour = model(**{**batch, "pixel_values": batch["pixel_values"].expand(-1, 3, -1, -1)})
    assert_close(grey.logits, colour.logits, rtol=1e-5, atol=1e-6)
    assert_close(grey.loss, colour.loss, rtol=1e-5, atol=1e-6)


def test_a_grey_model_averages_colours(make_config, batch):
    model = PixelForPreTraining(make_config(num_channels=1)).eval()
    colour = torch.randint(0, 256, (2, 3, 16, 256), dtype=torch.uint8)
    averaged = (colour.float() / 255).mean(1, keepdim=True)
    outputs = model(**{**batch, "pixel_values": colour})
    assert_close(outputs.loss, model(**{**batch, "pixel_values": averaged}).loss)
    assert outputs.logits.shape == (2, 16, 256)


@pytest.mark.parametrize("model_class", [PixelEncoder, PixelModel, PixelForPreTraining])
def test_no_attention_mask_means_all_ones(model_class, config, batch):
    model = model_class(config).eval()
    noise = {} if model_class is PixelEncoder else {"noise": batch["noise"]}
    ones = torch.ones(2, 16)
    without = model(batch["pixel_values"], **noise)
    with_ones = model(batch["pixel_values"], attention_mask=ones, **noise)
    assert torch.equal(without[0], with_ones[0])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.long, torch.float32])
def test_any_type_of_mask(dtype, config, batch):
    model = PixelForPreTraining(config).eval()
    expected = model(**batch)
    got = model(**{**batch, "attention_mask": batch["attention_mask"].to(dtype)})
    assert torch.equal(expected.loss, got.loss)
    assert torch.equal(expected.logits, got.logits)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_padding_is_not_seen(attention, config, batch):
    config._attn_implementation = attention
    model = PixelEncoder(config).eval()
    pixels, mask = batch["pixel_values"], batch["attention_mask"]
    cut = model(pixels[1:, ..., : 10 * 16]).last_hidden_state
    assert_close(model(pixels, mask).last_hidden_state[1:, :11], cut, rtol=1e-5, atol=1e-6)


def test_shorter_inputs_equal_a_resized_model(config, batch):
    pixels = batch["pixel_values"][..., : 9 * 16]
    for model_class, more in ((PixelEncoder, {}), (PixelForPreTraining, {"noise": batch["noise"][:, :9]})):
        model = model_class(copy.deepcopy(config)).eval()
        expected = model(pixels, **more)
        resize_positions(model, 9)
        assert model.config.image_size == [16, 144]
        for key, value in model(pixels, **more).items():
            assert torch.equal(value, expected[key]), key
        with pytest.raises(UsageError, match="longer than the position table"):
            model(batch["pixel_values"])


@pytest.mark.parametrize("mode", ["linear", "upstream"])
def test_longer_inputs(mode, config):
    pixels = torch.rand(1, 1, 16, 16 * 20)
    model = PixelEncoder(config).eval()
    with pytest.raises(UsageError, match=r"20 patches is longer than the position table \(16\)"):
        model(pixels)
    model.config.extend_positions = mode
    expected = model(pixels).last_hidden_state
    resize_positions(model, 20)
    model.config.extend_positions = None
    assert model.embeddings.position_embeddings.shape == (1, 21, 24)
    assert torch.equal(model(pixels).last_hidden_state, expected)


def test_linear_extension_keeps_the_ends(config):
    model = PixelEncoder(config)
    table = model.embeddings.position_embeddings.detach().clone()
    resize_positions(model, 31, mode="linear")
    longer = model.embeddings.position_embeddings
    assert_close(longer[:, 0], table[:, 0])
    assert_close(longer[:, 1::2], table[:, 1:])


def test_resizing_keeps_tables_frozen_or_not(config):
    model = PixelForPreTraining(config)
    resize_positions(model, 9)
    assert not model.vit.embeddings.position_embeddings.requires_grad
    assert not model.decoder.decoder_pos_embed.requires_grad
    assert model.decoder.decoder_pos_embed.shape == (1, 10, 16)
    head = PixelForTokenClassification(config)
    resize_positions(head, 9)
    assert head.vit.embeddings.position_embeddings.requires_grad


def test_square_images(config):
    model = PixelEncoder(config).eval()
    strip = torch.rand(1, 3, 16, 256)
    square = unpatchify(patchify(strip), columns=4)
    assert_close(model(square).last_hidden_state, model(strip).last_hidden_state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixel_values": torch.zeros(2, 16, 256)}, "batch, 1 or 3 channels"),
        ({"pixel_values": torch.zeros(2, 4, 16, 256)}, "batch, 1 or 3 channels"),
        ({"pixel_values": torch.zeros(2, 1, 16, 250)}, "do not divide"),
        ({"attention_mask": torch.ones(2, 17)}, "attention_mask must have one value per patch"),
        ({"noise": torch.rand(1, 16)}, "noise must have one value per patch"),
        ({"patch_mask": torch.ones(2, 15)}, "patch_mask must have one value per patch"),
        ({"head_mask": torch.ones(3)}, "head_mask must be"),
    ],
)
def test_wrong_shapes_are_named(change, message, config, batch):
    with pytest.raises(UsageError, match=message):
        PixelForPreTraining(config)(**{**batch, **change})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": 25}, "num_attention_heads"),
        ({"decoder_hidden_size": 17}, "decoder_num_attention_heads"),
        ({"image_size": (16, 250)}, "image_size"),
        ({"mask_ratio": 1.0}, "mask_ratio"),
        ({"num_channels": 2}, "num_channels"),
        ({"extend_positions": "cubic"}, "extend_positions"),
    ],
)
def test_wrong_configurations_are_named(fields, message, make_config):
    with pytest.raises(UsageError, match=message):
        make_config(**fields)


def test_stored_interpolation_means_upstream(make_config):
    assert make_config(interpolate_pos_encoding=True).extend_positions == "upstream"
    assert make_config(interpolate_pos_encoding=False).extend_positions is None
    assert make_config(image_size=64).image_size == [64, 64]


@pytest.mark.parametrize("channels", [1, 3])
def test_patchify_and_back(channels):
    image = torch.rand(2, channels, 16, 64)
    patches = patchify(image, 8)
    assert patches.shape == (2, 16, 64 * channels)
    assert torch.equal(unpatchify(patches, 8, num_channels=channels, columns=8), image)
    assert torch.equal(patches[0, 9, :channels], image[0, :, 8, 8])
    with pytest.raises(UsageError):
        unpatchify(patches, 8, num_channels=channels, columns=5)


def test_predicted_pixels_undo_the_normalisation():
    pixels = torch.randint(0, 256, (1, 3, 16, 48), dtype=torch.uint8)
    patches = patchify(pixels.float() / 255)
    normalised = (patches - patches.mean(-1, keepdim=True)) / (patches.var(-1, keepdim=True) + 1e-6).sqrt()
    assert_close(predicted_pixels(normalised, pixels), patches)
    assert torch.equal(predicted_pixels(patches, pixels, norm_pix_loss=False), patches)


@pytest.mark.parametrize("model_class", [PixelEncoder, PixelModel, PixelForPreTraining, PixelForTokenClassification])
def test_unknown_keywords_are_refused(model_class, config, batch):
    """They would be typing mistakes; and a catch-all makes transformers' Trainer leave the loss unscaled."""
    with pytest.raises(TypeError):
        model_class(config)(batch["pixel_values"], attentionmask=batch["attention_mask"])
