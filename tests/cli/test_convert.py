"""`pixlm convert`: a run for the original code, and back."""

from __future__ import annotations

import pytest
import torch

from pixlm import TextRenderer, hub
from pixlm.models import PixelForSequenceClassification, preset


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
