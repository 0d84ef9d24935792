"""Attacks on examples: labels, trees and answers stay true."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, TypeVar

from pixlm.data.examples import Answer, Example, QuestionExample, TextExample, TreeExample, WordExample
from pixlm.errors import UsageError
from pixlm.robustness.attacker import Attacked, Attacker, Flavour, moved

E = TypeVar("E", bound=Example)

Part = Literal["question", "context"]


def attack_example(
    example: E,
    attack: str,
    strength: float,
    seed: int = 42,
    *,
    split: str = "test",
    index: int = 0,
    flavour: Flavour | str = Flavour.SHARE,
    part: Part = "question",
) -> E:
    """An example with its text attacked.

    Words keep their number, and so their labels, heads and relations. Of a pair both texts are attacked. Of a question
    with its context only ``part`` is; in a context the words of all accepted answers are left alone, and the answers'
    places are moved with the text. An attack on the renderer (font) changes nothing here.
    """
    return attacked_example(
        example, Attacker(attack, strength, seed, Flavour(flavour)), split=split, index=index, part=part
    ).value


def attacked_example(example: E, attacker: Attacker, *, split: str, index: int, part: Part = "question") -> Attacked[E]:
    """As :func:`attack_example`, with the counts of changed words."""
    found: dict[str, Attacked[Any]]
    if isinstance(example, WordExample | TreeExample):
        found = {"words": attacker.words(example.words, split=split, index=index)}
    elif isinstance(example, TextExample):
        found = {"text": attacker.text(example.text, split=split, index=index, part="text")}
        if example.text_b is not None:
            found["text_b"] = attacker.text(example.text_b, split=split, index=index, part="text_b")
    elif isinstance(example, QuestionExample):
        spans = [(a.start, a.start + len(a.text)) for a in example.answers or ()] if part == "context" else []
        text = getattr(example, part)
        found = {part: attacker.text(text, split=split, index=index, part=part, protected=spans)}
    else:
        raise UsageError(f"no attack on examples of type {type(example).__name__}")
    fields = {name: attacked.value for name, attacked in found.items()}
    if isinstance(example, QuestionExample) and part == "context" and example.answers is not None:
        place = moved(found[part].edits)
        fields["answers"] = tuple(Answer(answer.text, place(answer.start)) for answer in example.answers)
    changed, units = (sum(getattr(attacked, name) for attacked in found.values()) for name in ("changed", "units"))
    return Attacked(dataclasses.replace(example, **fields), changed, units)
