"""Which units (patches, tokens) a classifier's answer comes from.

Three answers, see :class:`Method`. Two need attention that shows its probabilities; models that compute it otherwise
are switched for the time of the call.

Suffixes: B texts, N units, T tokens of the model (N, or N + 1 with PIXEL's CLS in front), H heads, D width.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from pixlm.errors import UsageError
from pixlm.models import PixelConfig
from pixlm.models.heads import Head, head_class

HEADS = (Head.SEQUENCE_CLASSIFICATION, Head.TOKEN_CLASSIFICATION)


class Method(StrEnum):
    """How relevance is computed."""

    GRADIENT = "gradient"
    """Attention times its gradient, positive part, mean over heads, accumulated over the layers: R = R + A R (Chefer
    et al. 2021; what PIXEL's script draws). Says what speaks for the class."""
    ROLLOUT = "rollout"
    """Attention rollout (Abnar and Zuidema 2020): half the mean attention, half the unit itself, multiplied over the
    layers. The same for every class."""
    INTEGRATED_GRADIENTS = "integrated-gradients"
    """Integrated gradients (Sundararajan et al. 2017) from an empty strip, or padding tokens, to the text. Signed; sums
    to the difference of the class's logit between the two."""


def relevance(
    model: PreTrainedModel,
    batch: Mapping[str, Tensor],
    targets: Sequence[int] | Tensor | None = None,
    *,
    method: str = Method.GRADIENT,
    units: Sequence[int] | Tensor | None = None,
    keep: Tensor | None = None,
    steps: int = 32,
) -> NDArray[np.float32]:
    """The relevance of every unit of a padded batch for one logit a text [B, N]; 0 at padding.

    Args:
        model: a classifier of texts or of units; its mode and its gradients are left as they are.
        batch: what its encoder made with packing off: ``pixel_values`` or ``input_ids``, and ``attention_mask`` [B, N].
        targets: class of each text; None: the likeliest.
        method: see :class:`Method`.
        units: classifiers of units: the unit of each text whose logits are explained.
        keep: [B, N] bool, units that integrated gradients leave as they are: separators.
        steps: of the integral.

    Of a classifier that pools units the rows of R count by the part that the units have in the logit: the positive part
    of gradient times vector (rollout: all units that are read count alike).

    Raises:
        UsageError: a model without such a head, packed rows, a class or method that there is not.
    """
    check_classifier(model)
    if method not in list(Method):
        raise UsageError(f"relevance by {method!r}: choose {', '.join(Method)}")
    if "attention_mask" not in batch or batch["attention_mask"].ndim != 2 or "patch_attention_mask" in batch:
        raise UsageError("relevance needs a padded batch of patches or of tokens, with its attention_mask")
    if "position_ids" in batch:
        raise UsageError("relevance needs padded rows, not packed ones; turn packing off")
    labels_units = is_unit_classifier(model)
    if labels_units != (units is not None):
        raise UsageError(
            "say which units are to be explained (units): the model labels units"
            if labels_units
            else "the model labels whole texts: units are for models that label units"
        )
    chosen = None if units is None else torch.as_tensor(units, device=model.device)
    if method == Method.INTEGRATED_GRADIENTS:
        values = _integrated(model, batch, _targets(model, batch, targets, chosen), chosen, keep, steps)
    else:
        values = _through_attention(model, batch, targets, chosen, Method(method))
    visible = batch["attention_mask"].to(values) > 0
    return cast(NDArray[np.float32], (values * visible).float().cpu().numpy())


def check_classifier(model: PreTrainedModel) -> None:
    """Raise a UsageError for a model that classifies neither texts nor units."""
    if not any(_has_head(model, head) for head in HEADS):
        raise UsageError(
            f"relevance needs a classifier of texts or of words; this is {type(model).__name__}: fine-tune one with "
            "pixlm finetune topic, classify, pos ..."
        )


def is_unit_classifier(model: PreTrainedModel) -> bool:
    """Whether a model labels each unit, and not the text."""
    return _has_head(model, Head.TOKEN_CLASSIFICATION)


def _has_head(model: PreTrainedModel, head: Head) -> bool:
    try:
        return isinstance(model, head_class(model.config.model_type, head))
    except UsageError:
        return False


@contextlib.contextmanager
def eager_attention(model: PreTrainedModel) -> Iterator[None]:
    """Attention that shows its probabilities. PIXEL's own layers need no switch: they show them when asked."""
    before = model.config._attn_implementation
    if isinstance(model.config, PixelConfig) or before == "eager":
        yield
        return
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@contextlib.contextmanager
def _last_states(model: PreTrainedModel) -> Iterator[list[Tensor]]:
    """The encoder's output, which heads do not hand on; only that of this thread."""
    found: list[Tensor] = []
    thread = threading.get_ident()

    def take(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        if threading.get_ident() == thread:
            found.append(output.last_hidden_state)

    handle = model.base_model.register_forward_hook(take)
    try:
        yield found
    finally:
        handle.remove()


def _through_attention(
    model: PreTrainedModel,
    batch: Mapping[str, Tensor],
    targets: Sequence[int] | Tensor | None,
    units: Tensor | None,
    method: Method,
) -> Tensor:
    with torch.enable_grad(), eager_attention(model), _evaluating(model), _last_states(model) as states:
        outputs = model(**batch, output_attentions=True)
        logits = _logits(outputs.logits, units)
        classes = _checked(logits, targets)
        attentions: tuple[Tensor, ...] = outputs.attentions
        *slopes, slope_BTD = torch.autograd.grad(
            logits.gather(1, classes[:, None]).sum(), [*attentions, states[0]], allow_unused=True
        )
    with torch.no_grad():
        read_BT = _read_off(states[0], slope_BTD, alike=method is Method.ROLLOUT)
        tokens = read_BT.shape[1]
        if method is Method.ROLLOUT:
            unit_TT = torch.eye(tokens, device=read_BT.device)
            maps = [(each.mean(dim=1) + unit_TT) / 2 for each in attentions]
            # From the last layer to the first: a row vector times one matrix a layer.
            for map_BTT in reversed(maps):
                read_BT = (read_BT[:, None] @ map_BTT)[:, 0]
        else:
            for each, slope in zip(reversed(attentions), reversed(slopes), strict=True):
                if slope is not None:  # in the last layer of a causal model only one row may count, but some do
                    read_BT = read_BT + (read_BT[:, None] @ (slope * each).clamp(min=0).mean(dim=1))[:, 0]
        return read_BT[:, tokens - batch["attention_mask"].shape[1] :]


def _read_off(states_BTD: Tensor, slope_BTD: Tensor, *, alike: bool) -> Tensor:
    """[B, T] how much of the logit is read off each token; a row sums to 1."""
    read_BT = slope_BTD.abs().sum(-1) > 0
    shares = read_BT.to(states_BTD)
    if not alike:
        gain_BT = (slope_BTD * states_BTD).sum(-1)
        gain_BT = torch.where((gain_BT > 0).any(1, keepdim=True), gain_BT.clamp(min=0), gain_BT.abs())
        # A single token that is read, such as CLS, is all there is, whatever the sign of its part.
        shares = torch.where((read_BT.sum(1) == 1)[:, None], shares, gain_BT)
    return shares / shares.sum(1, keepdim=True).clamp(min=torch.finfo(shares.dtype).tiny)


def _integrated(
    model: PreTrainedModel,
    batch: Mapping[str, Tensor],
    classes: Tensor,
    units: Tensor | None,
    keep: Tensor | None,
    steps: int,
) -> Tensor:
    if steps < 1:
        raise UsageError(f"{steps} steps: must be 1 or more")
    mask_BN = batch["attention_mask"]
    fixed_BN = torch.zeros_like(mask_BN, dtype=torch.bool) if keep is None else keep.to(mask_BN.device).bool()
    pixels = "pixel_values" in batch
    if pixels:
        there = batch["pixel_values"]
        there = there.float() / 255 if there.dtype == torch.uint8 else there.float()
        held = fixed_BN.repeat_interleave(there.shape[-1] // mask_BN.shape[1], dim=1)[:, None, None]
        start = torch.where(held, there, torch.ones_like(there))
    else:
        table = model.get_input_embeddings()
        padding = torch.full_like(batch["input_ids"], int(model.config.pad_token_id or 0))
        with torch.no_grad():
            there = table(batch["input_ids"])
            start = torch.where(fixed_BN[..., None], there, table(padding))
    total = torch.zeros_like(there)
    with torch.enable_grad(), _evaluating(model):
        for step in range(steps):
            point = (start + (there - start) * (step + 0.5) / steps).requires_grad_()
            if pixels:
                outputs = model(**{**batch, "pixel_values": point})
            else:
                # Positions, and the unit that is read, are found by the tokens in some models: those stay.
                with _instead(table, point):
                    outputs = model(**batch)
            picked = _logits(outputs.logits, units).gather(1, classes[:, None]).sum()
            (slope,) = torch.autograd.grad(picked, point)
            total += slope / steps
    parts = total * (there - start)
    return parts.sum(dim=(1, 2)).unflatten(1, (mask_BN.shape[1], -1)).sum(-1) if pixels else parts.sum(-1)


@contextlib.contextmanager
def _instead(module: torch.nn.Module, output: Tensor) -> Iterator[None]:
    """In this thread a module gives ``output``."""
    thread = threading.get_ident()
    handle = module.register_forward_hook(lambda *_: output if threading.get_ident() == thread else None)
    try:
        yield
    finally:
        handle.remove()


def _targets(
    model: PreTrainedModel, batch: Mapping[str, Tensor], targets: Sequence[int] | Tensor | None, units: Tensor | None
) -> Tensor:
    with torch.no_grad(), _evaluating(model):
        return _checked(_logits(model(**batch).logits, units), targets)


def _logits(logits: Tensor, units: Tensor | None) -> Tensor:
    return logits if units is None else logits[torch.arange(len(logits), device=logits.device), units]


def _checked(logits: Tensor, targets: Sequence[int] | Tensor | None) -> Tensor:
    """[B] the classes to explain."""
    if targets is None:
        return logits.argmax(-1)
    classes = torch.as_tensor(targets, device=logits.device)
    outputs = logits.shape[-1]
    if classes.shape != logits.shape[:1] or bool(((classes < 0) | (classes >= outputs)).any()):
        raise UsageError(f"targets must be one class of 0 to {outputs - 1} a text, not {classes.tolist()}")
    return classes


@contextlib.contextmanager
def _evaluating(model: PreTrainedModel) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
