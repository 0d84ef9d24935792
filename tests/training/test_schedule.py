"""Learning rates are transformers' own; weight decay spares biases and norms."""

from __future__ import annotations

import pytest
import torch
from transformers import get_scheduler

import golden_documents
from document_models import make
from pixlm.errors import UsageError
from pixlm.training.config import TrainConfig
from pixlm.training.layers import freeze, layer_depths
from pixlm.training.parallel import load_optimizer_state, optimizer_state
from pixlm.training.schedule import learning_rate, legacy_rate, make_optimizer
from pixlm.training.spikes import Spikes


@pytest.mark.parametrize(
    ("schedule", "theirs", "lowest"),
    [
        ("linear", "linear", 0.0),
        ("constant", "constant_with_warmup", 0.0),
        ("cosine", "cosine_with_min_lr", 1e-5),  # equals PIXEL's own schedule
    ],
)
def test_learning_rates_are_those_of_transformers(schedule, theirs, lowest):
    settings = TrainConfig(schedule=schedule, learning_rate=1.5e-4, min_learning_rate=lowest)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.5e-4)
    more = {"scheduler_specific_kwargs": {"min_lr": lowest}} if lowest else {}
    scheduler = get_scheduler(theirs, optimizer, num_warmup_steps=7, num_training_steps=50, **more)
    for step in range(51):
        expected = scheduler.get_last_lr()[0]
        assert learning_rate(settings, step, steps=50, warmup_steps=7) == pytest.approx(expected, rel=1e-12, abs=1e-18)
        optimizer.step()
        scheduler.step()


def test_biases_and_norms_do_not_decay():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 1, bias=False))
    optimizer = make_optimizer(model, TrainConfig(weight_decay=0.05), fused=True)
    decaying, other = optimizer.param_groups
    assert (decaying["weight_decay"], other["weight_decay"]) == (0.05, 0.0)
    assert {tuple(value.shape) for value in decaying["params"]} == {(4, 3), (1, 4)}
    assert len(other["params"]) == 3


@pytest.mark.parametrize("case", golden_documents.cases("lr_schedules", "lr_trace"), ids=lambda case: case["id"])
def test_legacy_schedules_are_those_recorded_of_pixparse(case):
    given, wanted = case["input"], case.get("output")
    per_interval = given["num_batches_per_interval"] // given["grad_accum_steps"]
    if wanted is None:  # unknown to timm, or no step at all: an error there, no choice here
        assert given["scheduler"] in ("linear", "none") or per_interval == 0
        return
    assert wanted["steps_per_interval"] == per_interval
    for step, rate in enumerate(wanted["lr_after_update"]):
        found = legacy_rate(
            given["scheduler"],
            step,
            highest=given["learning_rate"],
            steps=given["num_intervals"] * per_interval,
            warmup_steps=given["num_warmup_intervals"] * per_interval,
            lowest_warm=given["warmup_learning_rate"],
        )
        assert found == pytest.approx(rate, rel=1e-12, abs=1e-18)


def test_legacy_schedules_can_be_asked_for():
    settings = TrainConfig(schedule="legacy-cosine", learning_rate=1e-3)
    rates = [learning_rate(settings, step, steps=30, warmup_steps=10) for step in range(31)]
    assert rates[0] == 0
    assert rates[9] == pytest.approx(9e-4)
    assert rates[10] == pytest.approx(7.5e-4)  # the jump of pixparse's (B5)
    assert rates[30] == 0


def test_layers_have_their_own_rates():
    model = make("donut/donut-swin")
    depths, top = layer_depths(model)
    assert top == 5
    assert depths["encoder.embeddings.patch_embeddings.projection.weight"] == 0
    assert depths["encoder.encoder.layers.0.blocks.0.layernorm_before.weight"] == 1
    assert depths["encoder.encoder.layers.0.downsample.reduction.weight"] == 1
    assert depths["encoder.encoder.layers.1.blocks.0.layernorm_before.weight"] == 2
    assert depths["decoder.model.decoder.layers.1.fc1.weight"] == 4
    assert depths["decoder.model.decoder.layer_norm.weight"] == 5
    optimizer = make_optimizer(model, TrainConfig(layer_decay=0.5, weight_decay=0.1), fused=True)
    scales = {id(value): group["scale"] for group in optimizer.param_groups for value in group["params"]}
    assert set(scales) == {id(value) for value in model.parameters()}
    named = dict(model.named_parameters())
    assert scales[id(named["decoder.model.decoder.layer_norm.weight"])] == 1
    assert scales[id(named["encoder.embeddings.patch_embeddings.projection.weight"])] == 0.5**5
    whole = make_optimizer(model, TrainConfig(weight_decay=0.1), fused=True)
    assert len(whole.param_groups) == 2


def test_t5_blocks_are_layers():
    depths, top = layer_depths(make("pali/t5"))
    assert top == 7
    assert depths["text_model.encoder.block.1.layer.0.SelfAttention.q.weight"] == 4
    assert depths["text_model.decoder.block.1.layer.2.DenseReluDense.wo.weight"] == 6


def test_parts_can_be_kept_from_training():
    model = make("pali/t5")
    names = freeze(model, ("vision_model.",))
    assert names == [name for name, value in model.named_parameters() if not value.requires_grad]
    assert all(name.startswith("vision_model.") for name in names)
    kept = make_optimizer(model, TrainConfig(layer_decay=0.9), fused=True)
    assert sum(len(group["params"]) for group in kept.param_groups) == len(list(model.parameters())) - len(names)
    with pytest.raises(UsageError, match=r"--train\.freeze visoin: .* parts: .*vision_model"):
        freeze(model, ("visoin",))
    with pytest.raises(UsageError, match="nothing is left that could learn"):
        freeze(model, ("vision_model.", "projection.", "text_model."))


def test_adafactor_goes_on_where_it_was():
    settings = TrainConfig(optimizer="adafactor", learning_rate=0.01)

    def stepped(model, optimizer, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for value in model.parameters():
            value.grad = torch.randn(value.shape, generator=generator)
        optimizer.step()

    straight, left = make("pix2struct"), make("pix2struct")
    optimizers = [make_optimizer(model, settings, fused=True) for model in (straight, left)]
    assert isinstance(optimizers[0], torch.optim.Adafactor)
    for model, optimizer in zip((straight, left), optimizers, strict=True):
        stepped(model, optimizer, 1)
    again = make_optimizer(left, settings, fused=True)
    load_optimizer_state(left, again, optimizer_state(left, optimizers[1]))
    stepped(straight, optimizers[0], 2)
    stepped(left, again, 2)
    for one, two in zip(straight.parameters(), left.parameters(), strict=True):
        assert torch.equal(one, two)


def test_spikes_are_told_from_what_is_usual():
    spikes = Spikes(2.0)
    assert [spikes.usual(loss) for loss in [9.0, *[1.0] * 9]] == [None] * 10
    assert spikes.usual(1.9) is None
    assert spikes.usual(2.1) == 1.0
    assert spikes.usual(50.0) == 1.0  # a spike is no part of what is usual
    assert spikes.usual(float("nan")) is None
    assert Spikes(None).usual(1e9) is None
