"""Monte-Carlo dropout (Gal and Ghahramani 2016): how sure a masked model is of each patch that it fills in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pixlm.analysis.captions import caption_strip
from pixlm.analysis.reconstruction import titled
from pixlm.analysis.tint import tinted
from pixlm.data.encoders import Text
from pixlm.data.masking import Masking
from pixlm.errors import UsageError
from pixlm.inference import PixelLM, Reconstruction
from pixlm.models.pixel.base import PixelPreTrainedModel
from pixlm.rendering.picture import Pixels, enlarge, stack, wrap


@dataclass(frozen=True)
class Uncertainty:
    """What several passes with dropout fill in.

    plain: the reconstruction without dropout; mean: uint8, the mean of the passes, in the shape of ``plain.original``;
    variance, error: float64 [L], 0 at patches that the model saw: the variance of a pixel (in 0..1) over the passes,
    and the squared error of the mean, averaged over the patch; samples: passes; rate: of dropout.
    """

    plain: Reconstruction
    mean: NDArray[np.uint8]
    variance: NDArray[np.float64]
    error: NDArray[np.float64]
    samples: int
    rate: float

    @property
    def correlation(self) -> float | None:
        """Spearman's, between variance and error over removed patches: whether doubt shows where errors are. None for
        fewer than three patches, or where one of both is the same everywhere."""
        from scipy.stats import spearmanr

        variance, error = self.variance[self.plain.removed], self.error[self.plain.removed]
        if len(variance) < 3 or not np.ptp(variance) or not np.ptp(error):
            return None
        return float(spearmanr(variance, error).statistic)

    def as_json(self) -> dict[str, Any]:
        """Plain values; ``patches`` are the removed ones."""
        patches = [
            {"patch": int(place), "variance": float(self.variance[place]), "error": float(self.error[place])}
            for place in self.plain.removed.nonzero()[0]
        ]
        return {"samples": self.samples, "dropout": self.rate, "correlation": self.correlation, "patches": patches}


def monte_carlo(
    model: PixelLM,
    text: Text,
    masking: Masking | None = None,
    *,
    samples: int = 20,
    seed: int = 42,
    rate: float | None = None,
    on_sample: Callable[[int], None] | None = None,
) -> Uncertainty:
    """Fill in the same patches of a text several times with dropout on.

    Args:
        masking: as in :meth:`PixelLM.reconstruct`.
        seed: as there; it also draws what is dropped.
        rate: of dropout, in every place that has it; None: the model's own, as it was trained.

    Raises:
        UsageError: fewer than two samples, a rate outside (0, 1), a model whose own rate is 0, or one without decoder.
    """
    if samples < 2:
        raise UsageError(f"{samples} samples have no variance; use 2 or more")
    network = model.model
    if not isinstance(network, PixelPreTrainedModel):
        raise UsageError(f"dropout over a reconstruction needs a masked PIXEL model; this is {type(network).__name__}")
    used = _rate(network, rate)
    plain = model.reconstruct(text, masking, seed=seed)
    passes = []
    with torch.random.fork_rng(), dropping(network, rate):
        torch.manual_seed(seed)
        for _ in range(samples):
            passes.append(model.reconstruct(text, masking, seed=seed).reconstructed)
            if on_sample is not None:
                on_sample(1)
    drawn = np.stack(passes).astype(np.float64) / 255
    mean = drawn.mean(axis=0)
    return Uncertainty(
        plain=plain,
        mean=(mean * 255).round().astype(np.uint8),
        variance=_per_patch(drawn.var(axis=0), plain.removed),
        error=_per_patch((mean - plain.original / 255) ** 2, plain.removed),
        samples=samples,
        rate=used,
    )


def draw_uncertainty(
    found: Uncertainty, *, columns: int = 32, scale: int = 3, shown: Sequence[str] = ("original", "masked")
) -> Pixels:
    """The panels of the text without dropout (:func:`pixlm.analysis.reconstruction.panels`), and below them the mean of
    the passes on paper coloured by the standard deviation; RGB [height, width, 3]."""
    columns = max(1, min(columns, len(found.variance)))
    deviation = np.sqrt(found.variance)
    patch = len(found.mean)
    title = f"mean of {found.samples} passes; colour: standard deviation, up to {deviation.max(initial=0):.3f}"
    page = enlarge(wrap(tinted(found.mean, deviation, patch), columns, patch), scale)
    return stack([*titled(found.plain, columns=columns, scale=scale, shown=shown), caption_strip(title), page])


@contextlib.contextmanager
def dropping(model: PixelPreTrainedModel, rate: float | None) -> Iterator[None]:
    """Dropout is on, at this rate (None: the model's own); afterwards all is as before. Not for several threads."""
    modules = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    before = [module.p for module in modules]
    found: list[Any] = [module.config for module in model.modules() if hasattr(module, "config")]
    configs = list({id(each): each for each in found}.values())
    attention = [config.attention_probs_dropout_prob for config in configs]
    training = model.training
    if rate is not None:
        for module in modules:
            module.p = rate
        for config in configs:
            config.attention_probs_dropout_prob = rate
    model.train()
    try:
        yield
    finally:
        model.train(training)
        for module, old in zip(modules, before, strict=True):
            module.p = old
        for config, old in zip(configs, attention, strict=True):
            config.attention_probs_dropout_prob = old


def _rate(model: PixelPreTrainedModel, rate: float | None) -> float:
    if rate is not None:
        if not 0 < rate < 1:
            raise UsageError(f"a dropout of {rate} is none: choose one between 0 and 1, such as 0.1")
        return rate
    own = max(model.config.hidden_dropout_prob, model.config.attention_probs_dropout_prob)
    if not own:
        raise UsageError("the model was trained with dropout 0, so that all passes are the same; name a rate (0.1)")
    return float(own)


def _per_patch(pixels: NDArray[np.float64], removed: NDArray[np.bool_]) -> NDArray[np.float64]:
    flat = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    mean = flat.mean(axis=0).reshape(len(removed), -1).mean(axis=1)
    return np.where(removed, mean, 0.0)
