"""Checkpoints for the original code: the keys that it writes, the numbers that it computes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, RobertaConfig, XLMRobertaConfig

from pixlm import hub
from pixlm.errors import UsageError
from pixlm.models import (
    PixelForDependencyParsing,
    PixelForPreTraining,
    PixelForQuestionAnswering,
    PixelForSequenceClassification,
    PixelForTokenClassification,
    TokenForDependencyParsing,
)
from pixlm.models.upstream import save_upstream, upstream_checkpoint

SUBSET = Path(__file__).parents[1] / "golden" / "pixel-models"
FULL = Path(__file__).parents[3] / "shared" / "golden" / "pixel-models"


def folders(root: Path) -> list:
    found = sorted(path.parent for path in root.glob("**/config.json"))
    return [pytest.param(path, id=str(path.relative_to(root))) for path in found]


def stored_weights(folder: Path) -> dict[str, torch.Tensor]:
    path = folder / "model.safetensors"
    return load_file(path) if path.exists() else torch.load(folder / "pytorch_model.bin", weights_only=True)


def round_trip(folder: Path, target: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] == "pixel":
        told = {"pooling_mode": "pma4"} if "pma4" in folder.name else {}
        model = hub.load_model(folder, config=hub.load_config(folder, **told))
    else:
        kind = {"bert": BertConfig, "roberta": RobertaConfig}[config["model_type"]]
        model = TokenForDependencyParsing(kind(**config))
        model.load_state_dict(
            {key: value for key, value in stored_weights(folder).items() if "position_ids" not in key}
        )
    save_upstream(model, target)
    assert sorted(path.name for path in target.iterdir()) == ["config.json", "pytorch_model.bin"]
    written, stored = stored_weights(target), stored_weights(folder)
    assert {name: value.shape for name, value in written.items()} == {
        name: value.shape for name, value in stored.items()
    }
    used = model.state_dict().keys()
    assert all(torch.equal(value, stored[name]) for name, value in written.items() if name in used)
    converted = json.loads((target / "config.json").read_text())
    config["architectures"] = [name.removeprefix("Interpretable") for name in config["architectures"]]
    assert {**converted, "transformers_version": ""} == {**config, "transformers_version": ""}


@pytest.mark.filterwarnings("ignore:the config.json of")
@pytest.mark.parametrize("folder", folders(SUBSET))
def test_round_trip(folder, tmp_path):
    round_trip(folder, tmp_path)


@pytest.mark.parity
@pytest.mark.skipif(not FULL.is_dir(), reason="the full recorded outputs (../shared/golden) are not on this machine")
@pytest.mark.filterwarnings("ignore:the config.json of")
@pytest.mark.parametrize("folder", folders(FULL) or [None])
def test_round_trip_of_all(folder, tmp_path):
    round_trip(folder, tmp_path)


@pytest.mark.parametrize(
    "head",
    [
        PixelForPreTraining,
        PixelForTokenClassification,
        PixelForSequenceClassification,
        PixelForQuestionAnswering,
        PixelForDependencyParsing,
    ],
)
def test_a_grey_model_becomes_a_colour_model(head, make_config, batch, tmp_path):
    model = head(make_config(num_channels=1, pooling_mode="cls")).eval()
    save_upstream(model, tmp_path)
    again = hub.load_model(tmp_path)
    assert type(again) is head
    assert again.config.num_channels == 3
    inputs = {name: batch[name] for name in ("pixel_values", "attention_mask")}
    if head is PixelForPreTraining:
        inputs["noise"] = batch["noise"]
    if head is PixelForDependencyParsing:
        inputs["word_starts"] = torch.tensor([[0, 2, 4], [1, 3, 5]])
    expected, actual = model(**inputs), again(**inputs)
    for name in expected:
        if name in ("logits", "arc_logits", "rel_logits", "start_logits", "end_logits"):
            wanted = expected[name]
            if head is PixelForPreTraining:
                wanted = wanted.repeat_interleave(3, dim=-1)
            torch.testing.assert_close(actual[name], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"position_embedding_type": "rotary"}, "does not know position_embedding_type 'rotary'"),
        ({"extend_positions": "linear"}, 'does not know extend_positions "linear"'),
        ({"image_size": (16, 320)}, "20 positions in a PixelForPreTraining, which must be a square"),
    ],
)
def test_what_upstream_does_not_know(fields, message, make_config):
    with pytest.raises(UsageError, match=message):
        upstream_checkpoint(PixelForPreTraining(make_config(**fields)))


def test_pooling_that_upstream_does_not_know(make_config):
    config = make_config(pooling_mode="pma2", mask_padding=True)
    with pytest.raises(UsageError, match="attention pooling with mask_padding"):
        upstream_checkpoint(PixelForSequenceClassification(config))


def test_token_models_that_upstream_does_not_know():
    tiny = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8, "vocab_size": 9}
    with pytest.raises(UsageError, match="no parser for models of type 'xlm-roberta'"):
        upstream_checkpoint(TokenForDependencyParsing(XLMRobertaConfig(**tiny)))
    bert = TokenForDependencyParsing(BertConfig(**tiny))
    with pytest.raises(UsageError, match="no counterpart of BertModel"):
        upstream_checkpoint(bert.bert)
