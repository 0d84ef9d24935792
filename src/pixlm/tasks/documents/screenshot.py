"""Pix2Struct's objective: write down, nested, what a region of a page shows, half of whose text is covered (Lee et al.
2023, section 2.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import numpy as np
from PIL import Image

from pixlm.data.pages.example import PageBox, PageExample, PageSample
from pixlm.data.pages.facts import Node, PageRecord
from pixlm.data.pages.header import with_boxes
from pixlm.tasks.documents.task import DocumentOptions, DocumentTask


@dataclass
class ScreenshotOptions(DocumentOptions):
    """Choices about screenshots; stored with the model."""

    mask_ratio: float = 0.5
    """Share of the region's text that is covered."""
    max_characters: int = 1024
    """Longest target; the largest part of the page that fits is what is asked for."""
    mean_span: float = 4.0
    """Words that are covered together, on average."""


@dataclass(frozen=True, kw_only=True)
class ScreenshotExample(PageExample):
    """A page with what is on it."""

    tree: Node


@dataclass(frozen=True)
class Screenshots(DocumentTask):
    """Pages with a tree of what they show, or with the boxes of their lines, which then are its only leaves.

    Each visit in training asks for another part and covers other words. In evaluation both are a function of the
    example's id.
    """

    options: DocumentOptions = field(default_factory=ScreenshotOptions)
    wanted: ClassVar[str] = "boxes of lines, or a tree"

    def examples(self, record: PageRecord) -> list[PageExample]:
        facts = record.facts
        tree = facts.tree or Node(tuple(Node(box=box) for box in facts.boxes if box.text))
        if not any(leaf.box for leaf in leaves(tree)):
            return [PageExample(**record.place())]
        asked = self._part(tree, _of_id(record.id))
        return [ScreenshotExample(**record.place(), tree=tree, targets=(serialise(asked),), boxes=facts.boxes)]

    def _part(self, tree: Node, rng: np.random.Generator) -> Node:
        return choose_part(tree, rng, cast(ScreenshotOptions, self.options).max_characters)

    def shown(
        self, example: PageExample, image: Image.Image, rng: np.random.Generator | None, *, prompted: bool
    ) -> PageSample:
        sample = super().shown(example, image, rng, prompted=prompted)
        if not isinstance(example, ScreenshotExample):
            return sample
        options = cast(ScreenshotOptions, self.options)
        draw = _of_id(example.id) if rng is None else rng
        part = self._part(example.tree, draw)
        covered = cover(part, draw, ratio=options.mask_ratio, mean=options.mean_span)
        page = with_boxes(image, covered, fill="white")
        page = with_boxes(page, [region(part)], colour="blue")
        return PageSample(page, sample.start, sample.prompt, self.written(serialise(part)))

    def written(self, target: Any, *, prompted: bool = True) -> str:
        return str(target)

    def read_back(self, text: str) -> str:
        return text.strip()

    def scores(self, examples: Sequence[PageExample], given: Sequence[Any]) -> dict[str, float]:
        from pixlm.tasks.scoring.transcripts import transcript_scores, whole_scores

        wanted = [str((example.targets or ("",))[0]) for example in examples]
        rates = transcript_scores(wanted, given)
        return {**rates, **whole_scores(wanted, given, rates["cer"])}


def serialise(node: Node) -> str:
    """A part as nested brackets: ``<<Pro> <$15>>``. A group of one is that one, the lines of a text
    are a leaf; what is empty is left out."""
    if node.box is not None:
        return f"<{node.box.text}>" if node.box.text else ""
    if node.is_text:
        text = " ".join(leaf.box.text for leaf in leaves(node) if leaf.box is not None and leaf.box.text)
        return f"<{text}>" if text else ""
    inner = [text for child in node.children if (text := serialise(child))]
    return inner[0] if len(inner) == 1 else f"<{' '.join(inner)}>" if inner else ""


def leaves(node: Node) -> Iterator[Node]:
    """The leaves of a part, in order."""
    if node.box is not None:
        yield node
    for child in node.children:
        yield from leaves(child)


def choose_part(tree: Node, rng: np.random.Generator, most: int) -> Node:
    """The whole if it can be written in ``most`` characters; else going down from it at random, the first part that
    can, or as many neighbouring children as can; of a single leaf that cannot, its beginning."""
    node = tree
    while len(serialise(node)) > most:
        if node.box is not None:
            box = node.box
            return Node(box=PageBox(box.text[: max(most - 2, 1)], box.left, box.top, box.right, box.bottom))
        children = [child for child in node.children if serialise(child)]
        first = int(rng.integers(len(children)))
        run: list[Node] = []
        for child in children[first:]:
            if len(serialise(Node((*run, child), is_text=node.is_text))) > most:
                break
            run.append(child)
        node = Node(tuple(run), is_text=node.is_text) if run else children[first]
    return node


def region(part: Node) -> PageBox:
    """The box around all leaves of a part."""
    boxes = [leaf.box for leaf in leaves(part) if leaf.box is not None]
    return PageBox(
        "",
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def cover(part: Node, rng: np.random.Generator, *, ratio: float = 0.5, mean: float = 4.0) -> list[PageBox]:
    """Boxes over spans of words that hold ``ratio`` of a part's characters, or little more. Pictures stay.

    Where the data do not say where a word stands in its line, its share of the line's characters tells.
    """
    words = [word for leaf in leaves(part) if not leaf.is_image for word in _words(leaf)]
    wanted = ratio * sum(len(word.text) for word in words)
    chosen = np.zeros(len(words), bool)
    covered = 0
    while covered < wanted:
        free = np.flatnonzero(~chosen)
        start = int(rng.choice(free))
        for place in range(start, min(start + int(rng.geometric(1 / max(mean, 1.0))), len(words))):
            if not chosen[place] and covered < wanted:
                chosen[place] = True
                covered += len(words[place].text)
    return [word for word, is_chosen in zip(words, chosen, strict=True) if is_chosen]


def _words(leaf: Node) -> Iterator[PageBox]:
    yield from leaf.words
    box = leaf.box
    if leaf.words or box is None:
        return
    width = (box.right - box.left) / max(len(box.text), 1)
    place = 0
    for word in box.text.split():
        start = box.text.index(word, place)
        place = start + len(word)
        yield PageBox(word, box.left + start * width, box.top, box.left + place * width, box.bottom)


def _of_id(id: str) -> np.random.Generator:
    digest = hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


SCREENSHOT = Screenshots(
    name="screenshot",
    metric="character_accuracy",
    start="<s_screenshot>",
    # Pix2Struct's pretraining (its section 2.4): Adafactor, 0.01, 1,000 steps of warm-up, cosine.
    recipe={"train": {"learning_rate": 0.01, "batch_size": 32, "epochs": 10, "warmup": 1000, "optimizer": "adafactor"}},
)
"""Screenshots of pages with what they show: a JSON tree, or boxes of lines (SROIE, FUNSD, CORD)."""
