"""Going on from a prompt: as a strip that is read back, as text, or as text that a strip is turned into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from pixlm.data.encoders import InputEncoder, RenderedText
from pixlm.data.tokens import TokenizedText
from pixlm.errors import UsageError
from pixlm.models import PixelGPTForCausalLM
from pixlm.models.pixelgpt.heads import Sampling
from pixlm.tasks.objectives.causal import sides_of


class Mode(StrEnum):
    """What a prompt becomes, and what is made from it."""

    PIXEL = "pixel"
    """The prompt is drawn, and drawn on."""
    TEXT = "text"
    """Tokens follow tokens."""
    IMAGE_TEXT = "image-text"
    """The prompt is drawn, and tokens say what it shows."""


@dataclass(frozen=True)
class Continuation:
    """text: the prompt with what follows (read back from the strip), or what the image says; new: its units; ended: by
    itself rather than by the limit; strip: uint8 [P, P*L] or [P, P*L, 3] and ``kept``, how many patches of it are the
    prompt's; confidence: of reading back, 0 to 1."""

    prompt: str
    text: str
    new: int
    ended: bool
    strip: NDArray[np.uint8] | None = None
    kept: int = 0
    confidence: float = 1.0


def default_mode(encoder: InputEncoder) -> Mode:
    """What a model that reads with this encoder can do."""
    patches, tokens = sides_of(encoder)
    if patches is not None and tokens is not None:
        return Mode.IMAGE_TEXT
    return Mode.TEXT if patches is None else Mode.PIXEL


def go_on(
    model: PreTrainedModel,
    encoder: InputEncoder,
    prompts: Sequence[str],
    mode: Mode,
    *,
    max_new: int | None = None,
    sampling: Sampling | None = None,
    use_cache: bool = True,
    read: bool = True,
    candidates: Any = None,
) -> list[Continuation]:
    """Continue prompts with a causal model.

    Args:
        max_new: patches or tokens; default what the model has positions for.
        read: whether strips are read back. That takes a renderer that draws in cells (bigrams, mono ...); of others the
            text stays empty.
        candidates: what may be read, see :meth:`pixlm.TextRenderer.read`: the fewer, the faster and surer.

    Raises:
        UsageError: a model or encoder that cannot, an empty prompt, one that leaves no room.
    """
    patches, tokens = sides_of(encoder)
    sampling = sampling or Sampling()
    lacks = {
        Mode.PIXEL: patches is None or not isinstance(model, PixelGPTForCausalLM),
        Mode.TEXT: tokens is None,
        Mode.IMAGE_TEXT: patches is None or tokens is None or not isinstance(model, PixelGPTForCausalLM),
    }
    if not hasattr(model, "generate") or lacks[mode]:
        raise UsageError(f"{type(model).__name__} with what it reads text with does not make {mode}")
    if max_new is not None and max_new < 1:
        raise UsageError(f"max_new {max_new}: must be 1 or more")
    for prompt in prompts:
        if not prompt.strip():
            raise UsageError("the prompt is empty: give some text to go on from")
    if mode == Mode.PIXEL:
        assert patches is not None
        return _strips(
            model, patches, prompts, max_new, sampling, use_cache, _Reader(patches, candidates) if read else None
        )
    assert tokens is not None
    return [
        _tokens(model, patches if mode == Mode.IMAGE_TEXT else None, tokens, one, max_new, sampling) for one in prompts
    ]


# ---- strips


def prompt_patches(encoder: RenderedText, prompt: str) -> NDArray[np.uint8]:
    """The strip of a prompt [P, P*L(, 3)] without the black patch, as far as any continuation leaves it as it is.

    Where text runs on, the last patch of a prompt is not full, and would be drawn differently with more text behind
    it: a model has never seen it so. What is taken off is the model's to draw.

    Raises:
        UsageError: a prompt longer than the canvas.
    """
    side = encoder.renderer.pixels_per_patch
    code = encoder.encode(prompt)
    whole = code.units["pixel_values"]
    if code.lost:
        raise UsageError(_too_long(encoder, prompt))
    own = code.length - 1
    kept = own
    for probe in ("n", " n", "W"):
        other = encoder.encode(prompt + probe).units["pixel_values"]
        same = [
            np.array_equal(whole[:, i * side : (i + 1) * side], other[:, i * side : (i + 1) * side]) for i in range(own)
        ]
        kept = min(kept, same.index(False) if False in same else own)
    return whole[:, : max(kept, 1) * side]


def _too_long(encoder: RenderedText, prompt: str) -> str:
    return f"the prompt is longer than {encoder.max_length} patches: {prompt[:40]!r} ..."


def _strips(
    model: Any,
    encoder: RenderedText,
    prompts: Sequence[str],
    max_new: int | None,
    sampling: Sampling,
    use_cache: bool,
    reader: _Reader | None,
) -> list[Continuation]:
    side = encoder.renderer.pixels_per_patch
    images = [prompt_patches(encoder, prompt) for prompt in prompts]
    lengths = [image.shape[1] // side for image in images]
    room = min(encoder.max_length, model.config.max_position_embeddings) - max(lengths)
    if room < 1:
        raise UsageError(f"the longest prompt has {max(lengths)} patches, which leaves no room for more")
    shape = (len(images), side, max(lengths) * side, *images[0].shape[2:])
    pixels, mask = np.full(shape, 255, np.uint8), np.zeros((len(images), max(lengths)), np.uint8)
    for row, (image, length) in enumerate(zip(images, lengths, strict=True)):
        pixels[row, :, : image.shape[1]] = image
        mask[row, :length] = 1
    channels_first = pixels[:, None] if pixels.ndim == 3 else np.moveaxis(pixels, -1, 1)
    limit = room if max_new is None else min(max_new, room)
    found = model.generate_patches(
        torch.from_numpy(np.ascontiguousarray(channels_first)).to(model.device),
        torch.from_numpy(mask).to(model.device),
        max_new_patches=limit,
        sampling=sampling,
        use_cache=use_cache,
    )
    drawn = (found.pixel_values.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    results = []
    for row, prompt in enumerate(prompts):
        units = int(found.attention_mask[row].sum())
        strip = np.moveaxis(drawn[row][..., : units * side], 0, -1)
        strip = strip[..., 0] if strip.shape[-1] == 1 else strip
        text, confidence = reader.read(strip) if reader is not None else ("", 0.0)
        ended = bool(found.ended[row])
        results.append(Continuation(prompt, text, int(found.new[row]), ended, strip, lengths[row], confidence))
    return results


class _Reader:
    """Text from strips, every cell by the nearest one that can be drawn."""

    def __init__(self, encoder: RenderedText, candidates: Any):
        self.renderer, self.candidates = encoder.renderer, candidates
        self.reads = self.renderer.strategy != "continuous"

    def read(self, strip: NDArray[np.uint8]) -> tuple[str, float]:
        """(the text that a strip shows, how sure that is)"""
        if not self.reads:
            return "", 0.0
        grey = strip if strip.ndim == 2 else strip.mean(-1).round().astype(np.uint8)
        image = np.repeat(grey[..., None], 3, axis=-1) if self.renderer.rgb else grey
        reading = self.renderer.read(image, candidates=self.candidates)
        assert not isinstance(reading, list)
        return reading.text, reading.confidence


# ---- tokens


def _tokens(
    model: Any,
    patches: RenderedText | None,
    tokens: TokenizedText,
    prompt: str,
    max_new: int | None,
    sampling: Sampling,
) -> Continuation:
    config, tokenizer = model.config, tokens.tokenizer
    given: dict[str, Any] = {}
    ids = tokens.encode(prompt).units["input_ids"]
    used = len(ids)
    strip = None
    if patches is not None:
        code = patches.encode(prompt)
        if code.lost:
            raise UsageError(_too_long(patches, prompt))
        if tokenizer.bos_token_id is None:
            raise UsageError("the tokenizer has no token for the beginning of a text, from which to say what is seen")
        ids = np.array([tokenizer.bos_token_id])
        arrays = patches.pad([code], code.length)
        given["pixel_values"] = torch.from_numpy(arrays["pixel_values"]).to(model.device)
        used, strip = code.length + 1, code.units["pixel_values"]
    elif tokens.count(prompt) + 1 > tokens.max_length:
        raise UsageError(f"the prompt has more than {tokens.max_length} tokens: {prompt[:40]!r} ...")
    room = config.max_position_embeddings - used
    if room < 1:
        raise UsageError(f"the prompt has {used} units, which leaves no room for more")
    options: dict[str, Any] = {"do_sample": sampling.do_sample}
    if sampling.do_sample:
        options |= {"temperature": sampling.temperature, "top_k": sampling.top_k, "top_p": sampling.top_p}
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []), torch.inference_mode():
        torch.manual_seed(sampling.seed)
        sequence = model.generate(
            torch.from_numpy(ids)[None].to(model.device),
            max_new_tokens=room if max_new is None else min(max_new, room),
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            **given,
            **options,
        )[0].cpu()
    new = sequence[len(ids) :]
    ended = len(new) > 0 and int(new[-1]) == tokenizer.eos_token_id
    text = str(tokenizer.decode(sequence, skip_special_tokens=True))
    return Continuation(prompt, text, len(new), ended, strip)
