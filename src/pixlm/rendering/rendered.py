"""What a renderer returns: :class:`Rendered` for one input, :class:`RenderedBatch` for several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pixlm.errors import UsageError
from pixlm.rendering.geometry import padded_length


@dataclass
class Rendered:
    """One rendered input of L patches of P x P pixels.

    Attributes:
        pixel_values: uint8 [P, P*L] (grey) or [P, P*L, 3]; white is 255.
        num_text_patches: patches before the closing separator; of a pair including the separator between the texts.
        sep_patches: patch indices of the black separators.
        word_starts: the first patch of every word that fits, and one more entry, the end; of lists of words, and of
            single texts unless the strategy is "continuous" (there in the order of the patches).
        offset_mapping: if asked for: per patch the half-open range of code points it shows, in the text (of a pair: in
            that of the two texts that the patch belongs to; of a list: in the word); (0, 0) at separators and padding.
        overflowing: further windows on a text that does not fit, if asked for; else empty.
        lost: words (list input) or characters (strings; spaces are not counted) that are not on the image, or not
            wholly; of a window, from its first one on.
        first_word: of a window on a list of words, the place in the list of its first word; else 0.
        missing: the characters that no font has, in order and with repetitions, so that ``len(missing)`` counts them.
    """

    pixel_values: np.ndarray
    num_text_patches: int
    sep_patches: list[int]
    word_starts: list[int] | None = None
    offset_mapping: list[tuple[int, int]] | None = None
    overflowing: list[Rendered] | None = None
    lost: int = 0
    missing: str = ""
    first_word: int = 0

    @property
    def attention_mask(self) -> np.ndarray:
        """uint8 [L]: 1 for the text patches and the closing separator."""
        patches = self.pixel_values.shape[1] // self.pixel_values.shape[0]
        return (np.arange(patches) <= self.num_text_patches).astype(np.uint8)


class Assembled(NamedTuple):
    """An image that is ready to be drawn; it shows all of its text, and every character has a font.

    ``separators``: patch indices, the last one the closing one's; ``draw``: draws it onto a white image, uint8
    [P, columns(, 3)], that has room for the closing separator.
    """

    separators: list[int]
    word_starts: list[int] | None
    draw: Callable[[np.ndarray], None]
    offset_mapping: None = None
    lost: int = 0
    missing: str = ""

    @property
    def num_text_patches(self) -> int:
        return self.separators[-1]

    def drawn(self, image: np.ndarray) -> Rendered:
        """What a renderer returns of it, drawn onto a white image."""
        self.draw(image)
        return Rendered(image, self.separators[-1], self.separators, self.word_starts)


class RenderedBatch(Mapping[str, Any]):
    """A batch of rendered inputs: a mapping whose entries can also be read as attributes.

    Keys: ``pixel_values`` uint8 [B, C, P, P*L] (C = 1 grey, 3 colour), ``attention_mask`` uint8 [B, L],
    ``num_text_patches`` and ``lost`` [B], ``word_starts``, ``offset_mapping`` and ``missing`` (lists of B entries), and
    ``overflow_to_sample_mapping`` and ``first_word`` [B] if windows were asked for. Without padding ``pixel_values``
    and ``attention_mask`` are lists of B arrays.
    """

    def __init__(self, entries: dict[str, Any]) -> None:
        self._entries = entries

    def __getitem__(self, key: str) -> Any:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._entries:
            raise AttributeError(f"a rendered batch has no entry {name!r}")
        return self._entries[name]

    def __repr__(self) -> str:
        return f"RenderedBatch({', '.join(self._entries)})"


def make_batch(
    rendered: Sequence[Rendered | Assembled], *, padding: str | bool, patches: int, white: Callable[[int], np.ndarray],
    return_tensors: str, sample_mapping: list[int] | None,
) -> RenderedBatch:  # fmt: skip
    """Put unpadded images into one batch.

    Args:
        patches: the renderer's ``max_seq_length``.
        white: makes a white image of so many patches.
        return_tensors: "np" or "pt".
        sample_mapping: the input of each image, if windows were asked for.
    """
    if return_tensors not in ("np", "pt"):
        raise UsageError(f"return_tensors is {return_tensors!r}, but it must be 'np' or 'pt'")
    ends = np.array([one.num_text_patches for one in rendered], np.int64)
    pixel_values: Any
    attention_mask: Any
    if padding is False:
        images = [one.drawn(white(one.num_text_patches + 1)) if isinstance(one, Assembled) else one for one in rendered]
        pixel_values = [_channels_first(one.pixel_values) for one in images]
        attention_mask = [one.attention_mask for one in images]
    else:
        length = padded_length(int(ends.max(initial=-1)) + 1, padding, patches)
        blank = white(length)
        canvas = np.empty((len(rendered), *blank.shape), np.uint8)
        canvas.fill(255)
        for image, one in zip(canvas, rendered, strict=True):
            if isinstance(one, Assembled):
                one.draw(image)
            else:
                image[:, : one.pixel_values.shape[1]] = one.pixel_values
        pixel_values = canvas[:, None] if canvas.ndim == 3 else np.ascontiguousarray(canvas.transpose(0, 3, 1, 2))
        attention_mask = (np.arange(length) <= ends[:, None]).astype(np.uint8)
    entries: dict[str, Any] = {
        "pixel_values": pixel_values,
        "attention_mask": attention_mask,
        "num_text_patches": ends,
        "word_starts": [one.word_starts for one in rendered],
        "offset_mapping": [one.offset_mapping for one in rendered],
        "lost": np.array([one.lost for one in rendered], np.int64),
        "missing": [one.missing for one in rendered],
    }
    if sample_mapping is not None:
        entries["overflow_to_sample_mapping"] = np.array(sample_mapping, np.int64)
        entries["first_word"] = np.array(
            [0 if isinstance(one, Assembled) else one.first_word for one in rendered], np.int64
        )
    return RenderedBatch(_to_torch(entries) if return_tensors == "pt" else entries)


def _channels_first(image: np.ndarray) -> np.ndarray:
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)


def _to_torch(entries: dict[str, Any]) -> dict[str, Any]:
    try:
        import torch
    except ImportError:
        raise UsageError('return_tensors="pt" needs PyTorch: pip install "pixlm[train]"') from None

    def convert(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return torch.from_numpy(np.ascontiguousarray(value))
        if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
            return [convert(entry) for entry in value]
        return value

    return {key: convert(value) for key, value in entries.items()}
