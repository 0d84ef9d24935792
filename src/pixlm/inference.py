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
from pixlm.data.encoders import Encoded, InputEncoder, RenderedText, Text
from pixlm.data.masking import RandomMasking, SpanMasking
from pixlm.errors import UsageError
from pixlm.models import PixelEncoder, PixelForPreTraining, PixelPreTrainedModel, predicted_pixels, unpatchify
from pixlm.tasks import task_of_model
from pixlm.tasks.evaluation import evaluate
from pixlm.tasks.objective import to_tensors


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

    def predict(self, inputs: Sequence[Any], *, batch_size: int = 32) -> list[dict[str, Any]]:
        """What the model says of each input: the keys that a line of its task's predictions.jsonl has.

        inputs: what the task takes: texts or lists of words (pos), texts or pairs of texts ...
        Raises UsageError if the model was not fine-tuned, or an input is of another kind.
        """
        if getattr(self.model.config, "finetuning_task", None) is None:
            raise UsageError(f"predict needs a fine-tuned model; this is {type(self.model).__name__}")
        task = task_of_model(self.model.config)
        if isinstance(inputs, str):
            raise UsageError('predict takes a list of inputs, such as ["a text"]')
        examples = [task.example(given, str(number)) for number, given in enumerate(inputs)]
        if not examples:
            return []
        objective = task.objective(self.encoder, task.label_names(hub.labels_of(self.model.config)))
        rows, lengths = task.rows(examples, self.encoder)
        evaluation = evaluate(self.model, objective, rows, lengths, batch_size=batch_size)
        return [task.record(prediction) for prediction in task.finish(examples, rows, evaluation.reduced)]

    def embed(self, inputs: Sequence[Text], *, batch_size: int = 32) -> NDArray[np.float32]:
        """One vector a text [texts, hidden size]: the mean of the last hidden states of its patches or tokens."""
        encoder = self.encoder_model()
        rows = []
        for _, batch in self._batches(inputs, batch_size):
            # A class token that is none of the units is left out.
            hidden = encoder(**batch).last_hidden_state[:, -batch["attention_mask"].shape[1] :].float()
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

    def encoder_model(self) -> PreTrainedModel:
        """The encoder without head and masking, with this model's weights."""
        model = self.model
        if not isinstance(model, PixelPreTrainedModel):
            return cast(PreTrainedModel, model.base_model)
        if isinstance(model, PixelEncoder):
            return model
        inner = getattr(model, "vit", model)
        if isinstance(inner, PixelEncoder):
            return inner
        if not hasattr(self, "_plain"):
            plain = PixelEncoder(model.config, add_pooling_layer=False)
            plain.load_state_dict(inner.state_dict(), strict=True)
            self._plain = cast(torch.nn.Module, plain).to(self.device).eval()
        return cast(PreTrainedModel, self._plain)

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
    encoder = hub.load_encoder(name, revision=revision)
    cast(torch.nn.Module, model).to(where)
    return PixelLM(model, encoder)
