"""PixelGPT's pretraining objectives: next patch, next token, and pairs of image and text (arXiv 2404.10710).

Each row has one modality, chosen by the shares from (seed, epoch, index). The rows of a micro-batch that have the same
one go through the model together; or, mixed, all go together, with a placeholder for the side that a row lacks. Rows
that are :class:`InModality` have theirs whatever the shares.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor

from pixlm.data.cache import CachedEncoder
from pixlm.data.draw import Draw, Drawn
from pixlm.data.encoders import Encoded, InputEncoder, RenderedText
from pixlm.data.pairs import PairedText
from pixlm.data.tokens import TokenizedText
from pixlm.errors import UsageError
from pixlm.models import IGNORED_LABEL, PixelGPTForCausalLM
from pixlm.models.pixelgpt.heads import Cell, token_errors
from pixlm.tasks.objective import Batch, Loss, Objective, to_tensors


class Modality(StrEnum):
    """What a row is."""

    PIXEL = "pixel"
    TEXT = "text"
    IMAGE_TEXT = "image-text"
    """The strip, then the tokens of the same text, which see it."""
    TEXT_IMAGE = "text-image"
    """The tokens, then the strip."""


_MIXED = "mixed"
Collation = Literal["grouped", "mixed"]


@dataclass(frozen=True)
class InModality:
    """An example that is to be read in one way."""

    example: Any
    modality: Modality


class InEachModality(Sequence[InModality]):
    """Every example in every modality: what a model is evaluated on."""

    def __init__(self, examples: Sequence[Any], modalities: Sequence[Modality]):
        self.examples, self.modalities = examples, list(modalities)

    def __len__(self) -> int:
        return len(self.examples) * len(self.modalities)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row, kind = divmod(int(index), len(self.modalities))
        return InModality(self.examples[row], self.modalities[kind])


class CausalUnits(Objective):
    """Predict each next unit of rows of patches, of tokens, or of both.

    Patches alone, or tokens alone, count one by one, as published. Where modalities mix, each side of a row counts as
    one, its mean over its own targets: a mean token loss and a mean patch loss have weight 1 : 1, however many they are
    and however a batch is cut.

    Args:
        encoder: of the modalities: rendered, tokenized, or paired text.
        shares: of each modality; those of 0 do not occur.
        collation: "grouped" by modality or "mixed"; the latter knows no text before images.
        cell_head: of a model that chooses among known patches; on the CPU.
    """

    def __init__(
        self,
        encoder: InputEncoder,
        shares: Mapping[Modality, float],
        seed: int,
        *,
        collation: Collation = "grouped",
        cell_head: Cell | None = None,
    ):
        self.patches, self.tokens = sides_of(encoder)
        self.shares = {kind: share for kind, share in shares.items() if share > 0}
        self.seed, self.collation, self.cell_head = seed, collation, cell_head
        self.by_row = set(self.shares) not in ({Modality.PIXEL}, {Modality.TEXT})
        needs_patches = any(kind != Modality.TEXT for kind in self.shares)
        needs_tokens = any(kind != Modality.PIXEL for kind in self.shares)
        if not self.shares or (needs_patches and self.patches is None) or (needs_tokens and self.tokens is None):
            raise UsageError(f"modalities {', '.join(self.shares) or 'none'}: the model does not read these")
        if collation == _MIXED and Modality.TEXT_IMAGE in self.shares:
            raise UsageError("--causal.collation mixed puts images first; leave text-image out of --causal.modalities")

    # ---- batches

    def modality(self, draw: Draw) -> Modality:
        """The modality drawn for a visit, by the shares."""
        digest = hashlib.blake2b(f"{self.seed} {draw.epoch} {draw.index}".encode(), digest_size=8).digest()
        place = int.from_bytes(digest, "big") / 2**64 * sum(self.shares.values())
        for kind, share in self.shares.items():
            place -= share
            if place < 0:
                return kind
        return list(self.shares)[-1]

    def collate(self, drawn: Sequence[Drawn]) -> Batch:
        # Every batch has all groups, empty ones with a placeholder: processes that exchange gradients, or shards of the
        # model, have to call it equally often.
        rows: dict[str, list[Drawn]] = {str(kind): [] for kind in self.shares}
        if self.collation == _MIXED:
            rows = {_MIXED: list(drawn)}
        else:
            for one in drawn:
                rows[self._kind(one)].append(one)
        batch: Batch = {"drawn": list(drawn), "groups": tuple(rows), "lost": 0}
        counts, widths = [], []
        for name, group in rows.items():
            arrays, lost = self._group(name, group)
            batch |= {f"{name}/{key}": value for key, value in to_tensors(arrays).items()}
            batch["lost"] += lost
            counts.append(self._count(arrays))
            masks = [arrays[key] for key in ("patch_mask", "token_mask") if key in arrays]
            widths.append(np.concatenate(masks, axis=1))
        batch["count"] = torch.tensor(sum(counts))
        batch["attention_mask"] = torch.from_numpy(_stacked(widths))  # what the log counts units by
        return batch

    def _kind(self, one: Drawn) -> Modality:
        return one.example.modality if isinstance(one.example, InModality) else self.modality(one.draw)

    def _group(self, name: str, group: Sequence[Drawn]) -> tuple[dict[str, np.ndarray], int]:
        """Model inputs of rows that go through the model together, and what they lost."""
        examples = [one.example.example if isinstance(one.example, InModality) else one.example for one in group]
        kinds = [self._kind(one) if name == _MIXED else Modality(name) for one in group]
        arrays: dict[str, np.ndarray] = {}
        losses: list[list[int]] = [[] for _ in group]  # of each side that a row has
        if name != Modality.TEXT:
            assert self.patches is not None
            codes = []
            for kind, example, lost in zip(kinds, examples, losses, strict=True):
                codes.append(_no_strip(self.patches) if kind == Modality.TEXT else self._drawn(example))
                lost += [] if kind == Modality.TEXT else [codes[-1].lost]
            padded = self.patches.batch(codes or [_no_strip(self.patches)])
            arrays |= {"pixel_values": padded["pixel_values"], "patch_mask": padded["attention_mask"]}
            targets = padded["attention_mask"].copy()
            if self.cell_head is not None:
                known = self.cell_head.labels(torch.from_numpy(padded["pixel_values"])) != IGNORED_LABEL
                targets &= known.numpy().astype(np.uint8)
            targets[:, 0] = 0
            arrays["patch_targets"] = targets
        if name != Modality.PIXEL:
            assert self.tokens is not None
            codes = []
            for kind, example, lost in zip(kinds, examples, losses, strict=True):
                codes.append(_NO_TEXT if kind == Modality.PIXEL else self._cut(example))
                lost += [] if kind == Modality.PIXEL else [codes[-1].lost]
            padded = self.tokens.batch(codes or [_NO_TEXT])
            arrays |= {"input_ids": padded["input_ids"], "token_mask": padded["attention_mask"].astype(np.uint8)}
            arrays["labels"] = np.where(padded["attention_mask"] > 0, padded["input_ids"], IGNORED_LABEL)
        if "patch_mask" in arrays and "token_mask" in arrays:
            # Padding between the two sides takes no positions: what is learnt of a row must not depend on its batch.
            masks = [arrays["patch_mask"], arrays["token_mask"]]
            whole = np.concatenate(masks[::-1] if name == Modality.TEXT_IMAGE else masks, axis=1)
            arrays["position_ids"] = np.maximum(whole.cumsum(1, dtype=np.int64) - 1, 0)
        return arrays, sum(map(min, losses))

    def _drawn(self, example: Any) -> Encoded:
        assert self.patches is not None
        if not isinstance(example, Encoded):
            return self.patches.encode(example)
        # A strip that was drawn beforehand, in all its greys.
        units = {"pixel_values": self.patches.levels(example.units["pixel_values"])}
        return dataclasses.replace(example, units=units)

    def _cut(self, example: Any) -> Encoded:
        """The tokens of a text, closed where there is room."""
        assert self.tokens is not None
        if isinstance(example, Encoded):
            raise UsageError("strips that are drawn already hold no tokens; give text, or --causal.modalities pixel 1")
        code = self.tokens.encode(example)
        end = self.tokens.tokenizer.eos_token_id
        if end is None or code.length >= self.tokens.max_length or code.lost:
            return code
        units = {
            "input_ids": np.append(code.units["input_ids"], end),
            "token_type_ids": np.append(code.units["token_type_ids"], 0),
        }
        return Encoded(units=units, length=code.length + 1, word_starts=None, offsets=None, lost=0)

    def _count(self, arrays: dict[str, np.ndarray]) -> int:
        found = 0
        if "patch_targets" in arrays:
            targets = arrays["patch_targets"]
            found += int(targets.any(1).sum()) if self.by_row else int(targets.sum())
        if "labels" in arrays:
            targets = arrays["labels"][:, 1:] != IGNORED_LABEL
            found += int(targets.any(1).sum()) if self.by_row else int(targets.sum())
        return found

    # ---- loss

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        plain = cast(Any, getattr(model, "module", model))
        plain = getattr(plain, "_orig_mod", plain)
        total: Tensor | None = None
        outputs = None
        for name in batch["groups"]:
            given = {key.removeprefix(f"{name}/"): value for key, value in batch.items() if key.startswith(f"{name}/")}
            outputs = model(**_inputs(name, given, plain))
            part = self._sum(plain, outputs, given)
            total = part if total is None else total + part
        assert total is not None
        return Loss(total, batch["count"].float(), outputs)

    def _sum(self, plain: Any, outputs: Any, given: dict[str, Tensor]) -> Tensor:
        parts = []
        if "patch_targets" in given:
            error, known = plain.patch_head.errors(outputs.logits_pixel, given["pixel_values"])
            parts.append((error, known & given["patch_targets"][:, 1:].bool()))
        if "labels" in given:
            parts.append(token_errors(outputs.logits, given["labels"]))
        sums = []
        for error, counted in parts:
            weight = counted.float()
            if self.by_row:
                weight = weight / weight.sum(1, keepdim=True).clamp(min=1)
            # not a product alone: the error of a unit that does not count may not be finite in half precision
            sums.append((error.masked_fill(~counted, 0.0) * weight).sum())
        return torch.stack(sums).sum()


def sides_of(encoder: InputEncoder) -> tuple[RenderedText | None, TokenizedText | None]:
    """(what draws, what cuts to tokens) of an encoder of either or both."""
    if isinstance(encoder, CachedEncoder):
        encoder = encoder.encoder
    if isinstance(encoder, PairedText):
        return encoder.patches, encoder.tokens
    return (
        encoder if isinstance(encoder, RenderedText) else None,
        encoder if isinstance(encoder, TokenizedText) else None,
    )


def _inputs(name: str, given: dict[str, Tensor], plain: Any) -> dict[str, Any]:
    """What a model is called with. Padding is on the right: of one modality no real unit sees it, and without a mask
    attention is at its fastest; between two it has to be hidden."""
    inputs: dict[str, Any] = {}
    ours = isinstance(plain, PixelGPTForCausalLM)
    if "pixel_values" in given:
        inputs["pixel_values"] = given["pixel_values"]
    if "input_ids" in given:
        inputs["input_ids"] = given["input_ids"]
    if ours:
        inputs["compute_loss"] = False
    else:
        inputs["use_cache"] = False
    if "pixel_values" in given and "input_ids" in given:
        inputs["patch_attention_mask"] = given["patch_mask"]
        inputs["attention_mask"] = given["token_mask"]
        inputs["position_ids"] = given["position_ids"]
        inputs["text_first"] = name == Modality.TEXT_IMAGE
    return inputs


def _no_strip(patches: RenderedText) -> Encoded:
    """A blank patch that nothing sees."""
    side = patches.renderer.pixels_per_patch
    shape = (side, side, 3) if patches.renderer.rgb else (side, side)
    units = {"pixel_values": np.full(shape, 255, np.uint8)}
    return Encoded(units=units, length=0, word_starts=None, offsets=None, lost=0)


_NO_TEXT = Encoded(
    units={"input_ids": np.empty(0, np.int64), "token_type_ids": np.empty(0, np.int64)},
    length=0,
    word_starts=None,
    offsets=None,
    lost=0,
)


def _stacked(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Masks of groups as one [B, widest]."""
    width = max(mask.shape[1] for mask in masks)
    return np.concatenate([np.pad(mask, ((0, 0), (0, width - mask.shape[1]))) for mask in masks])
