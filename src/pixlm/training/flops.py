"""Arithmetic that a training step cannot do without, and what a device could do in the same time.

Counted are matrix products, forward once and backward twice, a multiply-add as two: per token 2 (4 D^2 + 2 D I) for the
layers' weights, 4 T D for attention over T tokens, and the projections at both ends. Masked patches never enter the
encoder and are not counted there. A pixel-base pretraining image of 529 patches comes to 318 GFLOP. Model FLOP
utilisation (MFU) is that, over the time and the device's peak.
"""

from __future__ import annotations

import time

import torch

from pixlm.models import PixelConfig, PixelForPreTraining
from pixlm.models.pixel.masking import num_kept

PEAK_TFLOPS = {"H200": 989, "H100": 989, "A100": 312, "L40": 181, "4090": 165}
"""Dense bf16 peaks from the makers' data sheets, by a part of the device's name."""


def layer_flops(tokens: int, width: int, intermediate: int) -> int:
    """One transformer layer on one sequence, forward."""
    return 2 * tokens * (4 * width**2 + 2 * width * intermediate) + 4 * tokens**2 * width


def encoder_flops(config: PixelConfig, patches: int) -> int:
    """Projection and layers for one image of which ``patches`` are seen, forward."""
    width, values = config.hidden_size, config.patch_size**2 * config.num_channels
    layers = config.num_hidden_layers * layer_flops(patches + 1, width, config.intermediate_size)
    return layers + 2 * patches * values * width


def pretraining_flops(config: PixelConfig, patches: int) -> int:
    """One image in a pretraining step, forward and backward."""
    kept = num_kept(patches, config.mask_ratio)
    width, values = config.decoder_hidden_size, config.patch_size**2 * config.num_channels
    layers = config.decoder_num_hidden_layers * layer_flops(patches + 1, width, config.decoder_intermediate_size)
    ends = 2 * (kept + 1) * config.hidden_size * width + 2 * patches * width * values
    return 3 * (encoder_flops(config, kept) + layers + ends)


def finetuning_flops(config: PixelConfig, patches: int) -> int:
    """One text of ``patches`` in a fine-tuning step, forward and backward, the head left out."""
    return 3 * encoder_flops(config, patches)


def step_flops(model: torch.nn.Module, shape: tuple[int, ...]) -> int | None:
    """Of a batch with an attention mask of ``shape`` [B, L], padding included; None for models not counted here."""
    if not isinstance(model, PixelForPreTraining) or len(shape) != 2:
        return None
    return shape[0] * pretraining_flops(model.config, shape[1])


def peak_flops(device: torch.device, dtype: torch.dtype) -> tuple[float, str]:
    """(operations per second that the device can reach, where the number is from).

    The maker's for GPUs in the table above; else that of a square matrix product, measured here in some 0.1 s.
    """
    if device.type == "cuda" and dtype in (torch.bfloat16, torch.float16):
        name = torch.cuda.get_device_name(device)
        for part, peak in PEAK_TFLOPS.items():
            if part in name:
                return peak * 1e12, "data sheet"
    size = 8192 if device.type == "cuda" else 1024
    matrix = torch.ones(size, size, device=device, dtype=dtype)  # no random numbers: the run's are its own
    best = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        matrix @ matrix
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best, "measured matrix product"
