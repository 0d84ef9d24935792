"""Text encoders of transformers: found, loaded into every head, saved; no network, nothing executed."""

from __future__ import annotations

import json
import socket

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import pixlm
from pixlm import hub
from pixlm.data.encoders import RenderedText
from pixlm.data.tokens import TokenizedText
from pixlm.errors import UsageError
from pixlm.models.heads import Head, head_class
from token_models import KINDS, save_checkpoint

TEXTS = ["My cat loves oatmeal porridge in the morning.", "Моя кошка любит овсяную кашу по утрам."] * 4
OTHERS = (Head.PRETRAINING, Head.SEQUENCE_TO_SEQUENCE, Head.PAGE_CLASSIFICATION)
HEADS = [head for head in Head if head not in OTHERS]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(params=KINDS)
def folder(request, tmp_path):
    return save_checkpoint(tmp_path / "model", request.param, TEXTS)


@pytest.fixture
def bert(tmp_path):
    return save_checkpoint(tmp_path / "model", "bert", TEXTS)


@pytest.mark.parametrize("head", HEADS)
def test_a_pretrained_encoder_loads_into_every_head(folder, head):
    config = hub.load_config(folder, num_labels=5, finetuning_task="x", task_options={"a": 1})
    chosen = head_class(config.model_type, head)
    torch.manual_seed(1)
    model = hub.load_model(folder, chosen, config=config)
    assert type(model) is chosen
    assert not model.training
    assert (config.num_labels, config.finetuning_task, config.task_options) == (5, "x", {"a": 1})
    stored = load_file(folder / "model.safetensors")
    name = next(key for key in stored if key.endswith("layer.1.output.dense.weight"))
    assert torch.equal(model.state_dict()[name], stored[name])
    # Saved with its head, it comes back as it was; without naming the class, too.
    encoder = hub.load_encoder(folder)
    hub.save(folder.parent / "tuned", model, encoder)
    again = hub.load_model(folder.parent / "tuned")
    assert type(again) is chosen
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), model.state_dict().values(), strict=True))
    assert hub.load_encoder(folder.parent / "tuned").fingerprint == encoder.fingerprint
    assert (folder.parent / "tuned" / "model.safetensors").is_file()


def test_the_outputs_are_those_of_transformers(folder):
    from transformers import AutoModel

    expected = AutoModel.from_pretrained(folder).eval()
    encoder = hub.load_encoder(folder)
    batch = {name: torch.from_numpy(value) for name, value in encoder.batch([encoder.encode(TEXTS[0])]).items()}
    model = hub.load_model(folder)
    with torch.inference_mode():
        assert torch.equal(model(**batch).last_hidden_state, expected(**batch).last_hidden_state)


def test_embedding_texts(folder):
    model = pixlm.load(str(folder))
    alone = model.embed(TEXTS[:1])
    assert alone.shape == (1, 32)
    np.testing.assert_allclose(model.embed([TEXTS[0], TEXTS[1] * 3])[:1], alone, atol=1e-5)
    for call in (lambda: model.predict(["x"]), lambda: model.reconstruct("x")):
        with pytest.raises(UsageError, match="needs a"):
            call()


def test_the_encoder_follows_the_model(bert):
    encoder = hub.load_encoder(bert, max_seq_length=20, strategy="bigrams", rgb=True)
    assert isinstance(encoder, TokenizedText)
    assert encoder.max_length == 20
    assert isinstance(hub.load_encoder("pixel-nano", texts=iter(())), RenderedText)
    learnt = hub.load_encoder("bert-nano", texts=TEXTS)
    assert learnt.max_length == 256
    learnt.check_model(hub.load_config("bert-nano"), "bert-nano")
    assert hub.load_encoder("roberta-tiny", texts=TEXTS).max_length == 512
    with pytest.raises(UsageError, match="bert-nano learns its tokens from the texts of a training run"):
        hub.load_encoder("bert-nano")
    with pytest.raises(UsageError, match="reads tokens and has no renderer"):
        hub.load_renderer("bert-nano")
    with pytest.raises(UsageError, match="no head for pretraining"):
        head_class("bert", Head.PRETRAINING)


@pytest.mark.parametrize(("name", "pixel"), [("bert-tiny", "pixel-tiny"), ("bert-nano", "pixel-nano")])
def test_presets_have_the_layers_of_the_pixel_model_of_their_size(name, pixel):
    counts = {}
    for each in (name, pixel):
        config = hub.load_config(each, num_labels=17)
        with torch.device("meta"):
            model = head_class(config.model_type, Head.TOKEN_CLASSIFICATION)(config)
        layers = sum(value.numel() for key, value in model.named_parameters() if "encoder.layer" in key)
        counts[each] = layers, round(sum(value.numel() for value in model.parameters()) / 1e6, 1)
    assert counts[name][0] == counts[pixel][0]
    assert (counts[name][1], counts[pixel][1]) == {"bert-tiny": (3.5, 2.8), "bert-nano": (0.9, 0.6)}[name]


def test_other_encoders_of_transformers_have_heads_too():
    assert head_class("distilbert", Head.TOKEN_CLASSIFICATION).__name__ == "DistilBertForTokenClassification"
    assert head_class("deberta-v2", Head.SEQUENCE_CLASSIFICATION).__name__ == "DebertaV2ForSequenceClassification"
    with pytest.raises(UsageError, match="'vit' have no head"):
        head_class("vit", Head.TOKEN_CLASSIFICATION)


def test_only_tensors_are_read_from_bin(bert):
    weights = load_file(bert / "model.safetensors")
    config = hub.load_config(bert, num_labels=3)
    chosen = head_class("bert", Head.TOKEN_CLASSIFICATION)
    torch.manual_seed(0)
    before = hub.load_model(bert, chosen, config=config)
    (bert / "model.safetensors").unlink()
    torch.save(weights, bert / "pytorch_model.bin")
    torch.manual_seed(0)
    after = hub.load_model(bert, chosen, config=config)
    assert all(
        torch.equal(a, b) for a, b in zip(before.state_dict().values(), after.state_dict().values(), strict=True)
    )

    class Evil:
        def __reduce__(self):
            return print, ("executed",)

    torch.save({**weights, "evil": Evil()}, bert / "pytorch_model.bin")
    with pytest.raises(UsageError, match="holds more than tensors and is not loaded"):
        hub.load_model(bert, chosen, config=config)


def test_code_in_a_checkpoint_is_not_run(bert):
    path = bert / "config.json"
    own = {"AutoConfig": "evil.Config", "AutoModelForTokenClassification": "evil.Model"}
    path.write_text(json.dumps({**json.loads(path.read_text()), "auto_map": own}))
    (bert / "evil.py").write_text("raise SystemExit('executed')")
    config = hub.load_config(bert)
    model = hub.load_model(bert, head_class("bert", Head.TOKEN_CLASSIFICATION), config=config)
    assert not hasattr(model.config, "auto_map")


def test_a_model_that_another_library_fetched_without_its_tokenizer_is_asked_for(bert, monkeypatch):
    import huggingface_hub

    def answer(repository, **options):
        assert options.get("local_files_only"), "asked the hub"
        return str(bert)

    def fail(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", answer)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", fail)
    assert hub.load_encoder("some-org/model").fingerprint == hub.load_encoder(bert).fingerprint
    (bert / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match="is not on this machine, and the hub did not answer"):
        hub.load_encoder("some-org/model")


def test_misfits_are_named(bert):
    chosen = head_class("bert", Head.TOKEN_CLASSIFICATION)
    path = bert / "config.json"
    fields = json.loads(path.read_text())
    for change, message in (
        ({"hidden_size": 64}, r"has the shape \[32\], but the configuration asks for \[64\]"),
        ({"hidden_size": 33}, "no model can be built from its configuration"),
        ({"hidden_size": "wide"}, r"config.json: not the configuration of a bert model"),
        ({"model_type": "vit"}, r"type 'vit'; pixlm reads .* text encoders of transformers, such as bert"),
        ({"model_type": None}, "of type None"),
        ({"model_type": ["bert"]}, r"of type \['bert'\]"),
    ):
        path.write_text(json.dumps({**fields, **change}))
        with pytest.raises(UsageError, match=message) as error:
            hub.load_model(bert, chosen)
        assert "\n" not in str(error.value)
    path.write_text(json.dumps(fields))
    weights = load_file(bert / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.1.attention.self.query" not in name}
    save_file(kept, bert / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"lack bert\.encoder\.layer\.1\.attention\.self\.query\.bias and 1 more"):
        hub.load_model(bert, chosen)


def test_a_head_with_other_labels_starts_fresh_but_a_broken_one_does_not(bert, tmp_path):
    chosen = head_class("bert", Head.TOKEN_CLASSIFICATION)
    tuned = tmp_path / "tuned"
    hub.save(tuned, hub.load_model(bert, chosen, config=hub.load_config(bert, num_labels=5)), hub.load_encoder(bert))
    assert hub.load_model(tuned, config=hub.load_config(tuned, num_labels=7)).classifier.out_features == 7
    weights = load_file(tuned / "model.safetensors")
    weights.pop("classifier.weight")
    save_file(weights, tuned / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"lack classifier\.weight"):
        hub.load_model(tuned)
