"""Vectors of texts, or of words in them, from every layer in one pass."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pixlm.data.encoders import Text
from pixlm.data.packing import Packing
from pixlm.data.pages.encoders import PageEncoder
from pixlm.errors import UsageError
from pixlm.inference import PixelLM
from pixlm.models.pixel.pooling import mean_pool


@dataclass(frozen=True)
class Features:
    """vectors: float32 [layers + 1, texts, D], first the embeddings, then each layer's output as it is (the last one
    before a final norm, where the model has one outside its layers); lost: of the words asked for, those that did not
    fit, which have zeros; of texts, the characters."""

    vectors: NDArray[np.float32]
    lost: int


def features(
    model: PixelLM,
    texts: Sequence[Text],
    *,
    words: Sequence[int] | None = None,
    batch_size: int = 32,
    on_batch: Callable[[int], None] | None = None,
) -> Features:
    """The mean over the units (patches, tokens) of each text, separators included, in the order given.

    Args:
        words: ``texts`` are lists of words; the mean is over the units of this word of each.
        on_batch: told how many texts are done, after each batch.

    Raises:
        UsageError: a model that reads pages.
    """
    if isinstance(model.encoder, PageEncoder):
        raise UsageError(f"vectors are for models that read text; {type(model.model).__name__} reads pages")
    if batch_size < 1:
        raise UsageError(f"batch_size {batch_size}: must be 1 or more")
    encoder = model.encoder_model()
    layers, width = model.model.config.num_hidden_layers + 1, model.model.config.hidden_size
    vectors = np.zeros((layers, len(texts), width), np.float32)
    lost = 0
    for indices, codes, batch in model.batches(texts, batch_size, Packing.AUTO):
        mask_BN = batch["attention_mask"]
        if words is not None:
            chosen = np.zeros(tuple(mask_BN.shape), np.uint8)
            for row, (index, code) in enumerate(zip(indices, codes, strict=True)):
                starts, word = code.word_starts or [0], words[index]
                if word + 1 < len(starts) and starts[word] < code.length - 1:
                    chosen[row, starts[word] : max(starts[word + 1], starts[word] + 1)] = 1
                else:
                    lost += 1
            mask_BN = torch.from_numpy(chosen).to(model.device)
        else:
            lost += sum(code.lost for code in codes)
        with torch.inference_mode():
            states = encoder(**batch, output_hidden_states=True).hidden_states
            for layer, hidden in enumerate(states):
                units = hidden[:, -mask_BN.shape[1] :].float()  # without PIXEL's CLS, which stands in front
                vectors[layer, indices] = mean_pool(units, mask_BN).cpu().numpy()
        if on_batch is not None:
            on_batch(len(indices))
    return Features(vectors, lost)


def untrained(model: PixelLM, seed: int) -> PixelLM:
    """The same architecture and encoder with fresh weights, drawn from ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = type(model.model)(copy.deepcopy(model.model.config))
    return PixelLM(fresh.to(model.device), model.encoder)
