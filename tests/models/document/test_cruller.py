"""pixparse's parameter names, both ways, and what its models compute."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from document_models import BART, donut, inputs
from pixlm.errors import UsageError
from pixlm.models.document import DonutModel, from_cruller, load_cruller, to_cruller


@pytest.fixture(params=["page-vit", "page-vit-pre-norm"])
def model(request) -> DonutModel:
    torch.manual_seed(0)
    made = donut(request.param, BART)
    with torch.no_grad():  # zeros and ones would hide a swap
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return made.eval()


def test_the_table_reads_both_ways(model):
    ours = dict(model.state_dict())
    theirs = to_cruller(ours)
    assert len(theirs) == len(ours) - 2 * 2 * 2  # of two layers, q, k and v are one weight and one bias
    assert set(from_cruller(theirs)) == set(ours)
    for name, value in from_cruller(theirs).items():
        assert torch.equal(value, ours[name]), name
    parallel = {f"module.{name}": value for name, value in theirs.items()}
    assert set(from_cruller(parallel)) == set(ours)


def vision_transformer(w: dict[str, Tensor], pixels: Tensor, *, layers: int, heads: int, patch: int, eps: float) -> Any:
    """A vision transformer in timm's names, written out: what the checkpoints' numbers mean."""

    def norm(name: str, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], eps)

    x = F.conv2d(pixels, w["patch_embed.proj.weight"], w.get("patch_embed.proj.bias"), stride=patch)
    x = torch.cat([w["cls_token"].expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], dim=1) + w["pos_embed"]
    if "norm_pre.weight" in w:
        x = norm("norm_pre", x)
    for layer in range(layers):
        block = f"blocks.{layer}"
        qkv = F.linear(norm(f"{block}.norm1", x), w[f"{block}.attn.qkv.weight"], w[f"{block}.attn.qkv.bias"])
        rows, tokens, width = x.shape
        q, k, v = qkv.reshape(rows, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) * (width // heads) ** -0.5).softmax(-1)
        mixed = (weights @ v).transpose(1, 2).reshape(rows, tokens, width)
        x = x + F.linear(mixed, w[f"{block}.attn.proj.weight"], w[f"{block}.attn.proj.bias"])
        inner = F.gelu(F.linear(norm(f"{block}.norm2", x), w[f"{block}.mlp.fc1.weight"], w[f"{block}.mlp.fc1.bias"]))
        x = x + F.linear(inner, w[f"{block}.mlp.fc2.weight"], w[f"{block}.mlp.fc2.bias"])
    return norm("norm", x)


def test_the_encoder_computes_what_timms_does(model):
    prefix = "image_encoder.trunk."
    theirs = {name.removeprefix(prefix): value for name, value in to_cruller(model.state_dict()).items()}
    pixels = inputs(model)["pixel_values"]
    config = model.encoder.config
    with torch.no_grad():
        wanted = vision_transformer(theirs, pixels, layers=2, heads=4, patch=8, eps=config.layer_norm_eps)
        torch.testing.assert_close(model.encoder(pixels).last_hidden_state, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrapped", [False, True])
def test_checkpoint_files_load(model, tmp_path, wrapped):
    theirs = {f"module.{name}": value for name, value in to_cruller(model.state_dict()).items()}
    file = tmp_path / "checkpoint-3.pt"
    torch.save({"model": theirs, "step": 3} if wrapped else theirs, file)
    model.config.decoder.vocab_size = 11  # the file knows
    loaded = load_cruller(file, model.config, DonutModel)
    given, ids = inputs(model), torch.tensor([[5, 6], [9, 10]])
    with torch.no_grad():
        assert torch.equal(loaded(**given, decoder_input_ids=ids).logits, model(**given, decoder_input_ids=ids).logits)


def test_bad_checkpoints_are_one_line(model, tmp_path):
    theirs = to_cruller(model.state_dict())
    with pytest.raises(UsageError, match="no such file"):
        load_cruller(tmp_path / "none.pt", model.config, DonutModel)
    lacking = {name: value for name, value in theirs.items() if "blocks.1.mlp.fc2.bias" not in name}
    torch.save(lacking, tmp_path / "lacking.pt")
    with pytest.raises(UsageError, match=r"lacks encoder\.layers\.1\.mlp\.fc2\.bias"):
        load_cruller(tmp_path / "lacking.pt", model.config, DonutModel)
    torch.save({**theirs, "head.weight": torch.zeros(2)}, tmp_path / "more.pt")
    with pytest.raises(UsageError, match=r"head\.weight: is no parameter"):
        load_cruller(tmp_path / "more.pt", model.config, DonutModel)

    class Hostile:
        def __reduce__(self):
            return (print, ("executed",))

    (tmp_path / "hostile.pt").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(UsageError, match="hostile"):
        load_cruller(tmp_path / "hostile.pt", model.config, DonutModel)
