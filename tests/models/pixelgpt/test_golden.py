"""The original code's recorded outputs and gradients: a subset on every clone, all of them where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM, LlamaForSequenceClassification

from pixlm import hub
from pixlm.models import PixelGPTForCausalLM, PixelGPTForSequenceClassification, patchify, unpatchify
from pixlm.models.pixelgpt.config import PixelGPTConfig
from pixlm.models.pixelgpt.heads import Regression

ROOT = Path(__file__).parents[3]
SUBSET = ROOT / "tests" / "golden" / "pixelgpt"
FULL = ROOT.parent / "shared" / "golden" / "pixelgpt"
OUTPUTS, GRADIENTS = 1e-5, 1e-4
NOT_OUTPUTS = ("grad.", "score.weight", "projection.weight")


def cases(folder: Path) -> list:
    if not folder.is_dir():
        return []
    found = json.loads((folder / "index.json").read_text())["cases"]
    return [pytest.param(case, id=case["name"]) for case in found if case["checkpoint"]]


def tensors(folder: Path, case: dict, which: str) -> dict[str, torch.Tensor]:
    return load_file(folder / case["dir"] / f"{which}.safetensors")


def load(folder: Path, case: dict, recorded: dict[str, torch.Tensor], tmp_path: Path):
    """The case's model as a person would load it: from a folder with upstream's configuration and class names."""
    checkpoint = folder / "checkpoints" / case["checkpoint"]
    if "num_labels" in case:
        stored = json.loads((checkpoint / "config.json").read_text())
        kind = stored["architectures"][0].replace("ForCausalLM", "ForSequenceClassification")
        stored |= {"architectures": [kind], "num_labels": case["num_labels"], "pad_token_id": case["pad_token_id"]}
        stored["pair_pooling"] = "upstream"
        (tmp_path / "config.json").write_text(json.dumps(stored))
        weights = load_file(checkpoint / "model.safetensors")
        trunk = {name: value for name, value in weights.items() if name.startswith("model.")}
        save_file({**trunk, "score.weight": recorded["score.weight"]}, tmp_path / "model.safetensors")
        checkpoint = tmp_path
    config = hub.load_config(checkpoint, **({"num_channels": 1} if "gray" in case["name"] else {}))
    attention = "eager" if case["name"].endswith("eager") else "sdpa"
    return hub.load_model(checkpoint, config=config, attn_implementation=attention)


def run(folder: Path, case: dict, tmp_path: Path) -> None:
    inputs, recorded = tensors(folder, case, "inputs"), tensors(folder, case, "outputs")
    model = load(folder, case, recorded, tmp_path)
    llama, classifier = case["checkpoint"] == "textgpt", "num_labels" in case
    assert (
        type(model)
        is {
            (False, False): PixelGPTForCausalLM,
            (False, True): PixelGPTForSequenceClassification,
            (True, False): LlamaForCausalLM,
            (True, True): LlamaForSequenceClassification,
        }[llama, classifier]
    )
    if "sequences" in recorded:
        prompt = inputs["input_ids"]
        drawn = model.generate(prompt, do_sample=False, max_new_tokens=10, eos_token_id=None, pad_token_id=0)
        assert torch.equal(drawn, recorded["sequences"])
        first = model(input_ids=prompt, use_cache=True)
        for layer in range(2):
            cached = first.past_key_values.layers[layer]
            torch.testing.assert_close(cached.keys, recorded[f"cache.{layer}.key"], rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(cached.values, recorded[f"cache.{layer}.value"], rtol=1e-5, atol=1e-5)
        second = model(input_ids=recorded["step1.next"], past_key_values=first.past_key_values)
        close(second.logits_token, recorded["step2.logits"], OUTPUTS)
        return
    eager = {"output_attentions": True} if case["name"].endswith("eager") else {}
    outputs = model(**inputs, output_hidden_states=True, **eager)
    compared = 0
    for name, expected in recorded.items():
        if name.startswith(NOT_OUTPUTS):
            continue
        field, _, number = name.partition(".")
        actual = getattr(outputs, field)
        if actual is None:  # upstream has the constant 0 where there is nothing to learn
            assert name == "loss"
            assert float(expected) == 0
            continue
        close(actual[int(number)] if number else actual, expected, OUTPUTS)
        compared += 1
    assert compared
    if any(name.startswith("grad.") for name in recorded):
        outputs.loss.backward()
        for name, expected in recorded.items():
            if name.startswith("grad."):
                close(model.get_parameter(name.removeprefix("grad.")).grad, expected, GRADIENTS)


def close(actual: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    """Off by at most ``tolerance`` times the largest recorded value."""
    scale = float(expected.abs().max()) or 1.0
    assert actual.shape == expected.shape
    assert float((actual.detach() - expected).abs().max()) <= tolerance * scale


@pytest.mark.parametrize("case", cases(SUBSET))
def test_subset(case, tmp_path):
    run(SUBSET, case, tmp_path)


@pytest.mark.parity
@pytest.mark.skipif(not FULL.is_dir(), reason="the full recorded outputs (../shared/golden) are not on this machine")
@pytest.mark.parametrize("case", cases(FULL) or [None])
def test_full(case, tmp_path):
    run(FULL, case, tmp_path)


def test_patch_operations_and_the_bare_loss():
    case = {"dir": "cases/patch-ops"}
    inputs, recorded = tensors(SUBSET, case, "inputs"), tensors(SUBSET, case, "outputs")
    patches = patchify(inputs["images"], 8)
    assert torch.equal(patches, recorded["patchify"])
    assert torch.equal(unpatchify(patches[:, :4], 8, columns=2), recorded["unpatchify_of_first4"])
    counted = inputs["mask"][:, 1:].bool()
    for normalise in (True, False):
        config = PixelGPTConfig(hidden_size=16, num_attention_heads=2, patch_size=8, norm_pix_loss=normalise)
        error, known = Regression(config).errors(inputs["pred"], inputs["loss_images"])
        assert bool(known.all())
        expected = recorded[f"loss.norm_{str(normalise).lower()}"]
        torch.testing.assert_close((error * counted).sum() / counted.sum(), expected, rtol=1e-5, atol=1e-6)
