"""One object for a trained model: text in, predictions, vectors or pictures out.

>>> import pixlm
>>> model = pixlm.load("run/")
>>> model.predict([["Trời", "đẹp", "quá", "!"]])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from pixlm import hub
from pixlm.data.encoders import Encoded, InputEncoder, RenderedText, Text, encoder_for
from pixlm.data.masking import RandomMasking, SpanMasking
from pixlm.errors import UsageError
from pixlm.models import PixelEncoder, PixelForPreTraining, PixelForTokenClassification, predicted_pixels, unpatchify
from pixlm.tasks.objective import to_tensors
from pixlm.tasks.word_labelling import label_words, usable_starts


@dataclass(frozen=True)
class Reconstruction:
    """A text with patches removed and filled in; images are uint8 [P, P*L] or [P, P*L, 3].

    removed: [L] bool, the patches that the model did not see, as far as they hold text; loss: mean error over them in
    the units of training; lost: characters that did not fit on the canvas.
    """

    original: NDArray[np.uint8]
    masked: NDArray[np.uint8]
    reconstructed: NDArray[np.uint8]
    removed: NDArray[np.bool_]
    loss: float
    lost: int


class PixelLM:
    """A model with its renderer; made by :func:`load`."""

    def __init__(self, model: PreTrainedModel, encoder: InputEncoder):
        self.model = model.eval()
        self.encoder = encoder

    @property
    def device(self) -> torch.device:
        return self.model.device

    def predict(self, inputs: Sequence[list[str]], *, batch_size: int = 32) -> list[list[str | None]]:
        """One label a word, for each list of words; None for words that did not fit.

        Raises UsageError if the model was not fine-tuned to label words.
        """
        if not isinstance(self.model, PixelForTokenClassification):
            raise UsageError(f"predict needs a fine-tuned model; this is {type(self.model).__name__}")
        if isinstance(inputs, str) or any(isinstance(one, str) for one in inputs):
            raise UsageError('this model labels words: give lists of words, such as [["a", "sentence"]]')
        names = hub.labels_of(self.model.config)
        results: list[list[str | None]] = []
        for encoded, batch in self._batches(inputs, batch_size):
            best = self.model(**batch).logits.argmax(-1).cpu().numpy()
            for row, code in enumerate(encoded):
                words = inputs[len(results)]
                results.append(label_words(best[row], usable_starts(code, best.shape[1]), len(words), names))
        return results

    def embed(self, inputs: Sequence[Text], *, batch_size: int = 32) -> NDArray[np.float32]:
        """One vector a text [texts, hidden size]: the mean of the last hidden states of its patches."""
        encoder = self.encoder_model()
        rows = []
        for _, batch in self._batches(inputs, batch_size):
            hidden = encoder(**batch).last_hidden_state[:, 1:].float()
            weights = batch["attention_mask"].to(hidden.dtype)[..., None]
            rows.append(((hidden * weights).sum(1) / weights.sum(1)).cpu().numpy())
        width = self.model.config.hidden_size
        return np.concatenate(rows) if rows else np.zeros((0, width), np.float32)

    def reconstruct(
        self, text: Text, masking: SpanMasking | RandomMasking | None = None, *, seed: int = 42
    ) -> Reconstruction:
        """Remove patches of a text and let the model predict them.

        masking: default PIXEL's spans over a quarter of the patches. Raises UsageError for a model without a decoder.
        """
        model = self.model
        if not isinstance(model, PixelForPreTraining) or not isinstance(self.encoder, RenderedText):
            raise UsageError(f"reconstruct needs a pretrained masked model; this is {type(model).__name__}")
        masking = masking if masking is not None else SpanMasking()
        code = self.encoder.encode(text)
        arrays = self.encoder.pad([code], code.length)
        mask = masking.draw(code.length, code.length, seed=seed, epoch=0, index=0)
        arrays["noise"] = mask.noise[None]
        if mask.patch_mask is not None:
            arrays["patch_mask"] = mask.patch_mask[None]
        ratio, model.config.mask_ratio = model.config.mask_ratio, masking.mask_ratio
        try:
            with torch.inference_mode():
                batch = {name: value.to(self.device) for name, value in to_tensors(arrays).items()}
                outputs = model(**batch)
        finally:
            model.config.mask_ratio = ratio
        config = model.config
        pixels = batch["pixel_values"]
        patches = predicted_pixels(
            outputs.logits, pixels, patch_size=config.patch_size, norm_pix_loss=config.norm_pix_loss
        )
        channels = patches.shape[-1] // config.patch_size**2
        guess = unpatchify(patches, config.patch_size, num_channels=channels)[0].cpu().numpy()
        original = cast(NDArray[np.uint8], arrays["pixel_values"][0])
        guess = (guess.clip(0, 1) * 255).round().astype(np.uint8)
        if len(original) == 1:
            guess = guess.mean(0, keepdims=True).round().astype(np.uint8)
        elif len(guess) == 1:
            guess = guess.repeat(3, axis=0)
        removed = outputs.mask[0].bool().cpu().numpy()
        columns = np.repeat(removed, config.patch_size)
        masked, filled = original.copy(), original.copy()
        masked[:, :, columns] = 0
        filled[:, :, columns] = guess[:, :, columns]
        return Reconstruction(
            original=_image(original),
            masked=_image(masked),
            reconstructed=_image(filled),
            removed=removed,
            loss=float(outputs.loss),
            lost=code.lost,
        )

    def encoder_model(self) -> PixelEncoder:
        """The encoder without masking, with this model's weights."""
        model = self.model
        if isinstance(model, PixelEncoder):
            return model
        inner = getattr(model, "vit", model)
        if isinstance(inner, PixelEncoder):
            return inner
        if not hasattr(self, "_plain"):
            plain = PixelEncoder(model.config, add_pooling_layer=False)
            plain.load_state_dict(inner.state_dict(), strict=True)
            self._plain = cast(torch.nn.Module, plain).to(self.device).eval()
        return cast(PixelEncoder, self._plain)

    def _batches(self, inputs: Sequence[Text], batch_size: int) -> Any:
        """(encoded texts, model inputs) of each batch, without gradients."""
        with torch.inference_mode():
            for start in range(0, len(inputs), batch_size):
                encoded: list[Encoded] = [self.encoder.encode(one) for one in inputs[start : start + batch_size]]
                tensors = to_tensors(self.encoder.batch(encoded))
                yield encoded, {name: value.to(self.device) for name, value in tensors.items()}


def _image(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[C, P, W] -> [P, W] or [P, W, 3]"""
    return planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1)


def load(name: str, *, revision: str | None = None, device: str | None = None) -> PixelLM:
    """Load a model with its renderer from a run's folder, a model folder or a hub id.

    device: default a GPU if there is one. Raises UsageError for a folder that holds no model.
    """
    config = hub.load_config(name, revision=revision)
    model = hub.load_model(name, hub.class_of(config), config=config, revision=revision)
    where = device or hub.default_device()
    encoder = encoder_for(config.model_type, hub.load_renderer(name, revision=revision))
    cast(torch.nn.Module, model).to(where)
    return PixelLM(model, encoder)
