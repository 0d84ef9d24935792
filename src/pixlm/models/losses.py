"""Losses as (sum, count): whoever calls divides by the count over all accumulation steps and processes."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor
from torch.nn import functional as F

from pixlm.errors import UsageError

IGNORED_LABEL = -100


class ProblemType(StrEnum):
    """What ``config.problem_type`` may say, in transformers' words."""

    REGRESSION = "regression"
    SINGLE_LABEL = "single_label_classification"
    MULTI_LABEL = "multi_label_classification"


def label_loss(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Sum and count of the cross entropies over labels that are not -100; (0, 0) if there are none.

    Args:
        logits: [..., classes].
        labels: [...], integers.

    Returns:
        (sum, count), float32 scalars.
    """
    labels = labels.long()
    total = F.cross_entropy(
        logits.flatten(0, -2).float(), labels.flatten(), ignore_index=IGNORED_LABEL, reduction="sum"
    )
    return total, (labels != IGNORED_LABEL).sum().float()


def mean_sequence_loss(logits: Tensor, labels: Tensor, problem_type: str | None = None) -> Tensor:
    """The mean of :func:`sequence_loss`; raises UsageError where there are not as many labels as texts."""
    if len(labels) != len(logits):
        raise UsageError(f"labels must have one entry per text, {len(logits)}, not {list(labels.shape)}")
    total, count = sequence_loss(logits, labels, problem_type)
    return total / count.clamp(min=1)


def sequence_loss(logits: Tensor, labels: Tensor, problem_type: str | None = None) -> tuple[Tensor, Tensor]:
    """Sum and count of the loss of a sequence classifier.

    Args:
        logits: [B, labels].
        labels: [B] integers (one class each), [B] numbers (regression), or [B, labels] in 0..1 (several classes each).
        problem_type: see :class:`ProblemType`; None: regression for one output, else by the type of ``labels``.

    Returns:
        (sum, count), float32 scalars; the count is that of the summands.
    """
    if problem_type is None:
        whole = not labels.is_floating_point() and labels.dtype != torch.bool and labels.ndim == 1
        problem_type = ProblemType.SINGLE_LABEL if whole else ProblemType.MULTI_LABEL
        if logits.shape[-1] == 1:
            problem_type = ProblemType.REGRESSION
    if problem_type == ProblemType.SINGLE_LABEL:
        return label_loss(logits, labels.flatten())
    logits, labels = logits.float(), labels.float().view(logits.shape)
    if problem_type == ProblemType.REGRESSION:
        total = F.mse_loss(logits, labels, reduction="sum")
    else:
        total = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
    return total, torch.tensor(float(labels.numel()), device=logits.device)


def answer_loss(
    start_logits: Tensor, end_logits: Tensor, start_positions: Tensor, end_positions: Tensor
) -> tuple[Tensor, Tensor]:
    """Sum and count of the cross entropies of both ends of an answer; the count is that of the ends.

    Args:
        start_logits, end_logits: [B, N + 1]; index N is CLS, "no answer".
        start_positions, end_positions: [B]; beyond N = no label, below 0 counts as 0 (both as upstream clamps them).

    Returns:
        (sum, count), float32 scalars.
    """
    (start, starts), (end, ends) = _both_ends(start_logits, end_logits, start_positions, end_positions)
    return start + end, starts + ends


def mean_answer_loss(
    start_logits: Tensor, end_logits: Tensor, start_positions: Tensor, end_positions: Tensor
) -> Tensor:
    """The mean of the mean over starts and the mean over ends; arguments as in :func:`answer_loss`."""
    ends = _both_ends(start_logits, end_logits, start_positions, end_positions)
    return torch.stack([total / count.clamp(min=1) for total, count in ends]).mean()


def _both_ends(
    start_logits: Tensor, end_logits: Tensor, start_positions: Tensor, end_positions: Tensor
) -> list[tuple[Tensor, Tensor]]:
    pairs = ((start_logits, start_positions), (end_logits, end_positions))
    return [label_loss(logits, _answer_labels(positions, logits)) for logits, positions in pairs]


def _answer_labels(positions: Tensor, logits: Tensor) -> Tensor:
    positions = positions.long().reshape(-1).clamp(min=0)  # a second dimension of 1 comes from some collators
    return positions.masked_fill(positions >= logits.shape[-1], IGNORED_LABEL)
