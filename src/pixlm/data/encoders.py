"""The seam between text and models: an :class:`InputEncoder` turns an example's text into the units a model reads.

Tasks see units, word starts and offsets, and never ask whether the model reads pixels or tokens.
"""

from __future__ import annotations

import dataclasses
import io
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixlm.data.packing import Packing, is_worthwhile, pack
from pixlm.data.sampler import width_for
from pixlm.errors import UsageError
from pixlm.rendering import Rendered, TextRenderer

_WIDEST_STRIP = 2**20


@dataclass(frozen=True)
class DrawnText:
    """A text, or a pair of texts, that came with its strip.

    image: an encoded picture (PNG, JPEG ...), one patch high; num_patches: patches of it that hold text, without the
    black one that closes it; where: it was read, for messages.
    """

    text: str | tuple[str, str]
    image: bytes
    num_patches: int
    where: str = ""

    def strip(self, side: int, patches: int, *, rgb: bool) -> np.ndarray:
        """uint8 [side, width] or [side, width, 3], cut off behind ``patches``; white fills the last one.

        Raises:
            UsageError: no picture, or one that is not ``side`` pixels high.
        """
        try:
            with Image.open(io.BytesIO(self.image)) as picture:
                width, height = picture.size
                if height == side and 0 < width <= _WIDEST_STRIP:
                    pixels = np.asarray(picture.crop((0, 0, min(width, side * patches), side)).convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise UsageError(f"{self.where or 'a strip'}: its image cannot be read: {error}") from None
        if height != side or not 0 < width <= _WIDEST_STRIP:
            raise UsageError(
                f"{self.where or 'a strip'}: its image has {width} x {height} pixels; strips are {side} pixels high"
            )
        missing = -pixels.shape[1] % side
        pixels = np.pad(pixels, ((0, 0), (0, missing), (0, 0)), constant_values=255)
        return pixels if rgb else np.asarray(Image.fromarray(pixels).convert("L"))


Text = str | tuple[str, str] | list[str] | DrawnText
"""What can be encoded: a text, a pair of texts, a list of words, or what came with its strip."""


def said(text: Text) -> str | tuple[str, str] | list[str]:
    """What a text says, however it came."""
    return text.text if isinstance(text, DrawnText) else text


def distinct_strings(texts: Iterable[Text]) -> Iterator[str]:
    """Each different text once (a context comes with each of its questions); lists of words as texts."""
    seen = set()
    for text in texts:
        given = said(text)
        for part in given if isinstance(given, tuple) else (given,):
            string = part if isinstance(part, str) else " ".join(part)
            string = string.encode("utf-8", "replace").decode("utf-8")  # lone surrogates
            if string not in seen:
                seen.add(string)
                yield string


@dataclass(frozen=True)
class Encoded:
    """One text as units (patches, tokens), without padding.

    units: arrays whose meaning is the encoder's own; length: units used, separators included: what attention sees.
    word_starts: the first unit of each word that fitted, plus the unit after the last one (word lists only).
    offsets: (start, end) in code points per unit, half-open, (0, 0) at separators (when asked for).
    lost: words (word lists) or characters (texts) that did not fit; of windows the first says what none of them shows.
    parts: (first unit, unit after the last) of each text of a pair; empty for other texts.
    """

    units: dict[str, np.ndarray]
    length: int
    word_starts: Sequence[int] | None
    offsets: Sequence[tuple[int, int]] | None
    lost: int
    parts: Sequence[tuple[int, int]] = ()


class InputEncoder(ABC):
    """Text to units to padded batches, for one model family.

    max_length: units of the longest sequence; packing: whether :meth:`batch` lets texts share rows, where it can.
    """

    max_length: int
    packing: Packing = Packing.OFF

    @property
    def uncovered(self) -> Set[str]:
        """Characters met in measuring that no font has."""
        return frozenset()

    @abstractmethod
    def encode(self, text: Text, *, offsets: bool = False) -> Encoded:
        """Encode one text; ``offsets`` asks for the mapping back to characters."""

    @abstractmethod
    def windows(self, pair: tuple[str, str], *, stride: int, first_max_length: int | None) -> list[Encoded]:
        """A pair as one or more sequences, with offsets and parts: each holds all of the first text (cut to
        ``first_max_length`` units), and a stretch of the second that begins ``stride`` units before the last one's end.
        """

    @abstractmethod
    def null_position(self, width: int) -> int:
        """Where a span's logits of a batch of ``width`` units speak of the class token: "no answer here"."""

    @abstractmethod
    def check_model(self, config: Any, name: str) -> None:
        """Raise a UsageError where this encoder's sequences do not fit the model called ``name``."""

    @property
    @abstractmethod
    def fingerprint(self) -> dict[str, Any]:
        """What the units of a text depend on, besides the text: plain values, for model cards and cache keys."""

    @abstractmethod
    def pad(self, encoded: Sequence[Encoded], width: int) -> dict[str, np.ndarray]:
        """Stack to model inputs of ``width`` units, ``attention_mask`` [B, width] among them."""

    @abstractmethod
    def measure(self, text: Text) -> float:
        """About how many units ``text`` takes, without separators, cheaply: for sorting and packing, not truncation."""

    @abstractmethod
    def count(self, text: str) -> int:
        """How many units a text takes on a sequence without end, exactly, without the closing separator."""

    def covers(self, character: str) -> bool:
        """Whether a character can be told from those that cannot be encoded. Default: all can."""
        return True

    @abstractmethod
    def save_pretrained(self, folder: Path) -> None:
        """Write what is needed to make this encoder again beside a model."""

    def batch(self, encoded: Sequence[Encoded]) -> dict[str, np.ndarray]:
        """Pad to the narrowest of the few batch widths that holds every row."""
        return self.pad(encoded, width_for(max(row.length for row in encoded), self.max_length))


class RenderedText(InputEncoder):
    """Text drawn to patches by a :class:`~pixlm.TextRenderer`.

    Batches hold ``pixel_values`` uint8 [B, C, P, P * width] and ``attention_mask`` uint8 [B, width]; packed ones see
    :func:`~pixlm.data.packing.pack`.

    Args:
        packs: whether texts may share a row; the models must know how (PIXEL's do).
        binary: pixels are black or white: up to 127, and above.
    """

    def __init__(self, renderer: TextRenderer, *, packs: bool = True, binary: bool = False):
        self.renderer = renderer
        self.packs, self.binary = packs, binary
        self.max_length = renderer.max_seq_length
        self._advances: dict[str, int] = {}
        self._uncovered: set[str] = set()

    @property
    def uncovered(self) -> Set[str]:
        return self._uncovered

    def encode(self, text: Text, *, offsets: bool = False) -> Encoded:
        if isinstance(text, DrawnText):
            return self._drawn(text)
        rendered = self.renderer.render(text, padding=False, return_offset_mapping=offsets)
        return Encoded(
            units={"pixel_values": self.levels(rendered.pixel_values)},
            length=min(rendered.num_text_patches + 1, self.max_length),
            word_starts=rendered.word_starts,
            offsets=rendered.offset_mapping,
            lost=_lost(rendered),
            parts=_parts(rendered) if isinstance(text, tuple) else (),
        )

    def _drawn(self, text: DrawnText) -> Encoded:
        used = text.num_patches + 1
        pixels = text.strip(self.renderer.pixels_per_patch, self.max_length, rgb=self.renderer.rgb)
        length = min(used, self.max_length, pixels.shape[1] // self.renderer.pixels_per_patch)
        strings = (text.text,) if isinstance(text.text, str) else text.text
        letters = sum(not character.isspace() for string in strings for character in string)
        return Encoded(
            units={"pixel_values": self.levels(pixels)},
            length=length,
            word_starts=None,
            offsets=None,
            lost=round(letters * (used - length) / used),  # about: the strip does not say where its characters are
        )

    def levels(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels as they are, or black and white."""
        return np.where(pixels > 127, np.uint8(255), np.uint8(0)) if self.binary else pixels

    def windows(self, pair: tuple[str, str], *, stride: int, first_max_length: int | None) -> list[Encoded]:
        first = self.renderer.render(
            pair,
            padding=False,
            return_offset_mapping=True,
            return_overflowing_patches=True,
            stride=stride,
            text_a_max_length=first_max_length,
        )
        windows = [self._window(rendered) for rendered in (first, *(first.overflowing or ()))]
        return [dataclasses.replace(windows[0], lost=_hidden(windows, pair)), *windows[1:]]

    def _window(self, rendered: Rendered) -> Encoded:
        return Encoded(
            units={"pixel_values": self.levels(rendered.pixel_values)},
            length=min(rendered.num_text_patches + 1, self.max_length),
            word_starts=None,
            offsets=rendered.offset_mapping,
            lost=0,
            parts=_parts(rendered),
        )

    def null_position(self, width: int) -> int:
        return width  # PIXEL's head moves the class token behind the patches

    def check_model(self, config: Any, name: str) -> None:
        renderer = self.renderer
        if renderer.pixels_per_patch != config.patch_size:
            raise UsageError(
                f"{name} reads patches of {config.patch_size} pixels, but the renderer draws "
                f"{renderer.pixels_per_patch}"
            )
        if renderer.max_seq_length > config.num_patches and config.extend_positions is None:
            raise UsageError(
                f"--render.max-seq-length {renderer.max_seq_length} is more than the {config.num_patches} positions "
                f"of {name}; use at most {config.num_patches}"
            )

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {**self.renderer.fingerprint, **({"binary": True} if self.binary else {})}

    def pad(self, encoded: Sequence[Encoded], width: int) -> dict[str, np.ndarray]:
        side = self.renderer.pixels_per_patch
        channels = 3 if self.renderer.rgb else 1
        pixels = np.full((len(encoded), channels, side, side * width), 255, np.uint8)
        mask = np.zeros((len(encoded), width), np.uint8)
        for row, one in enumerate(encoded):
            image = one.units["pixel_values"]
            image = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
            pixels[row, :, :, : image.shape[-1]] = image
            mask[row, : one.length] = 1
        return {"pixel_values": pixels, "attention_mask": mask}

    def batch(self, encoded: Sequence[Encoded]) -> dict[str, np.ndarray]:
        lengths = [row.length for row in encoded]
        width = width_for(max(lengths), self.max_length)
        if (
            not self.packs
            or self.packing == Packing.OFF
            or (self.packing == Packing.AUTO and not is_worthwhile(lengths, width))
        ):
            return self.pad(encoded, width)
        images = [row.units["pixel_values"] for row in encoded]
        channels = 3 if self.renderer.rgb else 1
        return pack(images, lengths, width, patch_size=self.renderer.pixels_per_patch, channels=channels)

    def measure(self, text: Text) -> float:
        """Patches by the sum of each character's own advance: no shaping, a dictionary look-up a character."""
        side = self.renderer.pixels_per_patch
        if isinstance(text, DrawnText):
            return text.num_patches
        if isinstance(text, str):
            return self._advance(text) / side
        if isinstance(text, tuple):
            return sum(math.ceil(self._advance(part) / side) + 1 for part in text)
        return sum(math.ceil((self._advance(word) + self._advance(" ")) / side) for word in text)

    def count(self, text: str) -> int:
        width, side = self.renderer.text_width(text), self.renderer.pixels_per_patch
        if self.renderer.strategy == "continuous":
            width += 4  # two pixels on either side
        return max(-(-width // side), 1)

    def covers(self, character: str) -> bool:
        return self.renderer.covers(character)

    def _advance(self, text: str) -> int:
        known = self._advances
        total = 0
        for character in text:
            advance = known.get(character)
            if advance is None:
                advance = known[character] = self.renderer.text_width(character)
                if not character.isspace() and not self.renderer.covers(character):
                    self._uncovered.add(character)
            total += advance
        return total

    def save_pretrained(self, folder: Path) -> None:
        self.renderer.save_pretrained(folder)


def _hidden(windows: Sequence[Encoded], pair: tuple[str, str]) -> int:
    """Characters of a pair, spaces not counted, behind the last that a window shows."""
    ends = [0, 0]
    for window in windows:
        for part, (first, last) in enumerate(window.parts):
            ends[part] = max([ends[part], *(end for _, end in (window.offsets or ())[first:last])])
    return sum(not char.isspace() for text, end in zip(pair, ends, strict=True) for char in text[end:])


def _parts(rendered: Rendered) -> tuple[tuple[int, int], ...]:
    """The patches of both texts of a pair, without the black ones that end them."""
    middle, end = rendered.sep_patches
    return (0, middle), (middle + 1, end)


def _lost(rendered: Rendered) -> int:
    return rendered.lost if isinstance(rendered.lost, int) else len(rendered.lost)
