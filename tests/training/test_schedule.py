"""Learning rates are transformers' own; weight decay spares biases and norms."""

from __future__ import annotations

import pytest
import torch
from transformers import get_scheduler

from pixlm.training.config import TrainConfig
from pixlm.training.schedule import learning_rate, make_optimizer


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
