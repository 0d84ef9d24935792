"""From a page to text, token by token: what tasks on pages learn, and Donut, Pix2Struct and PaLI are pretrained on.

The loss is the cross entropy of the target's tokens and the closing one, given the page and all tokens before; the
prompt (the task's own first tokens) is no target.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch

from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import Encoded
from pixlm.data.pages.encoders import IGNORE, START_IDS, PageEncoder
from pixlm.data.pages.example import PageSample
from pixlm.models import label_loss
from pixlm.models.document import DocumentModel, Writing, write
from pixlm.tasks.objective import Batch, Loss, Objective, Reduced, to_tensors

Sampler = Callable[[Any, np.random.Generator | None], PageSample]
"""One visit to an example; in training with the generator that draws its page, its answer and what is masked."""


@dataclasses.dataclass(frozen=True)
class Resolutions:
    """A run that begins with smaller pages.

    scales: of the canvas's sides (Pix2Struct: of the number of patches) in equal parts of the run's ``steps``;
    multiple: of pixels that sides are rounded to.
    """

    scales: tuple[float, ...]
    steps: int
    multiple: int = 1

    def at(self, step: int) -> float:
        """The scale of a step."""
        return self.scales[min(step * len(self.scales) // max(self.steps, 1), len(self.scales) - 1)]

    def encoder(self, encoder: PageEncoder, step: int) -> PageEncoder:
        """``encoder`` as it is at a step."""
        scale, how = self.at(step), encoder.settings
        if scale == 1:
            return encoder
        height, width = (max(round(side * scale / self.multiple), 1) * self.multiple for side in how.size)
        smaller = copy.copy(encoder)
        smaller.settings = dataclasses.replace(
            how, size=(height, width), max_patches=max(round(how.max_patches * scale), 1)
        )
        return smaller


class PageVisits:
    """Mixed into objectives on pages: an example is opened, distorted and encoded when a batch is made.

    ``sample`` makes of an example what is to be seen and written; seed: with a draw's epoch and index it decides all
    that is random; resolutions: of a training run.
    """

    encoder: PageEncoder
    sample: Sampler
    seed: int = 0
    resolutions: Resolutions | None = None

    def visit(self, drawn: Sequence[Drawn]) -> tuple[PageEncoder, list[PageSample], list[Encoded]]:
        """(the encoder as it is at this step of the run, samples, what the encoder makes of them)."""
        encoder, step = self.encoder, drawn[0].draw.step
        if self.resolutions is not None and step is not None:
            encoder = self.resolutions.encoder(encoder, step)
        samples, encoded = [], []
        for one in drawn:
            rng = self.generator(one.draw)
            samples.append(self.sample(one.example, rng))
            encoded.append(encoder.encode(samples[-1], rng=rng))
        return encoder, samples, encoded

    def generator(self, draw: Draw) -> np.random.Generator | None:
        """The random numbers of one visit in training; None in evaluation."""
        return None if draw.step is None else np.random.default_rng([self.seed, draw.epoch, draw.index])


class SequenceToSequence(PageVisits, Objective):
    """Examples are pages; see :class:`PageVisits`.

    writing: how predictions are written in evaluation, None for the loss alone.
    """

    def __init__(
        self,
        encoder: PageEncoder,
        sample: Sampler,
        *,
        seed: int = 0,
        writing: Writing | None = None,
        resolutions: Resolutions | None = None,
    ):
        self.encoder, self.sample, self.seed = encoder, sample, seed
        self.writing, self.resolutions = writing, resolutions

    def collate(self, drawn: Sequence[Drawn]) -> Batch:
        encoder, samples, encoded = self.visit(drawn)
        inputs = encoder.batch(encoded)
        targets, cut = encoder.targets(encoded, [sample.target for sample in samples])
        labels = targets["labels"]
        return {
            **to_tensors({**inputs, **targets}),
            "inputs": tuple(inputs),
            "prompts": [one.units[START_IDS].tolist() for one in encoded],
            "count": torch.tensor(int((labels != IGNORE).sum())),
            "units": int((labels != IGNORE).sum()),
            "lost": cut + sum(one.lost for one in encoded),
            "drawn": list(drawn),
        }

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        # Padding stands behind all targets, where causal attention does not look: the decoder needs no mask.
        outputs = model(**_inputs(batch), decoder_input_ids=batch["decoder_input_ids"])
        return Loss(*label_loss(outputs.logits, batch["labels"]), outputs)

    def predictions(self, model: torch.nn.Module, outputs: Any, batch: Batch) -> list[Reduced]:
        """What the model writes about each page, as a string with its tags."""
        if self.writing is None:
            return []
        found = write(cast(DocumentModel, model), _inputs(batch), batch["prompts"], self.writing)
        return [
            Reduced(one.draw.index, self.encoder.decode(ids)) for one, ids in zip(batch["drawn"], found, strict=True)
        ]


def _inputs(batch: Batch) -> dict[str, torch.Tensor]:
    return {name: batch[name] for name in batch["inputs"]}
