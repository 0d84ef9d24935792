"""PixelGPT: a Llama trunk over patches, tokens, or both in one sequence, and its heads."""

from .causal_lm import PixelGPTForCausalLM, PixelGPTOutput
from .config import PairPooling, PixelGPTConfig, PixelHead
from .generation import GeneratedPatches
from .model import PixelGPTModel, PixelGPTPreTrainedModel
from .sequence_classification import PixelGPTForSequenceClassification

__all__ = [
    "GeneratedPatches",
    "PairPooling",
    "PixelGPTConfig",
    "PixelGPTForCausalLM",
    "PixelGPTForSequenceClassification",
    "PixelGPTModel",
    "PixelGPTOutput",
    "PixelGPTPreTrainedModel",
    "PixelHead",
]
