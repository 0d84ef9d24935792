"""Pages as models see them: one encoder for each architecture of :mod:`pixlm.models.document`.

All make arrays from a :class:`~pixlm.data.pages.example.PageSample` and hold the tokenizer that the answers are written
with. What the task asks for stands in the decoder's first tokens (Donut), in a header on the page (Pix2Struct), or in
tokens beside the page (PaLI); see :class:`PageSample`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn, cast

import numpy as np
from transformers import PreTrainedTokenizerFast

from pixlm import files
from pixlm.data.encoders import Encoded, InputEncoder, Text
from pixlm.data.pages.augment import Augment
from pixlm.data.pages.canvas import to_canvas
from pixlm.data.pages.example import PageSample
from pixlm.data.pages.flatten import flatten
from pixlm.data.pages.geometry import Fit
from pixlm.data.pages.header import header_renderer, with_header
from pixlm.errors import UsageError
from pixlm.rendering import TextRenderer
from pixlm.settings import from_dict

PAGE_FILE = "page_encoder.json"
"""The settings, beside the tokenizer of a saved model."""

IGNORE = -100
"""The label of a position that nothing is learnt from."""

START_IDS = "start_ids"
"""In ``Encoded.units``: what the decoder is given first, int64 [n]."""


_MOST_PIXELS = 80_000_000  # of a canvas, as of a page


@dataclass(frozen=True)
class PageSettings:
    """What a page becomes before a model sees it; stored with the model.

    size: (height, width) of the canvas (Donut, PaLI); channels: 3 for colour, 1 for grey; fit: how a page comes to the
    canvas; align_long_axis: turn pages whose long axis is not the canvas's; mean, std: subtracted and divided by after
    scaling to 0..1, one for all channels or one each; patch_size, max_patches: of the grid (Pix2Struct);
    max_prompt_length: tokens of the prompt (PaLI); max_target_length: tokens that the decoder sees at most, the start
    and the closing token among them; dpi: at which pages of PDFs are drawn.

    Raises:
        UsageError: numbers out of range.
    """

    size: tuple[int, int] = (1280, 960)
    channels: Literal[1, 3] = 3
    fit: Fit = "donut"
    align_long_axis: bool = False
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    patch_size: int = 16
    max_patches: int = 2048
    max_prompt_length: int = 64
    max_target_length: int = 512
    dpi: int = 150

    def __post_init__(self) -> None:
        lowest = {"patch_size": 1, "max_patches": 1, "max_prompt_length": 1, "max_target_length": 2, "dpi": 1}
        for name, least in lowest.items():
            if getattr(self, name) < least:
                raise UsageError(f"{name} {getattr(self, name)}: must be {least} or more")
        if len(self.size) != 2 or min(self.size) < 1:
            raise UsageError(f"size {self.size}: must be a height and a width of 1 or more")
        if self.size[0] * self.size[1] > _MOST_PIXELS:
            raise UsageError(f"size {self.size}: more than {_MOST_PIXELS:,} pixels")
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.channels):
                raise UsageError(f"{name} {getattr(self, name)}: must be one number, or one for each channel")
        if 0 in self.std:
            raise UsageError(f"std {self.std}: must not be 0")


class PageEncoder(InputEncoder):
    """A page with its prompt to a model's input, and answers to decoder tokens and back.

    Args:
        tokenizer: of the decoder, with padding and closing tokens.
        settings: see :class:`PageSettings`.
        decoder_start: the decoder's first token where the task's own tokens do not stand there; default the padding
            token, as T5 has it.
    """

    kind: ClassVar[str]
    """What PAGE_ENCODERS and stored settings call it."""
    augment: Augment = Augment.NONE
    """How pages are distorted when :meth:`encode` is given a generator: a run's choice, not stored."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        settings: PageSettings | None = None,
        *,
        decoder_start: int | None = None,
    ):
        self.tokenizer = tokenizer
        self.settings = settings or PageSettings()
        for name in ("pad_token_id", "eos_token_id"):
            if getattr(tokenizer, name) is None:
                raise UsageError(f"the tokenizer has no {name[:3]} token, which models of documents need")
        self.pad_id, self.eos_id = int(tokenizer.pad_token_id), int(cast(int, tokenizer.eos_token_id))
        self.decoder_start = self.pad_id if decoder_start is None else decoder_start
        self.max_length = self.settings.max_target_length

    # What goes in

    @abstractmethod
    def encode(  # type: ignore[override]
        self, text: PageSample, *, offsets: bool = False, rng: np.random.Generator | None = None
    ) -> Encoded:
        """One page. With ``rng`` (training) it is distorted and padded at random, as ``augment`` and ``fit`` have it.

        ``units`` holds the model's own arrays without the batch axis, and :data:`START_IDS`; ``lost`` counts tokens or
        characters of the prompt that did not fit.
        """

    @abstractmethod
    def batch(self, encoded: Sequence[Encoded]) -> dict[str, np.ndarray]:
        """The encoder's side of a batch: see the subclasses."""

    def holds(self, sample: PageSample) -> bool:
        """Whether a sample's prompt fits whole, and leaves half of the decoder's room for the answer."""
        return True

    # What comes out

    def ids(self, text: str) -> list[int]:
        """Tokens of a string in which tags may stand, without separators."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def sequence(self, start: np.ndarray, target: str) -> tuple[np.ndarray, int]:
        """(start + target + closing token, tokens cut off), int64 [n], ``max_target_length`` at most.

        A sequence that is cut has no closing token, so that a model does not learn to stop there.
        """
        whole = np.concatenate([start, np.array([*self.ids(target), self.eos_id], np.int64)])
        return whole[: self.settings.max_target_length], max(len(whole) - self.settings.max_target_length, 0)

    def targets(self, encoded: Sequence[Encoded], targets: Sequence[str | None]) -> tuple[dict[str, np.ndarray], int]:
        """(the decoder's side of a batch, tokens cut off).

        decoder_input_ids, decoder_attention_mask, labels: int64 [B, T], T the longest of the batch. labels[i] is what
        follows decoder_input_ids[i]; :data:`IGNORE` where that is still the start (the prompt), beyond the end, and
        where the target is None.
        """
        starts = [one.units[START_IDS] for one in encoded]
        pairs = [self.sequence(start, target or "") for start, target in zip(starts, targets, strict=True)]
        width = max(len(ids) for ids, _ in pairs) - 1
        shape = (len(pairs), width)
        inputs, labels = np.full(shape, self.pad_id, np.int64), np.full(shape, IGNORE, np.int64)
        mask = np.zeros(shape, np.int64)
        for row, (start, target, (ids, _)) in enumerate(zip(starts, targets, pairs, strict=True)):
            inputs[row, : len(ids) - 1] = ids[:-1]
            mask[row, : len(ids) - 1] = 1
            if target is not None:
                labels[row, len(start) - 1 : len(ids) - 1] = ids[len(start) :]
        return {"decoder_input_ids": inputs, "decoder_attention_mask": mask, "labels": labels}, sum(
            lost for _, lost in pairs
        )

    def decode(self, ids: Iterable[int]) -> str:
        """A generated sequence as a string with its tags: up to the closing token, without padding and start token.

        ids: what follows :data:`START_IDS`.
        """
        kept: list[int] = []
        for one in map(int, ids):
            if one == self.eos_id:
                break
            if one != self.pad_id:
                kept.append(one)
        return str(self.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def add_tokens(self, tokens: Iterable[str]) -> int:
        """Give the tokenizer the tags of a task, sorted by code point as pixparse has them; how many are new.

        The model's embeddings must then have ``len(encoder.tokenizer)`` rows.
        """
        return int(self.tokenizer.add_tokens(sorted(set(tokens)), special_tokens=True))

    # What an InputEncoder is asked besides

    def check_model(self, config: Any, name: str) -> None:
        decoder = getattr(config, "decoder", None) or getattr(config, "text_config", None) or config
        rows = getattr(decoder, "vocab_size", None)
        if rows is not None and len(self.tokenizer) > rows:
            raise UsageError(f"the tokenizer has {len(self.tokenizer)} tokens, but {name} has only {rows}")
        positions = getattr(decoder, "max_position_embeddings", None)
        if positions is not None and self.settings.max_target_length > positions:
            raise UsageError(
                f"targets of {self.settings.max_target_length} tokens are longer than the {positions} positions of "
                f"{name}'s decoder; use at most {positions}"
            )

    @property
    def fingerprint(self) -> dict[str, Any]:
        whole = self.tokenizer.backend_tokenizer.to_str()
        return {
            "pages": self.kind,
            "tokenizer": hashlib.sha256(whole.encode("utf-8")).hexdigest(),
            **dataclasses.asdict(self.settings),
        }

    def save_pretrained(self, folder: Path) -> None:
        self.tokenizer.save_pretrained(str(folder))
        stored = {"kind": self.kind, "decoder_start": self.decoder_start, **dataclasses.asdict(self.settings)}
        files.write_json(folder / PAGE_FILE, stored)

    def measure(self, text: Text) -> float:
        return 1.0  # every page takes the same room, or is brought to it

    def count(self, text: str) -> int:
        return len(self.ids(text))

    def pad(self, encoded: Sequence[Encoded], width: int) -> dict[str, np.ndarray]:
        return self.batch(encoded)

    def windows(self, pair: tuple[str, str], *, stride: int, first_max_length: int | None) -> NoReturn:
        raise UsageError(_NO_TEXT)

    def null_position(self, width: int) -> NoReturn:
        raise UsageError(_NO_TEXT)

    def _canvas(self, sample: PageSample, rng: np.random.Generator | None) -> np.ndarray:
        """float32 [C, H, W], normalised."""
        how = self.settings
        image = sample.image.convert("RGB" if how.channels == 3 else "L")
        page = to_canvas(image, how.size, how.fit, align=how.align_long_axis, rng=rng, augment=self.augment)
        mean, std = (np.array(values, np.float32)[:, None, None] for values in (how.mean, how.std))
        return (page - mean) / std

    def _started(self, text: str) -> np.ndarray:
        """The decoder's first tokens where they say what the task is."""
        ids = self.ids(text)
        if len(ids) >= self.settings.max_target_length:
            raise UsageError(
                f"the prompt {text[:60]!r} has {len(ids)} tokens, so that nothing is left of the "
                f"{self.settings.max_target_length} of the decoder"
            )
        return np.array(ids or [self.decoder_start], np.int64)


_NO_TEXT = "this model reads pages of documents; for tasks about texts, give a model that reads text"


class DonutPages(PageEncoder):
    """Donut: the page on a canvas, the prompt in the decoder (Kim et al. 2022). Cruller is of the same kind.

    Batches hold ``pixel_values`` float32 [B, C, H, W], normalised.
    """

    kind = "donut"

    def encode(  # type: ignore[override]
        self, text: PageSample, *, offsets: bool = False, rng: np.random.Generator | None = None
    ) -> Encoded:
        page = self._canvas(text, rng)
        start = self._started(text.start)
        return Encoded({"pixel_values": page, START_IDS: start}, 1, None, None, 0)

    def holds(self, sample: PageSample) -> bool:
        return 2 * len(self.ids(sample.start)) <= self.settings.max_target_length

    def batch(self, encoded: Sequence[Encoded]) -> dict[str, np.ndarray]:
        return {"pixel_values": np.stack([one.units["pixel_values"] for one in encoded])}


class Pix2StructPages(PageEncoder):
    """Pix2Struct: patches at the resolution that a page's shape allows, the prompt drawn above it.

    Batches hold ``flattened_patches`` float32 [B, P, 2 + 16 * 16 * 3] (row and column from 1, then pixels; zeros are
    padding) and ``attention_mask`` int64 [B, P]; P is ``max_patches``.
    """

    kind = "pix2struct"

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        settings: PageSettings | None = None,
        *,
        decoder_start: int | None = None,
        renderer: TextRenderer | None = None,
    ):
        super().__init__(tokenizer, settings, decoder_start=decoder_start)
        self.renderer = renderer or header_renderer()

    def check_model(self, config: Any, name: str) -> None:
        super().check_model(config, name)
        side = getattr(getattr(config, "vision_config", None), "patch_size", None)
        if side is not None and side != self.settings.patch_size:
            raise UsageError(f"pages are cut to patches of {self.settings.patch_size} pixels, and {name} reads {side}")

    def encode(  # type: ignore[override]
        self, text: PageSample, *, offsets: bool = False, rng: np.random.Generator | None = None
    ) -> Encoded:
        image = text.image if rng is None else self.augment.distort(text.image, rng)
        image, lost = with_header(image, text.prompt, self.renderer) if text.prompt else (image, 0)
        side = self.settings.patch_size
        patches = flatten(image, (side, side), self.settings.max_patches)
        start = np.array([self.decoder_start], np.int64)
        return Encoded({"flattened_patches": patches, START_IDS: start}, len(patches), None, None, lost)

    def batch(self, encoded: Sequence[Encoded]) -> dict[str, np.ndarray]:
        depth = encoded[0].units["flattened_patches"].shape[1]
        patches = np.zeros((len(encoded), self.settings.max_patches, depth), np.float32)
        mask = np.zeros(patches.shape[:2], np.int64)
        for row, one in enumerate(encoded):
            patches[row, : one.length] = one.units["flattened_patches"]
            mask[row, : one.length] = 1
        return {"flattened_patches": patches, "attention_mask": mask}

    def save_pretrained(self, folder: Path) -> None:
        super().save_pretrained(folder)
        self.renderer.save_pretrained(folder)


class PaliPages(PageEncoder):
    """PaLI: the page on a canvas, the prompt as tokens beside it (Chen et al. 2023).

    Batches hold ``pixel_values`` float32 [B, C, H, W], normalised, and of the prompt ``input_ids`` and
    ``attention_mask``, int64 [B, N], N the longest of the batch.
    """

    kind = "pali"

    def encode(  # type: ignore[override]
        self, text: PageSample, *, offsets: bool = False, rng: np.random.Generator | None = None
    ) -> Encoded:
        page = self._canvas(text, rng)
        prompt = [*self.ids(text.prompt), self.eos_id]
        room = self.settings.max_prompt_length
        lost = max(len(prompt) - room, 0)
        if lost:
            prompt = [*prompt[: room - 1], self.eos_id]
        units = {
            "pixel_values": page,
            "input_ids": np.array(prompt, np.int64),
            START_IDS: np.array([self.decoder_start], np.int64),
        }
        return Encoded(units, len(prompt), None, None, lost)

    def holds(self, sample: PageSample) -> bool:
        return len(self.ids(sample.prompt)) < self.settings.max_prompt_length

    def batch(self, encoded: Sequence[Encoded]) -> dict[str, np.ndarray]:
        ids = np.full((len(encoded), max(one.length for one in encoded)), self.pad_id, np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(encoded):
            ids[row, : one.length] = one.units["input_ids"]
            mask[row, : one.length] = 1
        pages = np.stack([one.units["pixel_values"] for one in encoded])
        return {"pixel_values": pages, "input_ids": ids, "attention_mask": mask}


PAGE_ENCODERS: dict[str, type[PageEncoder]] = {
    encoder.kind: encoder for encoder in cast(list[type[PageEncoder]], [DonutPages, Pix2StructPages, PaliPages])
}


def load_page_encoder(folder: Path, tokenizer: PreTrainedTokenizerFast, **overrides: Any) -> PageEncoder:
    """The encoder that :meth:`PageEncoder.save_pretrained` wrote; overrides: fields of :class:`PageSettings`.

    Raises:
        UsageError: there is none, or its settings cannot be read; names the file.
    """
    path = folder / PAGE_FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{folder}: holds no settings for pages ({PAGE_FILE} is missing)") from None
    except ValueError as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    kind = stored.pop("kind", None) if isinstance(stored, dict) else None
    if not isinstance(kind, str) or kind not in PAGE_ENCODERS:
        raise UsageError(f"{path}: its kind is {kind!r}, but it must be one of {', '.join(PAGE_ENCODERS)}")
    start = stored.pop("decoder_start", None)
    if start is not None and not (isinstance(start, int) and 0 <= start < len(tokenizer)):
        raise UsageError(f"{path}: decoder_start is {start!r}, but must be one of the {len(tokenizer)} tokens")
    try:
        settings = dataclasses.replace(from_dict(stored, PageSettings(), str(path)), **overrides)
    except UsageError as error:
        raise UsageError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    options: dict[str, Any] = {"decoder_start": start}
    if kind == Pix2StructPages.kind:
        options["renderer"] = TextRenderer.from_pretrained(str(folder))
    return PAGE_ENCODERS[kind](tokenizer, settings, **options)
