"""A model on the processes of a run: one, copies of it (DDP), or shards of it (FSDP).

Checkpoints do not depend on which: :func:`model_state` and :func:`optimizer_state` put whole tensors together, under
the parameters' names, and :func:`load_model_state` and :func:`load_optimizer_state` take them apart again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

Sharding = Literal["none", "full", "gradients"]


def shard(model: nn.Module, world: int, sharding: Sharding, precision: torch.dtype | None) -> None:
    """Shard ``model`` over ``world`` processes in place, layer by layer.

    sharding: "full" gathers a layer's parameters when they are needed and frees them after (ZeRO stage 3);
    "gradients" keeps them after the forward pass (stage 2). precision: of the gathered parameters; gradients are
    reduced in float32. Tables that are not trained are sharded, too.
    """
    mesh = init_device_mesh(next(model.parameters()).device.type, (world,))
    # Inputs stay as they are: noise in half precision has ties, and would remove other patches than were counted.
    policy = MixedPrecisionPolicy(param_dtype=precision, reduce_dtype=torch.float32, cast_forward_inputs=False)
    layers = [layer for module in model.modules() if isinstance(module, nn.ModuleList) for layer in module]
    for layer in layers:
        if any(True for _ in layer.parameters()):
            fully_shard(layer, mesh=mesh, mp_policy=policy, reshard_after_forward=sharding == "full")
    fully_shard(model, mesh=mesh, mp_policy=policy, reshard_after_forward=False)


def replicate(model: nn.Module, device: torch.device) -> DistributedDataParallel:
    """``model`` with gradients averaged over processes."""
    devices = [device] if device.type == "cuda" else None
    # Buffers are constants here (angles, known cells): exchanging them at every call would tie how often each calls.
    return DistributedDataParallel(model, device_ids=devices, broadcast_buffers=False)


def defer_gradients(wrapped: nn.Module, defer: bool) -> contextlib.AbstractContextManager[Any]:
    """Around a forward and backward pass: with ``defer`` processes do not exchange gradients yet."""
    if isinstance(wrapped, FSDPModule):
        wrapped.set_requires_gradient_sync(not defer)
    elif defer and isinstance(wrapped, DistributedDataParallel):
        return wrapped.no_sync()
    return contextlib.nullcontext()


def whole(tensor: Tensor) -> Tensor:
    """The tensor on the CPU, put together from the shards; every process has to call it."""
    full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return full.detach().cpu()


def model_state(model: nn.Module) -> dict[str, Tensor]:
    """All of ``model.state_dict()`` in whole tensors; every process has to call it."""
    return {name: whole(value) for name, value in model.state_dict().items()}


def load_model_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load whole tensors into a model, sharded or not."""
    own = model.state_dict()
    # Of parameters that share their values a file holds one.
    tied = {id(parameter): name for name, parameter in model.named_parameters(remove_duplicate=False) if name in state}
    named = dict(model.named_parameters(remove_duplicate=False))
    strangers = (own.keys() ^ state.keys()) - {name for name, value in named.items() if id(value) in tied}
    if strangers:
        raise ValueError(f"the weights of a checkpoint are not the model's: {', '.join(sorted(strangers)[:3])}")
    with torch.no_grad():
        for name in own.keys() & state.keys():
            own[name].copy_(_like(state[name], own[name]))


def optimizer_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's tensors, whole, as "PARAMETER/WHAT"; every process has to call it."""
    state: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        for what, value in optimizer.state.get(parameter, {}).items():
            state[f"{name}/{what}"] = whole(value)
    return state


def load_optimizer_state(model: nn.Module, optimizer: torch.optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Give the optimizer the tensors of :func:`optimizer_state`, sharded as the parameters are."""
    by_name: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        name, _, what = key.rpartition("/")
        by_name.setdefault(name, {})[what] = value
    for name, parameter in model.named_parameters():
        if name in by_name:
            optimizer.state[parameter] = {
                what: _like(value, parameter)
                if value.shape == parameter.shape
                else value.to(parameter.device)  # its count of steps
                for what, value in by_name[name].items()
            }


def _like(value: Tensor, target: Tensor) -> Tensor:
    value = value.to(target.device)
    if not isinstance(target, DTensor):
        return value
    return distribute_tensor(value, target.device_mesh, target.placements, src_data_rank=None)


def gradient_norm(model: nn.Module, highest: float) -> Tensor:
    """The norm of all gradients, over all shards; they are scaled down to ``highest`` where that is above 0."""
    norm = nn.utils.clip_grad_norm_(model.parameters(), highest if highest > 0 else float("inf"))
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
