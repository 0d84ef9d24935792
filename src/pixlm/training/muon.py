"""Muon for matrices and AdamW for the rest, as one optimizer.

Muon (Jordan et al. 2024) makes the momentum of a weight matrix orthogonal before it is a step. With its steps scaled to
the size of AdamW's (Liu et al. 2025, "Muon is Scalable for LLM Training") both could take the same learning rate; in
small models Muon bears, and needs, a higher one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch

MUON_RATE = 4.0
"""Muon's learning rate in AdamW's: 2e-3 and 8e-3 were better for a small PIXEL than 2e-3, 4e-3 or 8e-3 for both."""


class MuonAndAdamW(torch.optim.Optimizer):
    """Muon for groups of matrices beside ``adamw``, which has the other parameters; groups and state are those of both.

    The learning rate is set from outside, in ``param_groups``: the run's, times a group's ``scale``.
    """

    def __init__(self, matrices: Sequence[dict[str, Any]], adamw: torch.optim.AdamW, *, weight_decay: float):
        muon = torch.optim.Muon(
            [{**group, "scale": group["scale"] * MUON_RATE} for group in matrices],
            lr=adamw.param_groups[0]["lr"],
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        super().__init__([*muon.param_groups, *adamw.param_groups], {})
        self._parts: tuple[torch.optim.Optimizer, ...] = (muon, adamw)
        self.state = cast(Any, defaultdict(dict))
        for part in self._parts:
            # One state under the parameters, and the same groups, whoever looks: checkpoints are written from here.
            part.state = self.state
        muon.param_groups, adamw.param_groups = self.param_groups[: len(matrices)], self.param_groups[len(matrices) :]

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Both optimizers' steps."""
        assert closure is None, "the runner has its gradients already"
        for part in self._parts:
            part.step()
