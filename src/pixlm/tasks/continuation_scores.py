"""How well a generator goes on: loss, characters read back, and the last word of passages (LAMBADA's way)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from transformers import PreTrainedModel

from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import InputEncoder
from pixlm.errors import UsageError
from pixlm.models import PixelGPTConfig
from pixlm.models.pixelgpt.heads import Cell
from pixlm.tasks.continuation import Mode, go_on
from pixlm.tasks.evaluation import evaluate
from pixlm.tasks.objectives import CausalUnits, Modality
from pixlm.tasks.objectives.causal import sides_of


@dataclass
class Scored:
    """scores: loss (mean over next units), cer, last_word, examples; rows: what was made of each text."""

    scores: dict[str, float]
    rows: list[dict[str, Any]] = field(repr=False)


def score(
    model: PreTrainedModel,
    encoder: InputEncoder,
    texts: Sequence[str],
    mode: Mode,
    *,
    batch_size: int = 8,
    candidates: Any = None,
) -> Scored:
    """Let a model go on from parts of texts, and compare with how they go on.

    loss: of the whole texts. cer: each text is cut after the word that is nearest to its middle; edits between what is
    read back (or decoded) and the whole text, over the characters that were to be made. last_word: all but the last
    word is given (Paperno et al. 2016, "LAMBADA"); whether the first word that follows is that one, punctuation aside.
    Choices are the likeliest ones. Texts of one word, and texts that do not fit the model, are left out.

    Raises:
        UsageError: nothing is left, or a mode that does not go on (image-text).
    """
    if mode == Mode.IMAGE_TEXT:
        raise UsageError("image-text says what a strip shows and does not go on; score with --mode pixel or text")
    side = sides_of(encoder)[0 if mode == Mode.PIXEL else 1]
    assert side is not None
    fitting = [text for text in texts if len(text.split()) > 1 and side.encode(text).lost == 0]
    if not fitting:
        raise UsageError("there is no text of two words or more that fits the model")
    found = _loss(model, side, fitting, mode, batch_size)
    rows: list[dict[str, Any]] = []
    edits = wanted = right = 0
    for text in fitting:
        half, last = _cut(text, len(text) / 2), _cut(text, len(text))
        longest = side.count(text)
        made = []
        for prompt in (half, last):
            room = max(longest - side.count(prompt) + 8, 1)
            made += go_on(model, side, [prompt], mode, max_new=room, candidates=candidates)
        edits += Levenshtein.distance(_plain(made[0].text), _plain(text))
        wanted += len(_plain(text)) - len(_plain(half))
        guess = _word_after(made[1].text, last)
        hit = _bare(guess) == _bare(text.split()[-1])
        right += hit
        rows.append({"text": text, "prompt": half, "continuation": made[0].text, "last_word": guess, "right": hit})
    more = {"cer": edits / max(wanted, 1), "last_word": right / len(fitting)}
    return Scored({"examples": len(fitting), "left_out": len(texts) - len(fitting), **found, **more}, rows)


def _loss(
    model: PreTrainedModel, side: InputEncoder, texts: Sequence[str], mode: Mode, batch_size: int
) -> dict[str, float]:
    config = model.config
    head = None
    if mode == Mode.PIXEL and isinstance(config, PixelGPTConfig) and config.num_cells:
        head = Cell(config, torch.as_tensor(model.cells).cpu())
    objective = CausalUnits(side, {Modality(str(mode)): 1.0}, 0, cell_head=head)
    lengths = np.array([side.measure(text) for text in texts], np.float32)
    evaluation = evaluate(model, objective, list(texts), lengths, batch_size=batch_size)
    units = sum(int(objective.collate([Drawn(Draw(0, 0), text)])["count"]) for text in texts)
    return {"units": units, **({} if evaluation.loss is None else {"loss": evaluation.loss})}


def _cut(text: str, near: float) -> str:
    """The beginning of a text up to the end of a word, near a place, with a word or more on both sides."""
    ends = [place for place, character in enumerate(text) if character == " " and text[:place].strip()]
    ends = [place for place in ends if text[place:].strip()]
    return text[: min(ends, key=lambda end: abs(end - near))] if ends else text.split()[0]


def _word_after(made: str, prompt: str) -> str:
    """The first word behind as many words as the prompt has."""
    words = made.split()
    place = len(prompt.split())
    return words[place] if place < len(words) else ""


def _plain(text: str) -> str:
    return " ".join(text.split())


def _bare(word: str) -> str:
    return "".join(character for character in word.casefold() if character.isalnum())
