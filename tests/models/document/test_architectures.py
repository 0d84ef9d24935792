"""Three architectures, many parts, one interface: forward, gradients, sizes, vocabulary, saving."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, VisionEncoderDecoderModel

from document_models import EOS, MODELS, PAD, VOCABULARY, Tokens, inputs, make
from pixlm import hub
from pixlm.errors import UsageError
from pixlm.models import preset
from pixlm.models.document import DOCUMENT_PRESETS, KINDS, text_config
from pixlm.models.heads import Head, head_class


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_learns_and_padding_behind_targets_changes_nothing(name):
    model = make(name).train(False)
    ids = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 12]])
    given = inputs(model)
    logits = model(**given, decoder_input_ids=ids).logits
    assert logits.shape == (2, 4, VOCABULARY)
    padded = torch.cat([ids, torch.full((2, 3), PAD)], dim=1)
    torch.testing.assert_close(model(**given, decoder_input_ids=padded).logits[:, :4], logits, rtol=1e-4, atol=1e-5)
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten()).backward()
    # DDP stops where a parameter takes no part.
    assert not [each for each, value in model.named_parameters() if value.requires_grad and value.grad is None]


@pytest.mark.parametrize("name", [name for name in MODELS if name != "pix2struct"])
def test_pages_of_other_sizes_are_read(name):
    model = make(name)
    ids = torch.tensor([[5, 6], [9, 10]])
    for size in ((64, 64), (32, 48), (96, 32)):
        logits = model(**inputs(model, size=size), decoder_input_ids=ids).logits
        assert torch.isfinite(logits).all()


def test_a_table_that_is_stretched_keeps_its_corners_order():
    model = make("donut/page-vit").encoder
    with torch.no_grad():
        rows = torch.arange(24.0).reshape(6, 4)
        model.embeddings.position_embeddings[:, 1:] = rows.flatten()[:, None]
    from pixlm.models.document.vision import position_table

    table = model.embeddings.position_embeddings
    assert position_table(table, (6, 4), (6, 4)) is table
    larger = position_table(table, (6, 4), (12, 8))[0, 1:, 0].reshape(12, 8)
    assert (larger.diff(dim=0) > 0).all()
    assert (larger.diff(dim=1) > 0).all()
    assert torch.equal(position_table(table, (6, 4), (12, 8))[:, 0], table[:, 0])


def test_pixels_that_are_no_whole_patches_are_refused():
    model = make("donut/page-vit")
    with pytest.raises(ValueError, match="8-pixel patches"):
        model(**inputs(model, size=(48, 36)), decoder_input_ids=torch.tensor([[5], [5]]))


@pytest.mark.parametrize("name", ["donut/donut-swin", "donut/bart", "pix2struct", "pali/t5", "pali/bart"])
def test_a_larger_vocabulary_gets_rows_and_keeps_the_old_ones(name):
    model = make(name)
    given, ids = inputs(model), torch.tensor([[5, 6], [9, 10]])
    before = model(**given, decoder_input_ids=ids).logits
    model.fit_vocabulary(Tokens(VOCABULARY + 7))
    after = model(**given, decoder_input_ids=ids).logits
    assert after.shape[-1] == VOCABULARY + 7
    torch.testing.assert_close(after[..., :VOCABULARY], before)
    assert text_config(model.config).vocab_size == VOCABULARY + 7
    assert (model.config.pad_token_id, model.config.eos_token_id) == (PAD, EOS)
    model.fit_vocabulary(Tokens(VOCABULARY))  # never fewer
    assert model(**given, decoder_input_ids=ids).logits.shape[-1] == VOCABULARY + 7


def test_a_tokenizer_without_padding_is_refused():
    tokens = Tokens()
    tokens.pad_token_id = None
    with pytest.raises(UsageError, match="padding"):
        make("pix2struct").fit_vocabulary(tokens)


@pytest.mark.parametrize("name", MODELS)
def test_models_come_back_from_their_folder(name, tmp_path):
    model = make(name)
    hub.save(tmp_path, model)
    again = hub.load_model(tmp_path)
    assert type(again) is type(model)
    # Runs go on from files whose names are the model's own.
    assert load_file(tmp_path / "model.safetensors").keys() <= model.state_dict().keys()
    given, ids = inputs(model), torch.tensor([[5, 6], [9, 10]])
    assert torch.equal(again(**given, decoder_input_ids=ids).logits, model(**given, decoder_input_ids=ids).logits)


def test_donuts_folder_is_one_of_transformers(tmp_path):
    model = make("donut/donut-swin")
    hub.save(tmp_path, model)
    theirs = VisionEncoderDecoderModel.from_pretrained(tmp_path)
    given, ids = inputs(model), torch.tensor([[5, 6], [9, 10]])
    torch.testing.assert_close(
        theirs.eval()(**given, decoder_input_ids=ids).logits, model(**given, decoder_input_ids=ids).logits
    )
    theirs.save_pretrained(tmp_path / "theirs")
    ours = hub.load_model(tmp_path / "theirs")
    assert torch.equal(ours(**given, decoder_input_ids=ids).logits, model(**given, decoder_input_ids=ids).logits)


def test_a_damaged_folder_is_one_line(tmp_path):
    model = make("pali/t5")
    hub.save(tmp_path, model)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UsageError, match=r"model\.safetensors is damaged"):
        hub.load_model(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "pali", "vision_config": {"model_type": "none"}}')
    with pytest.raises(UsageError, match=r"config\.json: a part of the model is of type 'none'"):
        hub.load_config(tmp_path)


@pytest.mark.parametrize("name", ["donut/page-vit", "donut/donut-swin", "pix2struct", "pali/t5"])
def test_classifiers_take_the_image_encoder_of_a_model_that_writes(name, tmp_path):
    model = make(name)
    hub.save(tmp_path, model)
    config = hub.load_config(tmp_path, num_labels=5)
    classifier = hub.load_model(tmp_path, head_class(config.model_type, Head.PAGE_CLASSIFICATION), config=config)
    tower, own = model.image_encoder.state_dict(), classifier.image_encoder.state_dict()
    assert all(torch.equal(tower[each], own[each]) for each in tower)
    logits = classifier(**inputs(model)).logits
    assert logits.shape == (2, 5)
    logits.sum().backward()
    assert not [each for each, value in classifier.named_parameters() if value.grad is None]
    hub.save(tmp_path / "classifier", classifier)
    again = hub.load_model(tmp_path / "classifier")
    assert torch.equal(again(**inputs(model)).logits, logits)


# In millions; of Pix2Struct as published (282 and 1.3 billion), of Cruller's encoders as recorded of pixparse.
SIZES = {
    "donut-tiny": 3.2,
    "donut-base": 201.9,
    "cruller-base": 163.2,
    "pix2struct-tiny": 4.9,
    "pix2struct-base": 282.3,
    "pix2struct-large": 1336.1,
    "pali-tiny": 5.1,
    "pali-base": 477.3,
}


@pytest.mark.parametrize("name", DOCUMENT_PRESETS)
def test_presets_have_their_sizes(name):
    config = preset(name, finetuning_task="receipts")
    assert config.finetuning_task == "receipts"
    with torch.device("meta"):
        model = head_class(config.model_type, Head.SEQUENCE_TO_SEQUENCE)(config)
    if name in SIZES:
        assert sum(value.numel() for value in model.parameters()) / 1e6 == pytest.approx(SIZES[name], abs=0.1)
    encoder = sum(value.numel() for value in model.image_encoder.parameters())
    assert encoder == {"cruller-base": 86_029_056, "cruller-large": 305_084_416}.get(name, encoder)
    fields = AutoConfig.for_model(**config.to_dict()).to_dict()
    assert fields["model_type"] in KINDS
