"""Pretrained parts and whole checkpoints in the layouts that transformers publishes."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BartModel,
    DonutImageProcessorPil,
    MT5Config,
    MT5ForConditionalGeneration,
    Pix2StructForConditionalGeneration,
    Pix2StructImageProcessorPil,
    SiglipConfig,
    SiglipModel,
    ViTConfig,
    ViTModel,
)

import golden_documents
from document_models import BART, T5, VIT, donut, inputs, make, pali
from pixlm import hub
from pixlm.errors import UsageError
from pixlm.models.document import DonutModel, PaliModel, take_part, text_config, with_parts

WHOLE_BART = {
    **{key: value for key, value in BART.items() if key not in ("model_type", "decoder_layers")},
    "decoder_layers": 3,
    "encoder_layers": 3,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
}


@pytest.mark.parametrize("whole", [BartModel, BartForConditionalGeneration])
def test_the_first_layers_of_barts_decoder(whole, tmp_path):
    torch.manual_seed(1)
    donor = whole(BartConfig(**WHOLE_BART))
    donor.save_pretrained(tmp_path)
    model = donut("page-vit", BART)  # two layers
    with_parts(model.config, None, tmp_path)
    assert text_config(model.config).decoder_layers == 2
    model = DonutModel(model.config)
    fresh = take_part(model, "text", tmp_path)
    assert not fresh
    decoder = donor.get_decoder()
    own, given = model.decoder.model.decoder.state_dict(), decoder.state_dict()
    assert all(torch.equal(own[name], given[name]) for name in own)
    assert "layers.1.fc1.weight" in own
    assert "layers.2.fc1.weight" not in own
    assert model.decoder.lm_head.weight is model.decoder.model.decoder.embed_tokens.weight


def test_siglip_and_mt5_become_a_pali(tmp_path):
    torch.manual_seed(1)
    vision = {**VIT, "image_size": 32}
    eyes = SiglipModel(SiglipConfig(vision_config=vision, text_config={**VIT, "vocab_size": 50}))
    eyes.save_pretrained(tmp_path / "siglip")
    words = MT5ForConditionalGeneration(MT5Config(**{key: value for key, value in T5.items() if key != "model_type"}))
    words.save_pretrained(tmp_path / "mt5")
    config = pali("page-vit").config
    with_parts(config, tmp_path / "siglip", tmp_path / "mt5")
    model = PaliModel(config)
    assert take_part(model, "vision", tmp_path / "siglip") == []
    assert take_part(model, "text", tmp_path / "mt5") == []
    pixels = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        seen, expected = (each.eval()(pixels).last_hidden_state for each in (model.vision_model, eyes.vision_model))
        torch.testing.assert_close(seen, expected)
        ids = torch.tensor([[5, 6, 7]])
        same = {"input_ids": ids, "decoder_input_ids": ids}
        torch.testing.assert_close(model.text_model.eval()(**same).logits, words.eval()(**same).logits)


def test_a_vit_with_a_pooler_becomes_donuts_eyes(tmp_path):
    torch.manual_seed(1)
    eyes = ViTModel(ViTConfig(**VIT, image_size=32))
    eyes.save_pretrained(tmp_path)
    config = donut("page-vit", BART).config
    with_parts(config, tmp_path, None)
    model = DonutModel(config)
    assert take_part(model, "vision", tmp_path) == []
    pixels = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(
            model.encoder.eval()(pixels).last_hidden_state, eyes.eval()(pixels).last_hidden_state
        )


def test_parts_that_do_not_fit_are_refused(tmp_path):
    torch.manual_seed(1)
    SiglipModel(SiglipConfig(vision_config=VIT, text_config={**VIT, "vocab_size": 50})).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="none of its layers fit the text part"):
        take_part(make("donut/bart"), "text", tmp_path)


def publish(folder, theirs, processor) -> None:
    """A folder as transformers' users publish it: nothing of ours in it."""
    theirs.save_pretrained(folder)
    processor.save_pretrained(folder)
    golden_documents.tokenizer().save_pretrained(folder)


def test_published_donuts_bring_their_pages(tmp_path):
    ours = donut("donut-swin", {**BART, "vocab_size": 420})
    size = {"height": 48, "width": 32}
    publish(tmp_path, ours, DonutImageProcessorPil(size=size, do_align_long_axis=True, image_mean=[0.4] * 3))
    encoder = hub.load_encoder(tmp_path)
    settings = encoder.settings
    assert (settings.size, settings.fit, settings.align_long_axis) == ((48, 32), "donut", True)
    assert settings.mean == (0.4, 0.4, 0.4)
    assert settings.max_target_length == 48
    model = hub.load_model(tmp_path)
    assert isinstance(model, DonutModel)
    encoder.check_model(model.config, "it")


def test_published_pix2structs_bring_their_patches(tmp_path):
    ours = make("pix2struct")
    config = ours.config
    config.text_config.vocab_size = 420
    theirs = Pix2StructForConditionalGeneration(config)
    publish(tmp_path, theirs, Pix2StructImageProcessorPil(max_patches=77))
    encoder = hub.load_encoder(tmp_path)
    assert encoder.settings.max_patches == 77
    model = hub.load_model(tmp_path)
    ids = torch.tensor([[5, 6], [9, 10]])
    with torch.no_grad():
        given = inputs(model)
        torch.testing.assert_close(
            model(**given, decoder_input_ids=ids).logits, theirs.eval()(**given, decoder_input_ids=ids).logits
        )
