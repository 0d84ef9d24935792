"""`pixlm analyze relevance TEXT ... --model RUN --output DIR`"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from pixlm import files, inference
from pixlm.analysis.explanation import Explanation, explain
from pixlm.analysis.relevance import check_classifier, is_unit_classifier
from pixlm.analysis.relevance_picture import caption, save
from pixlm.cli.analyze.common import check
from pixlm.cli.parse import check_picture, parse
from pixlm.cli.progress import bar
from pixlm.data.lines import read_lines
from pixlm.errors import UsageError


@dataclass
class Relevance:
    """Where a classifier's answers come from: numbers per unit and word, drawn over the text."""

    texts: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Texts to classify; words separated by spaces for a tagger."""
    model: str = ""
    """Folder of a fine-tuned model, or hub id."""
    data: str = ""
    """File with a text a line, instead of TEXTS; a pair is separated by a tab; - reads standard input."""
    text_b: tuple[str, ...] = ()
    """The second texts of pairs; one alone belongs to all."""
    output: str = ""
    """Folder for relevance.json, relevance.png and relevance.svg."""
    method: Literal["gradient", "rollout", "integrated-gradients"] = "gradient"
    """gradient: attention times its gradient (Chefer et al. 2021), what speaks for the class; rollout: attention alone,
    the same for every class; integrated-gradients: signed, from an empty strip to the text."""
    target: str | None = None
    """The class to explain, by name or number; not given: the likeliest."""
    word: int | None = None
    """Of a tagger: only the answer about this word, from 0; not given: all."""
    steps: int = 32
    """Steps of integrated gradients."""
    batch_size: int = 8
    """Texts per pass; attention of every layer is kept for the gradient."""
    columns: int = 40
    """Patches per line of the pictures."""
    scale: int = 2
    """Size of a pixel in the pictures."""
    draw: int = 50
    """Answers that are drawn at most."""
    modality: Literal["pixel", "text"] | None = None
    """What a PixelGPT model reads text as; not given: what it was trained with."""


def main(arguments: list[str]) -> int:
    """Explain, print the words that count most, write the files."""
    args = parse(Relevance, "analyze relevance", Relevance.__doc__ or "", arguments)
    check("relevance", args, needs=("model", "output"), positive=("batch_size", "steps", "draw"))
    check_picture(args.columns, args.scale)
    if bool(args.texts) == bool(args.data):
        raise UsageError("pixlm analyze relevance needs either TEXTS or --data FILE")
    texts = list(args.texts) or read_lines(args.data)
    model = inference.load(args.model, modality=args.modality)
    check_classifier(model.model)
    inputs = _inputs(texts, args.text_b, is_unit_classifier(model.model))
    output = Path(args.output).expanduser()
    with bar("relevance", len(inputs)) as done:
        found = explain(
            model,
            inputs,
            target=args.target,
            method=args.method,
            word=args.word,
            batch_size=args.batch_size,
            steps=args.steps,
            on_batch=done,
        )
    output.mkdir(parents=True, exist_ok=True)
    written = [output / "relevance.json"]
    answers = [one.as_json() for one in found]
    files.write_json(written[0], {"model": args.model, "method": args.method, "answers": answers})
    written += save(found[: args.draw], output / "relevance", columns=args.columns, scale=args.scale)
    for one in found[: args.draw]:
        print(_line(one))
    if lost := sum(one.lost for one in found):
        print(f"{lost} characters or words did not fit and count for nothing")
    print(f"written to {', '.join(str(path) for path in written)}")
    return 0


def _inputs(texts: list[str], seconds: tuple[str, ...], words: bool) -> list[Any]:
    """What the model's task takes."""
    if words:
        if seconds:
            raise UsageError("the model labels words: there are no second texts (--text-b)")
        return [text.split() for text in texts]
    pairs = [tuple(text.split("\t")) if text.count("\t") == 1 else text for text in texts]
    if not seconds:
        return pairs
    seconds = seconds * len(texts) if len(seconds) == 1 else seconds
    if len(seconds) != len(texts):
        raise UsageError(f"there are {len(texts)} texts, but --text-b has {len(seconds)}; give one for each, or one")
    return list(zip(texts, seconds, strict=True))


def _line(one: Explanation) -> str:
    """The answer and the words that count most."""
    best = sorted(one.words, key=lambda word: -abs(word.value))[:5]
    whole = sum(abs(word.value) for word in one.words) or 1.0
    return f"{caption(one)}   " + ", ".join(f"{word.text} {word.value / whole:.0%}" for word in best)
