"""Pretraining objectives, one module each."""

from pixlm.tasks.objectives.causal import CausalUnits, InEachModality, Modality
from pixlm.tasks.objectives.masked_patches import MaskedPatches
from pixlm.tasks.objectives.sequence_to_sequence import Resolutions, SequenceToSequence

__all__ = ["CausalUnits", "InEachModality", "MaskedPatches", "Modality", "Resolutions", "SequenceToSequence"]
