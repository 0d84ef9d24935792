"""What readers of documents give, and what one visit to a page is."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from PIL import Image

from pixlm.data.examples import Example


class ImageSource(Protocol):
    """Where an image file (PNG, JPEG, TIFF, PDF ...) lies. It is read when a page of it is asked for."""

    @property
    def name(self) -> str:
        """What messages call it: a path, or ``shard.tar:member.jpg``."""

    def open(self) -> BinaryIO:
        """The file, to be read from its beginning; raises OSError."""


@dataclass(frozen=True)
class FileImage:
    """A file, or the stretch of one that is a member of a tar archive.

    size: bytes of the stretch, None for a whole file; member: the name of the member.
    """

    path: Path
    offset: int = 0
    size: int | None = None
    member: str = ""

    @property
    def name(self) -> str:
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    def open(self) -> BinaryIO:
        file = self.path.open("rb")
        if self.size is None:
            return file
        with file:
            file.seek(self.offset)
            return io.BytesIO(file.read(self.size))


@dataclass(frozen=True)
class BytesImage:
    """A file that is in memory already: a cell of a table, a member of a streamed archive."""

    data: bytes
    name: str = "image"

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


@dataclass(frozen=True)
class DecodedImage:
    """A page that has been opened already, so that opening it again costs nothing."""

    image: Image.Image
    name: str

    def open(self) -> BinaryIO:
        file = io.BytesIO()
        self.image.save(file, "PNG")
        file.seek(0)
        return file


@dataclass(frozen=True)
class PageBox:
    """A line or word on a page: columns ``left`` to ``right``, rows ``top`` to ``bottom`` in pixels of the image.

    Raises:
        ValueError: a side that is no finite number.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.left, self.top, self.right, self.bottom))):
            raise ValueError("a box whose sides are no finite numbers")


@dataclass(frozen=True, kw_only=True)
class PageExample(Example):
    """One page with what is asked of it, and the accepted answers.

    image: the file; page: which of its pages, from 0; prompt: the question, "" where the task asks the same of every
    page; targets: text, or a JSON value, whose form is the task's: all of them right, of which training draws one; None
    where they are not known; boxes: the lines on the page, where the data say; label: its class, where that is the
    target.
    """

    image: ImageSource
    page: int = 0
    prompt: str = ""
    targets: tuple[Any, ...] | None = None
    boxes: tuple[PageBox, ...] = ()
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class DocumentExample(Example):
    """Several pages of one document of which every visit draws one (pretraining)."""

    pages: Sequence[PageExample]


@dataclass(frozen=True)
class PageSample:
    """One visit to a page: everything an encoder needs.

    image: RGB; start: the task's own tokens, which a decoder that is prompted (Donut) is given first, the question
    among them: ``<s_docvqa><s_question>when?</s_question><s_answer>``; prompt: the same as plain text, for models that
    read it as a drawn header (Pix2Struct) or beside the image (PaLI), "" for none; target: what is to be written, in
    the tags of the task, without the start and the closing token; None where it is not known.
    """

    image: Image.Image
    start: str
    prompt: str = ""
    target: str | None = None


class Sampler(Protocol):
    """What a task makes of an example at one visit: its method ``sample``, which the objective calls in ``collate``."""

    def __call__(self, example: PageExample | DocumentExample, rng: np.random.Generator | None) -> PageSample:
        """Open the page, choose a target, build the strings.

        rng: in training, a function of (seed, epoch, index); it chooses among pages and targets. None in evaluation:
        the first of each.
        """
