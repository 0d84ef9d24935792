"""PixelGPT's models: sequences of two modalities, masks, pooling, losses, saving, and drawing patch by patch."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

import pixlm
from pixlm import hub
from pixlm.errors import UsageError
from pixlm.models import (
    PixelGPTConfig,
    PixelGPTForCausalLM,
    PixelGPTForSequenceClassification,
    PixelGPTModel,
    patchify,
    preset,
)
from pixlm.models.pixelgpt.heads import Sampling


def config(**overrides) -> PixelGPTConfig:
    fields = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 40,
        "vocab_size": 61,
        "image_size": (8, 320),
        "patch_size": 8,
        "num_channels": 1,
        "initializer_range": 0.2,
    }
    return PixelGPTConfig(**{**fields, **overrides})


def causal(**overrides) -> PixelGPTForCausalLM:
    torch.manual_seed(0)
    return PixelGPTForCausalLM(config(**overrides)).eval()


def strips(rows: int = 2, patches: int = 6, channels: int = 1, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (rows, channels, 8, 8 * patches), dtype=torch.uint8, generator=generator)


def tokens(rows: int = 2, length: int = 5, seed: int = 2) -> torch.Tensor:
    return torch.randint(3, 61, (rows, length), generator=torch.Generator().manual_seed(seed))


def test_released_sizes():
    with torch.device("meta"):
        model = PixelGPTForCausalLM(preset("pixelgpt-base"))
        classifier = PixelGPTForSequenceClassification(preset("pixelgpt-base", num_labels=3))
    assert sum(each.numel() for each in model.parameters()) == 350_277_632
    assert len(model.state_dict()) == 224
    assert sum(each.numel() for each in classifier.parameters()) == 316_726_272
    assert len(classifier.state_dict()) == 223


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("pixelgpt-tiny", 5.1),
        ("pixelgpt-nano", 1.5),
        ("textgpt-base", 348.7),
        ("textgpt-tiny", 5.0),
        ("textgpt-nano", 1.4),
    ],
)
def test_presets(name, millions):
    with torch.device("meta"):
        model = hub.class_of(preset(name))(preset(name))
    assert round(sum(each.numel() for each in model.parameters()) / 1e6, 1) == millions


def test_public_names_and_auto_classes(tmp_path):
    for name in ("PixelGPTConfig", "PixelGPTModel", "PixelGPTForCausalLM", "PixelGPTForSequenceClassification"):
        assert getattr(pixlm, name).__name__ == name
    model = causal()
    hub.save(tmp_path, model)
    stored = json.loads((tmp_path / "config.json").read_text())
    assert stored["model_type"] == "ernie-pixel"
    assert type(AutoConfig.from_pretrained(str(tmp_path))) is PixelGPTConfig
    assert type(AutoModelForCausalLM.from_pretrained(str(tmp_path))) is PixelGPTForCausalLM
    assert type(AutoModel.from_pretrained(str(tmp_path))) is PixelGPTModel
    kind = AutoModelForSequenceClassification.from_pretrained(str(tmp_path), num_labels=3)
    assert type(kind) is PixelGPTForSequenceClassification
    again = hub.load_model(tmp_path)
    given = {"pixel_values": strips(), "input_ids": tokens()}
    assert torch.equal(again(**given).logits_token, model(**given).logits_token)
    classifier = hub.load_model(tmp_path, PixelGPTForSequenceClassification)
    assert torch.equal(classifier.model.norm.weight, model.model.norm.weight)


def test_initial_weights_are_as_published():
    torch.manual_seed(0)
    model = PixelGPTForCausalLM(config(num_channels=3, hidden_size=64, initializer_range=0.02))
    projection = model.model.embed_patches.patch_embeddings.projection
    fan_in = 3 * 8 * 8
    assert float(projection.weight.detach().abs().max()) <= (6 / (fan_in + 64)) ** 0.5
    assert float(projection.weight.detach().std()) == pytest.approx((2 / (fan_in + 64)) ** 0.5, rel=0.05)
    assert 0 < float(projection.bias.detach().abs().max()) <= fan_in**-0.5
    assert float(model.lm_pixel_head.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
    norms = [value for name, value in model.named_parameters() if "norm" in name]
    assert all(set(value.unique().tolist()) <= {0.0, 1.0} for value in norms)


def test_text_sees_the_image_and_patches_never_see_text_behind_them():
    model, images, text = causal(), strips(), tokens()
    both = model(input_ids=text, pixel_values=images)
    other = model(input_ids=tokens(seed=9), pixel_values=images)
    assert torch.equal(both.logits_pixel, other.logits_pixel)
    assert not torch.allclose(both.logits_token, model(input_ids=text, pixel_values=strips(seed=7)).logits_token)
    first = model(input_ids=text, pixel_values=images, text_first=True)
    torch.testing.assert_close(first.logits_token, model(input_ids=text).logits_token)
    changed = model(input_ids=tokens(seed=9), pixel_values=images, text_first=True)
    assert not torch.allclose(first.logits_pixel, changed.logits_pixel)


@pytest.mark.parametrize("text_first", [False, True])
def test_padding_between_the_modalities_changes_only_positions(text_first):
    model = causal()
    images, text = strips(1, 6), tokens(1, 5)
    seen = torch.tensor([[1, 1, 1, 1, 0, 0]])
    known = torch.tensor([[1, 1, 1, 0, 0]])
    padded = {"input_ids": text, "pixel_values": images, "attention_mask": known, "pixel_attention_mask": seen}
    noisy = images.clone()
    noisy[..., 32:] = strips(1, 2, seed=5)
    outputs = model(**padded, text_first=text_first, labels=text.masked_fill(known == 0, -100))
    other = model(
        **{**padded, "pixel_values": noisy, "input_ids": text.masked_fill(known == 0, 7)},
        text_first=text_first,
        labels=text.masked_fill(known == 0, -100),
    )
    assert torch.equal(outputs.logits_token[:, :3], other.logits_token[:, :3])
    assert torch.equal(outputs.logits_pixel[:, :4], other.logits_pixel[:, :4])
    assert torch.equal(outputs.loss, other.loss)


def test_losses_are_means_over_their_own_targets():
    model, images, text = causal(norm_pix_loss=False), strips(), tokens()
    seen = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]])
    labels = text.clone()
    labels[1, 2:] = -100
    outputs = model(input_ids=text, pixel_values=images, pixel_attention_mask=seen, labels=labels)
    target = patchify(images / 255, 8)
    errors = (outputs.logits_pixel[:, :-1] - target[:, 1:]).square().mean(-1)
    torch.testing.assert_close(outputs.patch_loss, torch.cat([errors[0], errors[1, :2]]).mean())
    entropy = torch.nn.functional.cross_entropy(
        outputs.logits_token[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100
    )
    torch.testing.assert_close(outputs.token_loss, entropy)
    torch.testing.assert_close(outputs.loss, outputs.token_loss + outputs.patch_loss)
    assert model(pixel_values=images, compute_loss=False).loss is None
    assert model(input_ids=text).loss is None
    assert float(model(pixel_values=images, attention_mask=torch.zeros(2, 6)).loss) == 0  # nothing to predict


def test_uint8_floats_and_repeated_grey_are_the_same_picture():
    images = strips()
    for model in (causal(), causal(num_channels=3)):
        plain = model(pixel_values=images).logits_pixel
        torch.testing.assert_close(model(pixel_values=images / 255).logits_pixel, plain)
        torch.testing.assert_close(
            model(pixel_values=images.expand(-1, 3, -1, -1)).logits_pixel, plain, rtol=1e-4, atol=1e-5
        )


def test_dynamic_positions_do_not_depend_on_what_came_before():
    model = causal(max_position_embeddings=4, rope_scaling={"type": "dynamic", "factor": 2.0})
    short, longer = tokens(1, 6), tokens(1, 12)
    before = model(input_ids=short).logits_token
    model(input_ids=longer)
    assert torch.equal(model(input_ids=short).logits_token, before)


@pytest.mark.parametrize("pooling", ["last", "upstream"])
def test_a_pair_is_read_off_its_last_token_in_every_row(pooling):
    torch.manual_seed(0)
    model = PixelGPTForSequenceClassification(config(num_labels=3, pad_token_id=2, pair_pooling=pooling)).eval()
    text, known = tokens(2, 5), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    text = text.masked_fill(known == 0, 2)
    given = {"pixel_values": strips(), "patch_attention_mask": torch.ones(2, 6), "attention_mask": known}
    logits = model(input_ids=text, **given).logits
    changed = model(input_ids=torch.where(text > 2, 63 - text, text), **given).logits
    assert not torch.allclose(logits[1], changed[1])
    # upstream's row without padding never sees its text
    assert torch.equal(logits[0], changed[0]) == (pooling == "upstream")


def test_pooling_goes_by_the_mask_even_with_padding_tokens_in_the_text():
    model = PixelGPTForSequenceClassification(config(num_labels=2, pad_token_id=2)).eval()
    text = torch.tensor([[5, 2, 6, 7, 2]])
    mask = torch.tensor([[1, 1, 1, 1, 0]])
    assert model.pooled_positions(text, mask, 5).tolist() == [3]
    assert model.pooled_positions(text, None, 5).tolist() == [3]
    assert model.pooled_positions(text, mask, 9).tolist() == [7]
    assert model.pooled_positions(None, torch.tensor([[1, 1, 0], [0, 0, 0]]), 3).tolist() == [1, 0]
    assert torch.isfinite(model(pixel_values=strips(), attention_mask=torch.zeros(2, 6)).logits).all()


@pytest.mark.parametrize("head", ["raw", "normalised", "binary", "cell"])
def test_cached_drawing_is_the_same_as_reading_everything_again(head):
    options = {
        "raw": {"norm_pix_loss": False},
        "normalised": {},
        "binary": {"pixel_head": "binary"},
        "cell": {"pixel_head": "cell", "num_cells": 9},
    }[head]
    model = causal(**options)
    if head == "cell":
        model.cells.copy_(patchify(strips(1, 9, seed=3), 8)[0])
    images = strips(3, 5)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]])
    cached = model.generate_patches(images, mask, max_new_patches=7)
    slow = model.generate_patches(images, mask, max_new_patches=7, use_cache=False)
    for name in ("attention_mask", "new", "ended"):
        assert torch.equal(getattr(cached, name), getattr(slow, name))
    torch.testing.assert_close(cached.pixel_values, slow.pixel_values, rtol=1e-4, atol=1e-4)
    # Rows are drawn as if each were alone.
    for row, length in enumerate(mask.sum(1).tolist()):
        alone = model.generate_patches(images[row : row + 1, ..., : 8 * length], max_new_patches=7)
        units = int(alone.attention_mask.sum())
        assert int(cached.attention_mask[row].sum()) == units
        torch.testing.assert_close(
            alone.pixel_values[0, ..., : 8 * units], cached.pixel_values[row, ..., : 8 * units], rtol=1e-4, atol=1e-4
        )
        assert torch.equal(alone.pixel_values[0, ..., : 8 * length], images[row, ..., : 8 * length] / 255)


def test_a_row_stops_behind_the_black_patch():
    model = causal(pixel_head="cell", num_cells=3)
    model.cells.copy_(torch.stack([torch.zeros(64), torch.full((64,), 255), torch.arange(64) * 3]).to(torch.uint8))
    torch.nn.init.zeros_(model.lm_pixel_head.weight)  # all cells alike: the first, which is black, is taken
    found = model.generate_patches(strips(2, 3), max_new_patches=9)
    assert found.new.tolist() == [1, 1]
    assert found.ended.all()
    assert found.pixel_values.shape == (2, 1, 8, 32)
    assert float(found.pixel_values[..., 24:].max()) == 0
    assert model.generate_patches(strips(2, 3), max_new_patches=9, stop_at_end=False).new.tolist() == [9, 9]


def test_sampling_is_a_function_of_its_seed():
    model = causal(pixel_head="cell", num_cells=12)
    model.cells.copy_(patchify(strips(1, 12, seed=3), 8)[0])
    torch.nn.init.zeros_(model.lm_pixel_head.weight)

    def draw(**options) -> torch.Tensor:
        return model.generate_patches(strips(), max_new_patches=9, sampling=Sampling(True, **options)).pixel_values

    assert torch.equal(draw(seed=1), draw(seed=1))
    assert not torch.equal(draw(seed=1), draw(seed=2))
    torch.nn.init.normal_(model.lm_pixel_head.weight)
    assert torch.equal(draw(seed=1, top_k=1), draw(seed=2, top_k=1))
    assert torch.equal(draw(seed=1, top_k=1), model.generate_patches(strips(), max_new_patches=9).pixel_values)
    binary = causal(pixel_head="binary")
    drawn = binary.generate_patches(strips(), max_new_patches=3, sampling=Sampling(True, seed=3)).pixel_values
    assert set(drawn[..., 48:].unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("padded", [False, True])
def test_text_is_generated_from_an_image_with_and_without_cache(padded):
    model, images, text = causal(), strips(), tokens(2, 3)
    given = {"pixel_values": images, "max_new_tokens": 6, "do_sample": False, "eos_token_id": None, "pad_token_id": 2}
    if padded:
        given["patch_attention_mask"] = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]])
    cached = model.generate(text, use_cache=True, **given)
    slow = text
    for _ in range(6):
        more = {"patch_attention_mask": given["patch_attention_mask"]} if padded else {}
        if padded:  # padding takes no positions
            whole = torch.cat([given["patch_attention_mask"], torch.ones_like(slow)], dim=1)
            more["position_ids"] = (whole.cumsum(1) - 1).clamp(min=0)
        logits = model(input_ids=slow, pixel_values=images, **more).logits_token
        slow = torch.cat([slow, logits[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(cached, slow)
    assert model.generate(text, num_beams=2, **given).shape == (2, 9)


def test_left_padded_texts_are_continued_as_if_alone():
    model, text = causal(), tokens(2, 5)
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]])
    options = {"max_new_tokens": 5, "do_sample": False, "eos_token_id": None, "pad_token_id": 2}
    both = model.generate(text, attention_mask=mask, **options)
    alone = model.generate(text[1:, 2:], **options)
    assert both[1, 5:].tolist() == alone[0, 3:].tolist()


def test_text_in_front_of_an_image():
    model, text = causal(), tokens(2, 4)
    mask = torch.tensor([[1, 1, 1, 1], [0, 1, 1, 1]])
    given = {"input_ids": text, "text_attention_mask": mask, "max_new_patches": 5}
    cached = model.generate_patches(strips(2, 2), **given)
    slow = model.generate_patches(strips(2, 2), use_cache=False, **given)
    torch.testing.assert_close(cached.pixel_values, slow.pixel_values, rtol=1e-4, atol=1e-4)
    other = model.generate_patches(strips(2, 2), **{**given, "input_ids": tokens(2, 4, seed=8)})
    assert not torch.equal(cached.pixel_values, other.pixel_values)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_rows_that_are_all_padding_are_harmless(attention):
    model = causal()
    model.config._attn_implementation = attention
    images, text = strips(), tokens()
    nothing, some = torch.tensor([[0] * 5, [1] * 5]), torch.tensor([[0] * 6, [1] * 6])
    labels = text.masked_fill(nothing == 0, -100)
    for given in (
        {"input_ids": text, "attention_mask": nothing, "labels": labels},
        {"pixel_values": images, "attention_mask": some},
        {
            "input_ids": text,
            "pixel_values": images,
            "attention_mask": nothing,
            "pixel_attention_mask": some,
            "labels": labels,
        },
    ):
        model.zero_grad()
        outputs = model(**given)
        outputs.loss.backward()
        assert torch.isfinite(outputs.logits).all()
        gradients = [each.grad for each in model.parameters() if each.grad is not None]
        assert gradients
        assert all(torch.isfinite(each).all() for each in gradients)
        # the other row is what it is alone
        alone = model(**{name: value[1:] for name, value in given.items()})
        torch.testing.assert_close(outputs.loss, alone.loss)


def test_wrong_inputs_are_one_line():
    model, images, text = causal(), strips(), tokens()
    for call, message in (
        (lambda: model(), "give input_ids, pixel_values, or both"),
        (lambda: model(input_ids=torch.zeros(2, 0, dtype=torch.long)), "a token or more"),
        (lambda: model(pixel_values=images, input_ids=tokens(3)), "pairs need both sides"),
        (lambda: model(pixel_values=images, attention_mask=torch.ones(2, 5)), "one value per unit"),
        (lambda: model(input_ids=tokens(1, 41)), "41 units is longer than the 40 positions"),
        (lambda: model(pixel_values=images[..., :20]), "do not divide into patches"),
        (lambda: model(input_ids=text, labels=text[:, 1:]), "labels must be"),
        (lambda: model.generate_patches(None), "an empty prompt"),
        (lambda: model.generate_patches(images[..., :0]), "an empty prompt"),
        (lambda: model.generate_patches(images, torch.zeros(2, 6)), "an empty prompt"),
        (lambda: model.generate_patches(strips(1, 40)), "do not fit the 40 positions"),
        (lambda: model.generate_patches(images, max_new_patches=35), "do not fit the 40 positions"),
        (lambda: model.generate_patches(images, sampling=Sampling(True)), "leave sampling out"),
        (lambda: Sampling(temperature=0), "temperature 0"),
        (lambda: config(pixel_head="cell"), "needs their number"),
        (lambda: config(pixel_head="ink"), "choose one of regression, binary, cell"),
        (lambda: config(hidden_size=30), "must be a whole, even number"),
        (lambda: config(num_key_value_heads=3), "not a multiple of num_key_value_heads"),
    ):
        with pytest.raises(UsageError, match=message):
            call()


def test_padding_of_a_strip_does_not_change_what_is_said_of_it():
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    more = {"vocab_size": 50, "max_position_embeddings": 64, "initializer_range": 0.5, "num_key_value_heads": 2}
    model = PixelGPTForCausalLM(PixelGPTConfig(**sizes, **more)).eval()
    strip, mask = torch.rand(1, 3, 16, 16 * 5), torch.tensor([[1] * 5 + [0] * 4])
    padded = torch.cat([strip, torch.ones(1, 3, 16, 16 * 4)], dim=-1)
    options = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    alone = model.generate(torch.tensor([[1]]), pixel_values=strip, **options)
    wide = model.generate(torch.tensor([[1]]), pixel_values=padded, patch_attention_mask=mask, **options)
    assert alone.tolist() == wide.tolist()
