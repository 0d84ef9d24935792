"""Initialisation, saving and loading, gradient checkpointing, attention implementations."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from pixlm.errors import UsageError
from pixlm.models import (
    PRESETS,
    PixelEncoder,
    PixelForPreTraining,
    PixelForTokenClassification,
    PixelModel,
    preset,
    sincos_table,
)


def test_from_scratch_is_the_published_recipe(make_config):
    config = make_config(hidden_size=256, decoder_hidden_size=128, intermediate_size=1024)
    model = PixelForPreTraining(config)
    projection = model.vit.embeddings.patch_embeddings.projection
    assert_close(projection.weight.std().item(), (2 / (768 + 256)) ** 0.5, rtol=0.01, atol=0)
    assert projection.weight.abs().max() <= (6 / (768 + 256)) ** 0.5
    assert_close(projection.bias.std().item(), (1 / 768 / 3) ** 0.5, rtol=0.2, atol=0)
    for parameter in (model.vit.embeddings.cls_token, model.decoder.mask_token):
        assert_close(parameter.std().item(), 0.02, rtol=0.25, atol=0)
    assert_close(model.vit.encoder.layer[0].output.dense.weight.std().item(), 0.02, rtol=0.02, atol=0)
    assert torch.equal(model.vit.embeddings.position_embeddings, sincos_table(16, 256))
    assert torch.equal(model.decoder.decoder_pos_embed, sincos_table(16, 128))


def test_same_seed_same_weights(config):
    torch.manual_seed(3)
    first = PixelForPreTraining(config).state_dict()
    torch.manual_seed(3)
    second = PixelForPreTraining(config).state_dict()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize("num_patches", [1, 15, 17, 20])
def test_tables_for_any_length(num_patches, make_config):
    model = PixelForPreTraining(make_config(image_size=(16, 16 * num_patches)))
    table = model.vit.embeddings.position_embeddings
    assert table.shape == (1, num_patches + 1, 24)
    assert len(table[0].unique(dim=0)) == num_patches + 1
    assert model(torch.rand(1, 1, 16, 16 * num_patches)).loss.isfinite()


def test_width_of_sincos():
    with pytest.raises(UsageError, match="multiple of 4"):
        sincos_table(9, 18)


def test_frozen_and_trainable_tables(config, tmp_path):
    PixelForPreTraining(config).save_pretrained(tmp_path)
    for model in (PixelForPreTraining(config), PixelForPreTraining.from_pretrained(tmp_path)):
        frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
        assert frozen == ["vit.embeddings.position_embeddings", "decoder.decoder_pos_embed"]
    assert not PixelModel.from_pretrained(tmp_path).embeddings.position_embeddings.requires_grad
    for head in (PixelForTokenClassification(config), PixelForTokenClassification.from_pretrained(tmp_path)):
        assert all(parameter.requires_grad for parameter in head.parameters())


def test_save_and_load(config, batch, tmp_path):
    model = PixelForPreTraining(config).eval()
    model.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    again = PixelForPreTraining.from_pretrained(tmp_path).eval()
    assert again.config.to_diff_dict() == model.config.to_diff_dict()
    assert torch.equal(model(**batch).logits, again(**batch).logits)


def test_checkpoint_without_position_tables(config, tmp_path):
    """Models are made on the meta device when they are loaded: what a checkpoint lacks is filled in afterwards."""
    PixelForPreTraining(config).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = {name: value for name, value in load_file(path).items() if "pos" not in name}
    save_file(weights, path, metadata={"format": "pt"})
    for model in (PixelForPreTraining.from_pretrained(tmp_path), PixelEncoder.from_pretrained(tmp_path)):
        embeddings = getattr(model, "vit", model).embeddings
        assert torch.equal(embeddings.position_embeddings, sincos_table(16, 24))
        assert torch.equal(embeddings.cls_token, weights["vit.embeddings.cls_token"])


def test_meta_device(config):
    with torch.device("meta"):
        model = PixelForPreTraining(config)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert len(model.state_dict()) == 2 * 16 + 16 + 14


def test_a_head_takes_the_encoder_of_any_checkpoint(config, tmp_path):
    model = PixelForPreTraining(config)
    model.save_pretrained(tmp_path)
    heads = (
        PixelForTokenClassification.from_pretrained(tmp_path, num_labels=5),
        PixelEncoder.from_pretrained(tmp_path),
    )
    for head in heads:
        encoder = getattr(head, "vit", head)
        for name, value in encoder.state_dict().items():
            assert torch.equal(value, model.vit.state_dict()[name])


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing_changes_nothing(reentrant, make_config, batch):
    model = PixelForPreTraining(make_config(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)).train()
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
            enable({"use_reentrant": reentrant})
            assert model.decoder.decoder_layers[0].gradient_checkpointing
        model.zero_grad()
        torch.manual_seed(9)
        model(**batch).loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert len(gradients[0]) == len(model.state_dict()) - 2
    assert gradients[0].keys() == gradients[1].keys()
    assert all(torch.equal(value, gradients[1][name]) for name, value in gradients[0].items())


def test_attention_implementations_agree(config, batch):
    model = PixelForPreTraining(config).eval()
    assert model.config._attn_implementation == "sdpa"
    sdpa = model(**batch).logits
    with_attentions = model(**batch, output_attentions=True)
    model.set_attn_implementation("eager")
    eager = model(**batch, output_attentions=True)
    assert_close(eager.logits, sdpa, rtol=1e-5, atol=1e-6)
    for a, b in zip(with_attentions.attentions, eager.attentions, strict=True):
        assert torch.equal(a, b)
    assert a.shape == (2, 2, 13, 13)
    assert_close(a.sum(-1), torch.ones(2, 2, 13))


def test_flags_of_the_configuration(make_config, batch):
    model = PixelForPreTraining(make_config(output_hidden_states=True)).eval()
    outputs = model(**batch)
    assert len(outputs.hidden_states) == 3
    assert model(**batch, output_hidden_states=False).hidden_states is None


def test_bfloat16(config, batch):
    model = PixelForPreTraining(config).eval()
    expected = model(**batch).loss
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model(**batch).loss
    assert mixed.dtype == torch.float32
    assert_close(mixed, expected, rtol=0.02, atol=0)
    assert_close(model.to(torch.bfloat16)(**batch).loss, expected, rtol=0.02, atol=0)


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("pixel-large", 330.1),
        ("pixel-base", 112.3),
        ("pixel-small", 25.4),
        ("pixel-tiny", 3.3),
        ("pixel-tiny-rotary", 3.2),
        ("pixel-nano", 1.0),
    ],
)
def test_presets(name, millions):
    with torch.device("meta"):
        model = PixelForPreTraining(preset(name))
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1) == millions
    assert name in PRESETS


def test_published_sizes():
    with torch.device("meta"):
        model = PixelForPreTraining(preset("pixel-base"))
    assert len(model.state_dict()) == 334
    assert sum(p.numel() for p in model.vit.parameters()) == 86_054_400
    assert sum(p.numel() for p in model.decoder.parameters()) == 26_279_680


def test_unknown_preset_lists_names():
    with pytest.raises(UsageError, match=r"pixel-base, .* did you mean pixel-base"):
        preset("pixel-bse")
    assert preset("pixel-nano", mask_ratio=0.5).mask_ratio == 0.5


def test_ink_starts_from_white_as_zero():
    model = PixelForPreTraining(preset("pixel-nano", projection_init="ink"))
    embed = model.vit.embeddings.patch_embeddings
    white = torch.ones(1, 1, 256)
    assert embed(white).abs().max() < 1e-4
    bound = (6 / (256 + 128)) ** 0.5
    assert 3.9 * bound < embed.projection.weight.abs().max() <= 4 * bound


def test_ink_is_stored_and_an_unknown_start_is_refused(tmp_path):
    model = PixelForPreTraining(preset("pixel-nano", projection_init="ink"))
    model.save_pretrained(tmp_path)
    again = PixelForPreTraining.from_pretrained(tmp_path)
    assert again.config.projection_init == "ink"
    ours, theirs = model.state_dict(), again.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    with pytest.raises(UsageError, match="projection_init"):
        preset("pixel-nano", projection_init="blots")
