"""How well a masked model fills in held-out text, beside predictors that need no model.

Two measures per source of the text (a language, say): the loss of pretraining over removed patches, and the share of
characters in them that can be read back: by the renderer, among all that it can draw of the text's characters
(``model``), and as the nearest of the cells of the source's train text (``nearest``). The predictors:

* ``mean``: the mean of the patches of the source's train text, as the loss sees them (loss only);
* ``white``: an empty patch;
* ``left``: the nearest patch to the left that was not removed;
* ``frequent``: the commonest cell of the source's train text (characters only).

What is read was predicted without knowing the patch: the loss is over patches minus their mean, over their standard
deviation, and for reading all get the same mean and deviation, those of the train text on average.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import RenderedText
from pixlm.data.masking import RandomMasking, SpanMasking
from pixlm.data.packing import Packing
from pixlm.data.pretraining.rows import Corpus
from pixlm.errors import UsageError
from pixlm.inference import PixelLM
from pixlm.models import PixelForPreTraining, target_patches
from pixlm.rendering import TextRenderer
from pixlm.rendering.reading import Reading
from pixlm.tasks.evaluation import to_device
from pixlm.tasks.objectives import MaskedPatches

READABLE = ("bigrams", "grapheme-bigrams", "mono")
"""Strategies in which a removed patch is a cell of its own, so that its characters can be counted."""
PREDICTORS = ("model", "mean", "white", "left")


@dataclass
class Filling:
    """What was measured on one source.

    patches: removed ones; loss: per predictor; characters: in the removed patches of the strips that were read;
    read: share of them that each predictor got right; empty where the strategy cannot be read patch by patch.
    """

    patches: int = 0
    loss: dict[str, float] = field(default_factory=dict)
    characters: int = 0
    read: dict[str, float] = field(default_factory=dict)


def fill_in(
    model: PixelLM,
    train: Corpus,
    heldout: Corpus,
    masking: SpanMasking | RandomMasking,
    *,
    seed: int = 42,
    batch_size: int = 16,
    strips: int | None = None,
    read_strips: int = 8,
    train_strips: int = 64,
) -> Iterator[tuple[str, Filling]]:
    """Measure source by source.

    Args:
        heldout, train: blocks of text by source, packed for the model's encoder.
        strips: held-out strips of a source at most; None: all. read_strips: of which so many are read back.
        train_strips: strips of a source from which its mean patch and commonest cell come.

    Raises:
        UsageError: a model without a decoder, or strips that are drawn already and so say no text.
    """
    network, encoder = model.model, model.encoder
    if not isinstance(network, PixelForPreTraining) or not isinstance(encoder, RenderedText):
        raise UsageError(f"filling in needs a pretrained masked model; this is {type(network).__name__}")
    encoder = copy.copy(encoder)
    encoder.packing = Packing.OFF
    read_strips = read_strips if encoder.renderer.strategy in READABLE else 0
    ratio, network.config.mask_ratio = network.config.mask_ratio, masking.mask_ratio
    objective = MaskedPatches(encoder, masking, seed)
    try:
        for name in heldout.names:
            habits = _habits(network, encoder, train, name, train_strips)
            rows = heldout.part(name)
            rows = rows if strips is None else rows[: min(strips, len(rows))]
            yield name, _fill(model, objective, rows, habits, batch_size, read_strips)
    finally:
        network.config.mask_ratio = ratio


@dataclass
class _Habits:
    """What the train text of a source looks like.

    patch: its mean patch [P], as the loss sees it; mean, deviation: of a patch's pixels, on average; texts: some of it,
    whose characters may be read; frequent: its commonest cell; known, bank: its cells and their pictures [cells, P], as
    the loss sees them.
    """

    patch: Tensor
    mean: float
    deviation: float
    texts: list[str]
    frequent: str
    known: list[str]
    bank: Tensor


def _habits(network: PixelForPreTraining, encoder: RenderedText, train: Corpus, name: str, count: int) -> _Habits:
    rows = train.part(name)
    texts = [rows[number] for number in np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]
    if not all(isinstance(text, str) for text in texts):
        raise UsageError("filling in needs text, and these are strips that are drawn already; give the text files")
    arrays = encoder.batch([encoder.encode(text) for text in texts])
    pixels = torch.from_numpy(arrays["pixel_values"])
    used = torch.from_numpy(arrays["attention_mask"]).bool()
    values, side = network.decoder.decoder_pred.out_features, network.config.patch_size
    patches = target_patches(pixels, values, side)[used]
    targets = target_patches(pixels, values, side, normalise=network.config.norm_pix_loss)[used]
    counts, pictures = Counter[str](), dict[str, Tensor]()
    begins = np.concatenate([[0], used.sum(dim=1).cumsum(0).numpy()])
    for text, begin in zip(texts, begins, strict=False):
        for place, cell in enumerate(_cells(encoder.renderer, text)):
            if cell.strip():
                counts[cell.strip()] += 1
                pictures.setdefault(cell, targets[begin + place])
    return _Habits(
        patch=targets.mean(0),
        mean=float(patches.mean()),
        deviation=float(patches.std(dim=-1).mean()),
        texts=texts[:8],
        frequent=counts.most_common(1)[0][0],
        known=[cell.strip() for cell in pictures],
        bank=torch.stack(list(pictures.values())),
    )


def _fill(
    model: PixelLM, objective: MaskedPatches, rows: Sequence[str], habits: _Habits, batch_size: int, read_strips: int
) -> Filling:
    network, encoder = model.model, objective.encoder
    assert isinstance(network, PixelForPreTraining)
    assert isinstance(encoder, RenderedText)
    normalise = network.config.norm_pix_loss
    found, right = Filling(), Counter[str]()
    errors = dict.fromkeys(PREDICTORS, 0.0)
    for start in range(0, len(rows), batch_size):
        some = rows[start : start + batch_size]
        collated = objective.collate([Drawn(Draw(0, start + at), row) for at, row in enumerate(some)])
        with torch.inference_mode():
            batch = to_device(collated, model.device)
            logits = objective.loss(network, batch).outputs.logits.float()
            target = target_patches(
                batch["pixel_values"], logits.shape[-1], network.config.patch_size, normalise=normalise
            )
            gone = batch["patch_mask"].bool()
            guesses = {
                "model": logits,
                "mean": habits.patch.to(logits).expand_as(logits),
                # A white patch is its mean, so that nothing of it is left where patches are normalised.
                "white": torch.full_like(logits, 0.0 if normalise else 1.0),
                "left": _taken(target, _left_of(gone)),
            }
            removed = gone & batch["attention_mask"].bool()
            for name, guess in guesses.items():
                errors[name] += float((guess - target).square().mean(-1)[removed].sum())
        found.patches += int(removed.sum())
        left = _left_of(gone)
        for at in range(max(0, min(len(some), read_strips - start))):
            cells = [cell.strip() for cell in _cells(encoder.renderer, some[at])]
            # The black patch that ends a text is no cell, nor is what holds only a part of one.
            places = [int(place) for place in removed[at].nonzero() if place < len(cells) and cells[place]]
            read = _read(encoder.renderer, logits[at, places], network, habits)
            distances = torch.cdist(logits[at, places].cpu(), habits.bank)
            nearest = [habits.known[number] for number in distances.argmin(dim=1).tolist()] if places else []
            for place, text, known in zip(places, read, nearest, strict=True):
                wanted, beside = cells[place], int(left[at, place])
                found.characters += len(wanted)
                right["model"] += _alike(wanted, text)
                right["nearest"] += _alike(wanted, known)
                right["left"] += _alike(wanted, cells[beside] if 0 <= beside < len(cells) else "")
                right["frequent"] += _alike(wanted, habits.frequent)
    found.loss = {name: error / max(found.patches, 1) for name, error in errors.items()}
    if found.characters:
        # An empty patch says nothing.
        found.read = {
            name: right[name] / found.characters for name in ("model", "nearest", "white", "left", "frequent")
        }
    return found


def _left_of(removed_BN: Tensor) -> Tensor:
    """[B, N] the place of each patch's nearest neighbour to the left that was not removed; -1 where there is none."""
    places = torch.arange(removed_BN.shape[1], device=removed_BN.device).expand_as(removed_BN)
    seen = torch.where(removed_BN, -1, places)
    return torch.cat([torch.full_like(seen[:, :1], -1), seen[:, :-1].cummax(dim=1).values], dim=1)


def _taken(patches_BNP: Tensor, places_BN: Tensor) -> Tensor:
    """The patches at these places; zeros at place -1."""
    taken = patches_BNP.gather(1, places_BN.clamp(min=0)[..., None].expand_as(patches_BNP))
    return taken.masked_fill((places_BN < 0)[..., None], 0.0)


def _cells(renderer: TextRenderer, text: str) -> list[str]:
    """What stands in each patch; nothing where a cell is wider than its patch."""
    offsets = renderer.render(text, padding=False, return_offset_mapping=True).offset_mapping
    assert offsets is not None
    times = Counter(offsets)
    return [text[slice(*span)] if times[span] == 1 else "" for span in offsets]


def _read(renderer: TextRenderer, guess_NP: Tensor, network: PixelForPreTraining, habits: _Habits) -> list[str]:
    """What can be read in each predicted patch, drawn with the mean and deviation that patches have on average."""
    if not len(guess_NP):
        return []
    side = network.config.patch_size
    if network.config.norm_pix_loss:
        guess_NP = guess_NP * habits.deviation + habits.mean
    cut = guess_NP.reshape(len(guess_NP), side, side, -1).permute(1, 0, 2, 3).reshape(side, len(guess_NP) * side, -1)
    strip = (cut.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    if strip.shape[2] != (3 if renderer.rgb else 1):
        strip = strip.mean(2, keepdims=True).astype(np.uint8).repeat(3 if renderer.rgb else 1, axis=2)
    reading = renderer.read(strip if renderer.rgb else strip[..., 0], candidates=habits.texts)
    assert isinstance(reading, Reading)
    found = [""] * len(guess_NP)
    for cell in reading.cells:
        if cell.span[1] == cell.span[0] + 1:
            found[cell.span[0]] = cell.text.strip()
    return found


def _alike(text: str, guess: str) -> int:
    """Characters of ``text`` that stand at the same place in ``guess``."""
    return sum(one == other for one, other in zip(text, guess, strict=False))
