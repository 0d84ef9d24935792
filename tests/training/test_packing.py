"""Fine-tuning on packed rows gives the model that padding gives."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file


@pytest.mark.parametrize("task", ["pos", "parsing"])
def test_packed_runs_equal_padded_runs(task, treebank, tmp_path, pixlm):
    flags = (
        "--train.max-steps",
        "3",
        "--train.batch-size",
        "8",
        "--train.learning-rate",
        "1e-3",
        "--train.dropout",
        "0",
    )
    for packing in ("off", "on", "auto"):
        arguments = ("--model", "pixel-nano", "--data", treebank, "--output", tmp_path / packing, *flags)
        assert pixlm("finetune", task, *arguments, "--train.packing", packing)[0] == 0
    padded = load_file(tmp_path / "off" / "model.safetensors")
    for packing in ("on", "auto"):
        packed = load_file(tmp_path / packing / "model.safetensors")
        for name, value in padded.items():
            torch.testing.assert_close(
                packed[name], value, rtol=1e-3, atol=2e-4, msg=lambda text, name=name: f"{name}: {text}"
            )
        losses = [json.loads((tmp_path / one / "metrics.json").read_text())["dev"]["loss"] for one in ("off", packing)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
