"""Writing with a document model: cached, as long as needed and no longer, and out of loops.

transformers' ``generate`` does the work. It is given rows with equal prompts together: decoders with a position table
(BART) would count padding in front of a shorter prompt as positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList

from pixlm.errors import UsageError
from pixlm.models.document.base import DocumentModel


@dataclass(frozen=True)
class Writing:
    """How an answer is searched for.

    max_new_tokens: the longest answer, the closing token included; None: what the decoder has positions for, or 512;
    min_new_tokens: the closing token comes no earlier; num_beams: 1 is greedy; loop_tokens: an answer whose last so
    many tokens are one short unit over and over is stopped, and the repetitions are taken out, 0 lets it run;
    loop_repeats: how often at least the unit stands there; no_repeat_ngram_size: tokens that never come twice in the
    same order, 0 allows all.

    Raises:
        UsageError: numbers out of range.
    """

    max_new_tokens: int | None = None
    min_new_tokens: int = 0
    num_beams: int = 1
    loop_tokens: int = 32
    loop_repeats: int = 4
    no_repeat_ngram_size: int = 0

    def __post_init__(self) -> None:
        for name, lowest in (("max_new_tokens", 1), ("min_new_tokens", 0), ("num_beams", 1), ("loop_repeats", 2)):
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise UsageError(f"{name} {value}: must be {lowest} or more")
        for name in ("loop_tokens", "no_repeat_ngram_size"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} {getattr(self, name)}: must be 0 or more")
        if self.max_new_tokens is not None and self.min_new_tokens > self.max_new_tokens:
            raise UsageError(f"min_new_tokens {self.min_new_tokens}: is more than max_new_tokens {self.max_new_tokens}")


_LONGEST = 512


def write(
    model: DocumentModel, inputs: dict[str, Tensor], prompts: Sequence[Sequence[int]], how: Writing | None = None
) -> list[list[int]]:
    """What ``model`` writes after each prompt, token by token, without the closing token and what follows it.

    Args:
        inputs: the encoder's side of a batch, on the model's device.
        prompts: the decoder's first tokens, of each row.
        how: see :class:`Writing`.

    Raises:
        UsageError: a prompt that leaves no room for an answer.
    """
    how = how or Writing()
    answers: list[list[int]] = [[] for _ in prompts]
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, prompt in enumerate(prompts):
        groups.setdefault(tuple(prompt), []).append(row)
    for prompt, rows in groups.items():
        chosen = {name: value[rows] for name, value in inputs.items()}
        for row, answer in zip(rows, _write_alike(model, chosen, prompt, how), strict=True):
            answers[row] = answer
    return answers


def _write_alike(
    model: DocumentModel, inputs: dict[str, Tensor], prompt: tuple[int, ...], how: Writing
) -> list[list[int]]:
    """The answers of rows with the same prompt."""
    size = len(next(iter(inputs.values())))
    device = next(iter(inputs.values())).device
    room = how.max_new_tokens or _LONGEST
    if model.max_target_length is not None:
        # The last token needs no position: it is never read.
        room = min(room, model.max_target_length - len(prompt) + 1)
    if room < 1:
        raise UsageError(
            f"the prompt has {len(prompt)} tokens, but the decoder has positions for {model.max_target_length}"
        )
    eos = int(model.config.eos_token_id)
    guard = (
        LoopGuard(len(prompt), how.loop_tokens, how.loop_repeats) if how.loop_tokens and how.num_beams == 1 else None
    )
    options: dict[str, Any] = {"no_repeat_ngram_size": how.no_repeat_ngram_size} if how.no_repeat_ngram_size else {}
    if guard is not None:
        options["stopping_criteria"] = StoppingCriteriaList([guard])
    with torch.no_grad():
        part, given = model.generation(inputs)
        generate: Any = part.generate
        found: Tensor = generate(
            **given,
            decoder_input_ids=torch.tensor([prompt] * size, device=device),
            # Else transformers would put its own first token before ours.
            decoder_start_token_id=prompt[0],
            max_new_tokens=room,
            min_new_tokens=min(how.min_new_tokens, room),
            num_beams=how.num_beams,
            do_sample=False,
            use_cache=True,
            pad_token_id=int(model.config.pad_token_id),
            eos_token_id=eos,
            **options,
        )
    answers = []
    for row, ids in enumerate(found[:, len(prompt) :].tolist()):
        # A row that the guard stopped is filled up while others go on.
        stopped = guard.stopped.get(row) if guard is not None else None
        ids = ids if stopped is None else ids[:stopped]
        ids = ids[: ids.index(eos)] if eos in ids else ids
        if how.loop_tokens:
            ids = without_loop(ids, how.loop_tokens, how.loop_repeats)
        answers.append(ids)
    return answers


def loop_period(ids: Sequence[int], tokens: int, repeats: int) -> int | None:
    """The length of the unit that the last ``tokens`` of ``ids`` are made of, ``repeats`` times or more; or None."""
    if len(ids) < tokens:
        return None
    tail = list(ids[-tokens:])
    for period in range(1, tokens // repeats + 1):
        if tail[period:] == tail[:-period]:
            return period
    return None


def without_loop(ids: Sequence[int], tokens: int, repeats: int) -> list[int]:
    """``ids`` whose end, if it is a loop (:func:`loop_period`), is cut to one of its units."""
    period = loop_period(ids, tokens, repeats)
    if period is None:
        return list(ids)
    start = len(ids) - period
    while start >= period and list(ids[start - period : start]) == list(ids[start : start + period]):
        start -= period
    return list(ids[: start + period])


class LoopGuard(StoppingCriteria):
    """Stops a row that goes round in circles; see :class:`Writing`.

    Attributes:
        stopped: the length of each stopped row's answer, by the row's number.
    """

    def __init__(self, prompt_length: int, tokens: int, repeats: int):
        self.prompt_length, self.tokens, self.repeats = prompt_length, tokens, repeats
        self.stopped: dict[int, int] = {}

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        written = input_ids[:, self.prompt_length :]
        done = torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
        if written.shape[1] < self.tokens:
            return done
        for row, tail in enumerate(written[:, -self.tokens :].tolist()):
            if row in self.stopped or loop_period(tail, self.tokens, self.repeats) is not None:
                self.stopped.setdefault(row, written.shape[1])
                done[row] = True
        return done
