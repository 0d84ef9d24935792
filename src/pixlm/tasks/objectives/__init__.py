"""Pretraining objectives, one module each."""

from pixlm.tasks.objectives.masked_patches import MaskedPatches

__all__ = ["MaskedPatches"]
