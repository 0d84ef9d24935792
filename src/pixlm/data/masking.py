"""Which patches of an example are removed: span masking and random masking of pre-training, and chosen patches.

All randomness is a function of (seed, epoch, index), so that workers, resumed runs and other machines draw the same
masks. The model removes ``L - int(L * (1 - ratio))`` patches of L, never more nor less; :func:`removed_patches` repeats
its choice in numpy, bit for bit, so that a collator can count the patches of the loss before the forward pass.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pixlm.errors import UsageError

PUBLISHED_SPAN_WEIGHTS = (0.2, 0.4, 0.6, 0.8, 0.9, 1.0)
_ATTEMPTS = 100


@dataclass(frozen=True)
class PatchMasking:
    """The masking of one example of L patches: what the model gets, and what it will do with it.

    Attributes:
        noise: [L] float32 uniform in [0, 1): the model's ``noise``.
        patch_mask: [L] uint8, 1 = asked to be removed; the model's ``patch_mask``. None with random masking.
        removed: [L] bool, what the model removes.
    """

    noise: NDArray[np.float32]
    patch_mask: NDArray[np.uint8] | None
    removed: NDArray[np.bool_]


@dataclass(frozen=True)
class RandomMasking:
    """Patches drawn one by one, padding included; at least one text patch is among the removed."""

    mask_ratio: float = 0.25

    def __post_init__(self) -> None:
        _check_ratio(self.mask_ratio)

    def draw(self, num_patches: int, num_attended: int, *, seed: int, epoch: int, index: int) -> PatchMasking:
        """Mask one example.

        Args:
            num_patches: L, the length that the example is padded to in its batch.
            num_attended: text patches and the closing black one, ``attention_mask.sum()``.
            seed, epoch, index: of the run, of the pass over the data, of the example in the data.
        """
        noise = _noise(num_patches, _generator(seed, epoch, index))
        attention_mask = np.arange(num_patches) < num_attended
        return PatchMasking(noise, None, removed_patches(noise, self.mask_ratio, attention_mask=attention_mask))


@dataclass(frozen=True)
class SpanMasking:
    """Spans of patches, kept apart from each other (PIXEL, section 3.1 of Rust et al. 2023).

    Args:
        mask_ratio: share of the L patches that the generator aims at, ``ceil(mask_ratio * L)``.
        max_span_length: longest span M.
        spacing: free patches demanded on both sides of a new span; "span" demands as many as the span is long. PIXEL's
            documentation advises "span" up to a ratio of 0.4, 1 up to 0.7 and 0 above.
        cumulative_span_weights: of the lengths 1..M; None = uniform. The published weights give a mean of 3.1.
        flavour: which spans start inside the text: "pixel" the first attempt of the first span, "pixel-m4" the first
            attempt of every span, which shifts the mask towards the text (of 529 patches with 100 of text, 133 masked,
            on average 25.7 lie in the text with PIXEL and 40.1 with PIXEL-M4).

    The rules are kept as published, and so are their corners: spacing is tested for the new span only, so that a short
    span may stand closer to a long one; a short text can be missed altogether (6.6 % of PIXEL's masks with L = 16 and 6
    attended patches). After 100 attempts without a place the mask stays smaller, and the model fills it up at random.

    Raises:
        UsageError: values out of range.
    """

    mask_ratio: float = 0.25
    max_span_length: int = 6
    spacing: int | Literal["span"] = "span"
    cumulative_span_weights: tuple[float, ...] | None = PUBLISHED_SPAN_WEIGHTS
    flavour: Literal["pixel", "pixel-m4"] = "pixel"

    def __post_init__(self) -> None:
        _check_ratio(self.mask_ratio)
        if self.max_span_length < 1:
            raise UsageError(f"max_span_length {self.max_span_length}: give at least 1")
        if self.spacing != "span" and (not isinstance(self.spacing, int) or self.spacing < 0):
            raise UsageError(f'spacing {self.spacing!r}: give "span" or a number of patches, 0 or more')
        if self.flavour not in ("pixel", "pixel-m4"):
            raise UsageError(f'flavour {self.flavour!r}: choose "pixel" or "pixel-m4"')
        weights = self.cumulative_span_weights
        if weights is not None and (
            len(weights) != self.max_span_length
            or list(weights) != sorted(weights)
            or not 0 < weights[-1] < math.inf
            or any(map(math.isnan, weights))
            or weights[0] < 0
        ):
            raise UsageError(
                f"cumulative_span_weights {weights}: give {self.max_span_length} rising numbers, one for each "
                "length up to max_span_length"
            )

    def draw(self, num_patches: int, num_attended: int, *, seed: int, epoch: int, index: int) -> PatchMasking:
        """Mask one example; arguments as in :meth:`RandomMasking.draw`."""
        rng = _generator(seed, epoch, index)
        patch_mask = self.patch_mask(num_patches, num_attended, rng)
        noise = _noise(num_patches, rng)
        return PatchMasking(noise, patch_mask, removed_patches(noise, self.mask_ratio, patch_mask=patch_mask))

    def patch_mask(self, num_patches: int, num_attended: int, rng: random.Random) -> NDArray[np.uint8]:
        """One mask [num_patches] uint8, 1 = remove: the original generator's, draw for draw."""
        target = math.ceil(self.mask_ratio * num_patches)
        mask = bytearray(num_patches)  # counts and slices far faster than an array at these sizes
        text: int | None = num_attended
        done = 0
        while done < target:
            new, text_used = self._add_span(mask, min(target - done, self.max_span_length), text, rng)
            if new == 0:
                break
            if text_used and self.flavour == "pixel":
                text = None
            done += new
        return np.frombuffer(mask, dtype=np.uint8).copy()

    def _add_span(self, mask: bytearray, cap: int, text: int | None, rng: random.Random) -> tuple[int, bool]:
        """Set one span of up to ``cap`` new patches: (number of new ones, whether an attempt was bound to the text)."""
        num_patches = len(mask)
        lengths = range(1, self.max_span_length + 1)
        text_used = False
        for _ in range(_ATTEMPTS):
            span = rng.choices(lengths, cum_weights=self.cumulative_span_weights)[0]
            if span >= num_patches:
                continue
            if text is not None:
                # Spent by the attempt, not by its success: a failed one frees the following attempts from the text.
                left = rng.randint(0, max(0, text - span))
                text, text_used = None, True
            else:
                left = rng.randint(0, num_patches - span)
            right = left + span
            gap = span if self.spacing == "span" else self.spacing
            if gap and (1 in mask[max(0, left - gap) : left] or 1 in mask[right : right + gap]):
                continue
            new = span - mask.count(1, left, right)
            if 0 < new <= cap:
                mask[left:right] = b"\x01" * span
                return new, text_used
        return 0, text_used


@dataclass(frozen=True)
class ChosenMasking:
    """Exactly these patches, by number from 0 on (upstream's ``manual_mask``).

    Raises:
        UsageError: no patch, a negative number; on drawing one that the text does not have.
    """

    patches: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.patches:
            raise UsageError("no patch is chosen; choose at least one")
        if min(self.patches) < 0:
            raise UsageError(f"patch {min(self.patches)}: patches are counted from 0")

    def draw(self, num_patches: int, num_attended: int, *, seed: int, epoch: int, index: int) -> PatchMasking:
        """Mask one example; arguments as in :meth:`RandomMasking.draw`."""
        if max(self.patches) >= num_attended:
            raise UsageError(f"patch {max(self.patches)}: the text has the patches 0 to {num_attended - 1}")
        mask = np.zeros(num_patches, np.uint8)
        mask[list(self.patches)] = 1
        return PatchMasking(_noise(num_patches, _generator(seed, epoch, index)), mask, mask.astype(bool))


Masking = SpanMasking | RandomMasking | ChosenMasking


def removed_patches(
    noise: NDArray[np.float32],
    mask_ratio: float,
    *,
    patch_mask: NDArray[np.generic] | None = None,
    attention_mask: NDArray[np.generic] | None = None,
) -> NDArray[np.bool_]:
    """What a PIXEL model removes, given the same ``noise`` and masks: [L] bool.

    The same float32 arithmetic and the same stable sort as the model, so that ties fall alike.

    Args:
        noise: [L], uniform in [0, 1).
        patch_mask: [L], 1 = remove first; None = random masking.
        attention_mask: [L]; for random masking, which removes at least one attended patch. None = all ones.
    """
    keys = noise.astype(np.float32)  # a copy
    if patch_mask is not None:
        keys = patch_mask.astype(np.float32) + keys / np.float32(100)
    else:
        text = keys if attention_mask is None else keys * attention_mask.astype(np.float32)
        keys[text.argmax()] = 100
    keep = int(len(keys) * (1 - mask_ratio))
    removed = np.ones(len(keys), dtype=bool)
    removed[keys.argsort(kind="stable")[:keep]] = False
    return removed


def _generator(seed: int, epoch: int, index: int) -> random.Random:
    return random.Random(f"masking {seed} {epoch} {index}")  # a string is hashed: neighbours have nothing in common


def _noise(num_patches: int, rng: random.Random) -> NDArray[np.float32]:
    return np.array([rng.random() for _ in range(num_patches)], dtype=np.float32)


def _check_ratio(mask_ratio: float) -> None:
    if not 0 <= mask_ratio < 1:
        raise UsageError(f"mask_ratio {mask_ratio}: give a share from 0 up to, but not including, 1")
