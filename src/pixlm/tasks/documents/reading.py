"""Reading pages: all of their text (OCR), the rest of it (prefix), what is missing in it (spans); and captions."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

import numpy as np
from PIL import Image

from pixlm.data.pages.encoders import PageEncoder
from pixlm.data.pages.example import PageExample, PageSample
from pixlm.data.pages.facts import PageRecord
from pixlm.tasks.documents.spans import SENTINELS, cut_prefix, mask_spans, window
from pixlm.tasks.documents.task import DocumentOptions, DocumentTask


@dataclass
class ReadingOptions(DocumentOptions):
    """Choices about reading; stored with the model."""

    mode: Literal["read", "prefix", "spans"] = "read"
    """Training target: all text; what follows a prefix that is given; spans masked in the text given (PaLI)."""
    mask_ratio: float = 0.15
    """Share of the words that spans mask."""
    mean_span: float = 3.0
    """Words of a span, on average."""
    context: int = 64
    """Words of the page at most that prefix and spans put into the prompt."""


@dataclass(frozen=True)
class Reading(DocumentTask):
    """The text of a page in reading order, lines joined by line feeds.

    With the modes "prefix" and "spans" training examples hold a part of the text in their prompt (PaLI-X, Chen et al.
    2023, section 3.1); predictions are whole texts all the same, so evaluation asks for those.
    """

    options: DocumentOptions = field(default_factory=ReadingOptions)
    holds: Callable[[PageSample], bool] | None = None
    """Whether a prompt fits, where an encoder says so: what is given of the text is shortened until it does."""
    wanted: ClassVar[str] = "lines of text"

    @property
    def special_tokens(self) -> list[str]:
        spans = SENTINELS if cast(ReadingOptions, self.options).mode == "spans" else ()
        return sorted({*super().special_tokens, *spans})

    def examples(self, record: PageRecord) -> list[PageExample]:
        facts = record.facts
        lines = facts.lines or tuple("\n".join(facts.texts or ()).split("\n"))
        text = "\n".join(lines)
        return [PageExample(**record.place(), targets=(text,) if text.strip() else None, boxes=facts.boxes)]

    def shown(
        self, example: PageExample, image: Image.Image, rng: np.random.Generator | None, *, prompted: bool
    ) -> PageSample:
        sample = super().shown(example, image, rng, prompted=prompted)
        options = cast(ReadingOptions, self.options)
        if rng is None or options.mode == "read" or sample.target is None:
            return sample
        most = options.context
        while most > 0:
            if options.mode == "prefix":
                given, target = cut_prefix(sample.target, rng, most=most)
            else:
                text = window(sample.target, rng, most=most)
                given, target = mask_spans(text, rng, ratio=options.mask_ratio, mean=options.mean_span)
            prompt = f"{sample.prompt} {given}".strip()
            drawn = PageSample(image, sample.start + given, prompt, target)
            # A prompt that is cut off would ask for spans that nobody sees, or leave a gap before the answer.
            if self.holds is None or self.holds(drawn):
                return drawn
            most //= 2
        return sample

    def sampler(self, encoder: PageEncoder) -> functools.partial[PageSample]:
        return super(Reading, dataclasses.replace(self, holds=encoder.holds)).sampler(encoder)

    def written(self, target: Any, *, prompted: bool = True) -> str:
        return str(target)

    def read_back(self, text: str) -> str:
        return text

    def scores(self, examples: Sequence[PageExample], given: Sequence[Any]) -> dict[str, float]:
        from pixlm.tasks.scoring.transcripts import (
            legacy_clean,
            legacy_transcript_scores,
            transcript_scores,
            whole_scores,
        )

        wanted = [str((example.targets or ("",))[0]) for example in examples]
        if self.options.scoring == "upstream":
            rates = legacy_transcript_scores(*legacy_clean(wanted, given))
        else:
            rates = transcript_scores(wanted, given)
        return {**rates, **whole_scores(wanted, given, rates["cer"])}


@dataclass(frozen=True)
class Captions(DocumentTask):
    """A short text about a page, of which several may be right."""

    options: DocumentOptions = field(default_factory=DocumentOptions)
    wanted: ClassVar[str] = "texts (text, caption)"

    def examples(self, record: PageRecord) -> list[PageExample]:
        return [PageExample(**record.place(), targets=record.facts.texts)]

    def written(self, target: Any, *, prompted: bool = True) -> str:
        return str(target)

    def read_back(self, text: str) -> str:
        return text.strip()

    def scores(self, examples: Sequence[PageExample], given: Sequence[Any]) -> dict[str, float]:
        """anls and exact_match against the best of the accepted texts; cer and wer against the nearest."""
        from pixlm.tasks.scoring.short_answers import anls, exact_match
        from pixlm.tasks.scoring.transcripts import transcript_scores

        accepted = [[str(target) for target in example.targets or ()] for example in examples]
        nearest = [
            min(texts, key=lambda text: transcript_scores([text], [found])["cer"])
            for texts, found in zip(accepted, given, strict=True)
        ]
        scores = {"anls": anls(accepted, given), "exact_match": exact_match(accepted, given)}
        return {**scores, **transcript_scores(nearest, given)}


OCR = Reading(
    name="ocr",
    metric="character_accuracy",
    start="<s_pretrain>",
    prompt="Generate the ocr_text in en",
    # pixparse's pretraining: AdamW, 5e-4, linear warm-up over 5 of 100 intervals, cosine.
    recipe={"train": {"learning_rate": 5e-4, "batch_size": 32, "epochs": 100, "warmup": 0.05}},
)
"""All text of a page (pixparse's pretraining and its evaluation on FUNSD)."""

CAPTION = Captions(
    name="caption",
    metric="anls",
    start="<s_caption>",
    prompt="Generate the alt_text in en at 0:",
    recipe={"train": {"learning_rate": 3e-5, "batch_size": 32, "epochs": 10, "warmup": 0.05}},
)
"""An image to a text of one's own."""
