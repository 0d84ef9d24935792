"""`pixlm convert`: a run for the original code, and back."""

from __future__ import annotations

import pytest
import torch

import golden_documents
from document_models import BART, donut
from pixlm import TextRenderer, hub
from pixlm.data.pages.cruller_tokens import TASKS, add_cruller_tokens
from pixlm.errors import UsageError
from pixlm.models import PixelForSequenceClassification, preset
from pixlm.models.document import to_cruller


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(0)
    config = preset("pixel-nano", num_hidden_layers=1, pooling_mode="pma4", num_labels=3)
    hub.save(tmp_path / "run", PixelForSequenceClassification(config), TextRenderer(max_seq_length=64))
    return tmp_path / "run"


def test_to_upstream_and_back(run, tmp_path, pixlm):
    code, out, _ = pixlm("convert", "--model", run, "--output", tmp_path / "upstream")
    assert code == 0
    assert "PixelForSequenceClassification for upstream, with renderer" in out
    assert "pooling_mode='pma4', add_layer_norm=True" in out
    names = {path.name for path in (tmp_path / "upstream").iterdir()}
    assert names == {"config.json", "pytorch_model.bin", "text_renderer_config.json", "PixlmSans-Regular.ttf"} | {
        path.name for path in run.glob("*.otf")
    }
    config = hub.load_config(tmp_path / "upstream", pooling_mode="pma4")
    hub.save(tmp_path / "told", hub.load_model(tmp_path / "upstream", config=config))
    code, out, _ = pixlm("convert", "--to", "pixlm", "--model", tmp_path / "told", "--output", tmp_path / "back")
    assert code == 0
    assert "without renderer" in out
    pixels = torch.randint(0, 256, (1, 1, 16, 160), dtype=torch.uint8)
    expected, actual = (hub.load_model(folder)(pixels).logits for folder in (run, tmp_path / "back"))
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)


def test_wrong_use(run, pixlm):
    assert pixlm("convert", "--model", run)[0] == 2
    code, _, err = pixlm("convert", "--model", run, "--output", run)
    assert code == 2
    assert "is not empty; choose another --output" in err
    code, _, err = pixlm("convert", "--model", run, "--output", run / "config.json")
    assert code == 2


@pytest.mark.parametrize("case", golden_documents.cases("special_tokens"), ids=golden_documents.name_of)
def test_pixparses_tokens_have_its_numbers(case):
    name = case["input"]["task"].removeprefix("finetune_")
    wanted = case["output"].get("after_setup", {})
    if name not in TASKS:
        return  # the classifier uses none; evaluations add theirs in an order of their own
    tokenizer = golden_documents.tokenizer()
    assert add_cruller_tokens(tokenizer, case["output"]["vocab_size"]) == name
    assert {token: tokenizer.convert_tokens_to_ids(token) for token in wanted} == wanted
    assert len(tokenizer) == case["output"]["vocab_size"]


def test_another_tokenizer_is_noticed():
    with pytest.raises(UsageError, match=r"adds 2 \(pretrain\), 57 \(cord\), .*, not 3"):
        add_cruller_tokens(golden_documents.tokenizer(), 423)


def test_pixparses_checkpoints_both_ways(tmp_path, pixlm, monkeypatch):
    torch.manual_seed(0)
    small = donut("page-vit", {**BART, "vocab_size": 422, "max_position_embeddings": 1024})
    theirs = {f"module.{name}": value for name, value in to_cruller(small.state_dict()).items()}
    torch.save(theirs, tmp_path / "checkpoint-0.pt")
    monkeypatch.setattr("pixlm.cli.convert.preset", lambda name: small.config)
    given = ("--model", tmp_path / "checkpoint-0.pt", "--output", tmp_path / "model")
    code, _, error = pixlm("convert", *given)
    assert code == 2
    assert "holds no tokenizer" in error
    code, out, error = pixlm("convert", *given, "--tokenizer", golden_documents.FOLDER / "tokenizer")
    assert code == 0, error
    assert "cruller-base with the tokens of pretrain" in out
    model, encoder = hub.load_model(tmp_path / "model"), hub.load_encoder(tmp_path / "model")
    assert encoder.settings.fit == "stretch"
    assert encoder.tokenizer.convert_tokens_to_ids("<s_pretrain>") == 420
    code, out, error = pixlm("convert", "--model", tmp_path / "model", "--output", tmp_path / "back")
    assert code == 0, error
    back = torch.load(tmp_path / "back" / "checkpoint.pt", weights_only=True)
    assert back.keys() == {name.removeprefix("module.") for name in theirs}
    assert all(torch.equal(back[name.removeprefix("module.")], value) for name, value in theirs.items())
    assert model.config.decoder.vocab_size == 422
