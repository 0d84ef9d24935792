"""One object for a trained model: text in, predictions, vectors or pictures out.

>>> import pixlm
>>> model = pixlm.load("run/")
>>> model.predict([["Trời", "đẹp", "quá", "!"]])
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from pixlm import hub
from pixlm.data.encoders import Encoded, InputEncoder, RenderedText, Text
from pixlm.data.masking import Masking, SpanMasking
from pixlm.data.packing import Packing
from pixlm.data.pages.encoders import PageEncoder
from pixlm.errors import UsageError
from pixlm.models import (
    PRESETS,
    PixelEncoder,
    PixelForPreTraining,
    PixelModel,
    PoolingMode,
    predicted_pixels,
    unpatchify,
)
from pixlm.models.pixel.pooling import max_pool, mean_pool
from pixlm.models.pixelgpt.heads import Sampling
from pixlm.tasks import task_of_model
from pixlm.tasks.continuation import Continuation, Mode, default_mode, go_on
from pixlm.tasks.documents import DocumentTask
from pixlm.tasks.evaluation import evaluate
from pixlm.tasks.objective import to_tensors


@dataclass(frozen=True)
class Reconstruction:
    """A text with patches removed and filled in; images are uint8 [P, P*L] or [P, P*L, 3].

    Attributes:
        original, masked: the text, and with removed patches black.
        reconstructed: the text with removed patches as the model draws them. A model that predicts normalised patches
            (``norm_pix_loss``) says their pattern; mean and deviation are the original patch's.
        unaided: the same with the mean and deviation that visible patches have on average, so that nothing of a removed
            patch is in it: what may be read back.
        removed: [L] bool, the patches that the model did not see.
        loss: mean error over removed patches in the units of training.
        mse: mean squared error over the pixels of removed patches of ``reconstructed``, black 0 and white 1.
        lost: characters that did not fit on the canvas.
    """

    original: NDArray[np.uint8]
    masked: NDArray[np.uint8]
    reconstructed: NDArray[np.uint8]
    unaided: NDArray[np.uint8]
    removed: NDArray[np.bool_]
    loss: float
    mse: float
    lost: int


class PixelLM:
    """A model with its renderer; made by :func:`load`."""

    def __init__(self, model: PreTrainedModel, encoder: InputEncoder):
        self.model = model.eval()
        self.encoder = encoder

    @property
    def device(self) -> torch.device:
        return self.model.device

    def predict(self, inputs: Any, *, batch_size: int = 32) -> Any:
        """What the model says of each input: a dictionary with the keys of a line of its task's predictions.jsonl.

        inputs: a list of what the task takes: texts or lists of words (pos), texts or pairs of texts, pages (the path
        of an image or PDF, bytes, a PIL image) or pairs of page and question. Tasks on pages also take one page, or one
        such pair as a tuple, and then give one dictionary in place of a list.
        Raises UsageError if the model was not fine-tuned, or an input is of another kind.
        """
        if getattr(self.model.config, "finetuning_task", None) is None:
            raise UsageError(f"predict needs a fine-tuned model; this is {type(self.model).__name__}")
        task = task_of_model(self.model.config)
        if isinstance(task, DocumentTask) and not isinstance(inputs, list):
            (found,) = self.predict([inputs], batch_size=batch_size)
            return found
        if isinstance(inputs, str):
            raise UsageError('predict takes a list of inputs, such as ["a text"]')
        examples = [task.example(given, str(number)) for number, given in enumerate(inputs)]
        if not examples:
            return []
        objective = task.objective(self.encoder, task.label_names(hub.labels_of(self.model.config)))
        rows, lengths = task.rows(examples, self.encoder)
        evaluation = evaluate(self.model, objective, rows, lengths, batch_size=batch_size)
        return [task.record(prediction) for prediction in task.finish(examples, rows, evaluation.reduced)]

    def embed(
        self,
        texts: Sequence[Text],
        *,
        pooling: str = PoolingMode.MEAN,
        layer: int | None = None,
        batch_size: int = 32,
        packing: str = Packing.AUTO,
    ) -> NDArray[np.float32]:
        """One vector a text [texts, hidden size], in the order given; computed in batches of similar length.

        Args:
            pooling: "mean" or "max" over the patches (tokens) of the text, or "cls".
            layer: None = the last one, after the final norm; k = the output of layer k as it is, 0 = the embeddings;
                negative counts from the end.
            batch_size: texts per forward pass.
            packing: whether short texts share a row, see :class:`~pixlm.data.packing.Packing`; same vectors either way.

        Raises:
            UsageError: no list of texts, or a choice that there is not.
        """
        if isinstance(self.encoder, PageEncoder):
            raise UsageError(f"embed is for models that read text; {type(self.model).__name__} reads pages")
        if isinstance(texts, str):
            raise UsageError('embed takes a list of texts, such as ["a text"]')
        if pooling not in (PoolingMode.MEAN, PoolingMode.MAX, PoolingMode.CLS):
            raise UsageError(f"pooling {pooling!r}: choose mean, max or cls")
        if batch_size < 1:
            raise UsageError(f"batch_size {batch_size}: must be 1 or more")
        layers = self.model.config.num_hidden_layers
        if layer is not None and not -layers - 1 <= layer <= layers:
            raise UsageError(f"layer {layer}: the model has layers 1 to {layers}, and 0 for the embeddings")
        encoder = self.encoder_model()
        if packing not in list(Packing):
            raise UsageError(f"packing {packing!r}: choose {', '.join(Packing)}")
        vectors = np.zeros((len(texts), self.model.config.hidden_size), np.float32)
        for indices, _, batch in self.batches(texts, batch_size, Packing(packing)):
            with torch.inference_mode():
                outputs = encoder(**batch, output_hidden_states=layer is not None)
            hidden = outputs.last_hidden_state if layer is None else outputs.hidden_states[layer]
            mask = batch["attention_mask"]
            units = hidden[:, -mask.shape[1] :].float()  # patches come behind the class token, which is a token itself
            pooled = {PoolingMode.MEAN: mean_pool, PoolingMode.MAX: max_pool}
            pool = pooled.get(PoolingMode(pooling))
            vectors[indices] = (hidden[:, 0].float() if pool is None else pool(units, mask)).cpu().numpy()
        return vectors

    def reconstruct(self, text: Text, masking: Masking | None = None, *, seed: int = 42) -> Reconstruction:
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
        ratio = model.config.mask_ratio
        # Half a patch less than there are: the model keeps int(L * (1 - ratio)), which rounding cannot move then.
        model.config.mask_ratio = max(float(mask.removed.sum()) - 0.5, 0.0) / code.length
        try:
            with torch.inference_mode():
                batch = {name: value.to(self.device) for name, value in to_tensors(arrays).items()}
                outputs = model(**batch)
        finally:
            model.config.mask_ratio = ratio
        removed = outputs.mask[0].bool().cpu().numpy()
        original = cast(NDArray[np.uint8], arrays["pixel_values"][0])
        told, unaided = (
            _channels_as(original, _predicted(model, outputs.logits, batch["pixel_values"], known))
            for known in (None, ~outputs.mask.bool())
        )
        columns = np.repeat(removed, model.config.patch_size)
        masked, filled, guessed = original.copy(), original.copy(), original.copy()
        masked[:, :, columns] = 0
        filled[:, :, columns] = told[:, :, columns]
        guessed[:, :, columns] = unaided[:, :, columns]
        wrong = (filled[:, :, columns].astype(np.float64) - original[:, :, columns]) / 255
        return Reconstruction(
            original=_image(original),
            masked=_image(masked),
            reconstructed=_image(filled),
            unaided=_image(guessed),
            removed=removed,
            loss=float(outputs.loss),
            mse=float((wrong**2).mean()) if wrong.size else 0.0,
            lost=code.lost,
        )

    def generate(
        self,
        prompts: Sequence[str],
        *,
        mode: str | None = None,
        max_new: int | None = None,
        sampling: Sampling | None = None,
        candidates: Any = None,
    ) -> list[Continuation]:
        """What a causal model (PixelGPT, TextGPT) makes of prompts.

        Args:
            mode: "pixel": the prompt is drawn, drawn on, and the strip read back; "text": tokens follow tokens;
                "image-text": the prompt is drawn and tokens say what it shows. Default what the model was loaded for
                (see ``modality`` of :func:`load`).
            max_new: patches or tokens at most; default what the model has positions for.
            sampling: default the likeliest unit.
            candidates: what may be read, see :meth:`pixlm.TextRenderer.read`.

        Raises:
            UsageError: a model that does not generate, an empty prompt, one that leaves no room.
        """
        if isinstance(prompts, str):
            raise UsageError('generate takes a list of prompts, such as ["a text"]')
        if mode is not None and mode not in list(Mode):
            raise UsageError(f"mode {mode!r}: choose {', '.join(Mode)}")
        chosen = Mode(mode) if mode is not None else default_mode(self.encoder)
        return go_on(
            self.model, self.encoder, prompts, chosen, max_new=max_new, sampling=sampling, candidates=candidates
        )

    def encoder_model(self) -> PreTrainedModel:
        """The encoder without masking, with this model's weights."""
        inner = cast(PreTrainedModel, self.model.base_model)
        if not isinstance(inner, PixelModel):
            return inner
        if not hasattr(self, "_plain"):
            plain = PixelEncoder(inner.config, add_pooling_layer=False)
            plain.load_state_dict(inner.state_dict(), strict=True)
            self._plain = cast(torch.nn.Module, plain).to(self.device).eval()
        return cast(PreTrainedModel, self._plain)

    def batches(
        self, texts: Sequence[Text], batch_size: int, packing: Packing
    ) -> Iterator[tuple[NDArray[np.int64], list[Encoded], dict[str, torch.Tensor]]]:
        """(places in ``texts``, their units, model inputs) of batches of similar length, longest first."""
        encoder = copy.copy(self.encoder)
        encoder.packing = packing
        order = np.argsort([-self.encoder.measure(text) for text in texts], kind="stable")
        for start in range(0, len(order), batch_size):
            indices = order[start : start + batch_size]
            encoded = [self.encoder.encode(texts[index]) for index in indices]
            arrays = encoder.batch(encoded)
            yield indices, encoded, {name: value.to(self.device) for name, value in to_tensors(arrays).items()}


def _predicted(
    model: PixelForPreTraining, logits: torch.Tensor, pixels: torch.Tensor, known: torch.Tensor | None
) -> NDArray[np.uint8]:
    """The predicted patches of one text as an image [C, P, W]."""
    config = model.config
    patches = predicted_pixels(
        logits, pixels, patch_size=config.patch_size, norm_pix_loss=config.norm_pix_loss, known=known
    )
    channels = patches.shape[-1] // config.patch_size**2
    image = unpatchify(patches, config.patch_size, num_channels=channels)[0].cpu().numpy()
    return cast(NDArray[np.uint8], (image.clip(0, 1) * 255).round().astype(np.uint8))


def _channels_as(original: NDArray[np.uint8], image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image [C, P, W] in the channels of another."""
    if len(original) == 1:
        return image.mean(0, keepdims=True).round().astype(np.uint8)
    return image.repeat(3, axis=0) if len(image) == 1 else image


def _image(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[C, P, W] -> [P, W] or [P, W, 3]"""
    return planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1)


def load(name: str, *, revision: str | None = None, device: str | None = None, modality: str | None = None) -> PixelLM:
    """Load a model with its renderer from a run's folder, a model folder or a hub id.

    modality: what a PixelGPT model reads text as, "pixel", "text" or "pair"; default what it was trained with. device:
    default a GPU if there is one. Raises UsageError for a folder that holds no model, or a renderer whose
    patches are not the model's; warns of a preset, whose weights are random.
    """
    if name in PRESETS:
        warnings.warn(f"{name} is an architecture without trained weights: what it says is noise", stacklevel=2)
    config = hub.load_config(name, revision=revision)
    model = hub.load_model(name, hub.class_of(config), config=config, revision=revision)
    where = device or hub.default_device()
    encoder = hub.load_encoder(name, revision=revision, modality=modality)
    if isinstance(encoder, RenderedText) and encoder.max_length > config.num_patches and not config.extend_positions:
        # What does not fit is cut off and counted, as in training.
        encoder = hub.load_encoder(name, revision=revision, modality=modality, max_seq_length=config.num_patches)
    encoder.check_model(config, str(name))
    encoder.packing = Packing.AUTO
    cast(torch.nn.Module, model).to(where)
    return PixelLM(model, encoder)
