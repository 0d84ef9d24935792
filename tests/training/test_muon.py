"""Muon beside AdamW: which parameters go where, what a step is, and that a run goes on bit for bit."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from pixlm.errors import UsageError
from pixlm.models import PixelForPreTraining, preset
from pixlm.training.config import TrainConfig
from pixlm.training.muon import MUON_RATE
from pixlm.training.plan import make_plan
from pixlm.training.schedule import inner_matrices, make_optimizer

pytestmark = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9 has no Muon")


def model() -> PixelForPreTraining:
    return PixelForPreTraining(preset("pixel-nano"))


def test_matrices_of_the_layers_go_to_muon_and_all_else_to_adamw():
    network = model()
    names = inner_matrices(network)
    assert "vit.encoder.layer.0.attention.attention.query.weight" in names
    assert "decoder.decoder_layers.1.output.dense.weight" in names
    assert not any("pred" in name or "embed" in name or name.endswith("bias") for name in names)
    optimizer = make_optimizer(network, TrainConfig(optimizer="muon", weight_decay=0.05), fused=True)
    muon, *rest = optimizer.param_groups
    assert {id(value) for value in muon["params"]} == {
        id(value) for name, value in network.named_parameters() if name in names
    }
    assert muon["scale"] == MUON_RATE
    assert muon["weight_decay"] == 0.05
    given = [id(value) for group in optimizer.param_groups for value in group["params"]]
    assert sorted(given) == sorted(id(value) for value in network.parameters() if value.requires_grad)
    assert [group["weight_decay"] for group in rest] == [0.05, 0.0]


def test_a_step_is_that_of_both():
    torch.manual_seed(0)
    one, two = model(), model()
    two.load_state_dict(one.state_dict())
    together = make_optimizer(one, TrainConfig(optimizer="muon"), fused=False)
    names = inner_matrices(two)
    trained = {name: value for name, value in two.named_parameters() if value.requires_grad}
    muon = torch.optim.Muon(
        [value for name, value in trained.items() if name in names],
        lr=1e-3 * MUON_RATE,
        weight_decay=0.0,
        adjust_lr_fn="match_rms_adamw",
    )
    adamw = torch.optim.AdamW(
        [value for name, value in trained.items() if name not in names], lr=1e-3, weight_decay=0.0
    )
    for group in together.param_groups:
        group["lr"] = 1e-3 * group["scale"]
    for _ in range(3):
        for mine, other in zip(one.parameters(), two.parameters(), strict=True):
            if mine.requires_grad:
                mine.grad = torch.randn_like(mine)
                other.grad = mine.grad.clone()
        together.step()
        muon.step()
        adamw.step()
    assert all(torch.equal(mine, other) for mine, other in zip(one.parameters(), two.parameters(), strict=True))


def test_a_run_goes_on_bit_for_bit(texts, tmp_path, pixlm):
    def run(name: str, steps: int) -> None:
        command = (
            *("pretrain", "--model", "pixel-nano", "--data", str(texts), "--output", str(tmp_path / name)),
            *("--render.max-seq-length", "63", "--train.batch-size", "4", "--train.optimizer", "muon"),
            *("--train.max-steps", "4", "--train.save-steps", "2", "--train.learning-rate", "1e-3"),
        )
        assert pixlm(*command)[0] == (0 if steps == 4 else 1)

    run("straight", 4)
    monkey = pytest.MonkeyPatch()
    from pixlm.training.signals import StopOnSignal

    monkey.setattr(StopOnSignal, "wants_stop", lambda self, after: after == 2)
    run("resumed", 2)
    monkey.undo()
    run("resumed", 4)
    for file in ("model.safetensors", "optimizer.safetensors"):
        one, two = (load_file(tmp_path / name / "checkpoint-4" / file) for name in ("straight", "resumed"))
        assert one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(name.endswith("momentum_buffer") for name in one)


def test_shards_of_matrices_are_refused():
    with pytest.raises(UsageError, match="muon needs whole matrices"):
        make_plan(TrainConfig(optimizer="muon", sharding="full", max_steps=1), 10)
