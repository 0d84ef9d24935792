"""The models that a page serves: loaded once, in the background, and used by one request at a time."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pixlm import hub, inference
from pixlm.data.encoders import RenderedText
from pixlm.errors import PixlmError, UsageError
from pixlm.inference import PixelLM
from pixlm.models.document import is_document_type

KINDS = ("reconstruct", "generate", "label", "document")
"""What a model can be for: the tabs of the page."""
_STRATEGIES = ("continuous", "words", "bigrams", "grapheme-bigrams", "mono", "adaptive")
_PATIENCE = 120.0
"""Seconds that a request waits for a model to load."""
_ONE_BY_ONE = threading.Lock()
"""Models are loaded one after the other: transformers ties weights with settings that belong to no thread."""


class Served:
    """A model by name. Its configuration is read at once, so that a wrong name is known before the page opens.

    Raises UsageError for a name that stands for no model.
    """

    def __init__(self, name: str):
        self.name = name
        self.config = hub.load_config(name)
        self.lock = threading.Lock()
        self._ready = threading.Event()
        self._model: PixelLM | None = None
        self._problem = ""
        self._drawn_otherwise: dict[str, PixelLM] = {}

    @property
    def title(self) -> str:
        """The name without the folders above it, which are nobody's business."""
        return Path(self.name).expanduser().absolute().name if Path(self.name).expanduser().is_dir() else self.name

    @property
    def kind(self) -> str:
        """Which tab it fits."""
        if is_document_type(self.config.model_type):
            return "document"
        if getattr(self.config, "finetuning_task", None) is not None:
            return "label"
        architecture = (self.config.architectures or [""])[0]
        if "CausalLM" in architecture or "LMHead" in architecture:
            return "generate"
        return "reconstruct" if hub.class_of(self.config).__name__ == "PixelForPreTraining" else "label"

    def start(self) -> None:
        """Begin to load, in a thread of its own."""
        threading.Thread(target=self.load, name=f"loading {self.name}", daemon=True).start()

    def load(self) -> None:
        """Load now; what goes wrong is told to whoever asks for the model."""
        try:
            with _ONE_BY_ONE, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._model = inference.load(self.name)
        except PixlmError as error:
            self._problem = str(error).replace(self.name, self.title)
        except Exception as error:
            self._problem = f"{self.title} cannot be loaded: {type(error).__name__}: {error}"
        self._ready.set()

    @property
    def loading(self) -> bool:
        """Whether it is not known yet how loading ends."""
        return not self._ready.is_set()

    def get(self, *, patience: float = _PATIENCE) -> PixelLM:
        """The model; waits until it is loaded. Raises UsageError where that failed, or takes too long."""
        if not self._ready.wait(patience):
            raise UsageError(f"{self.title} is still being loaded; try again in a moment")
        if self._model is None:
            raise UsageError(self._problem)
        return self._model

    def strategies(self) -> list[str]:
        """Ways of drawing, the model's own first; others where its renderer is pixlm's own."""
        encoder = self.get().encoder
        if not isinstance(encoder, RenderedText):
            return []
        renderer = encoder.renderer
        free = renderer.backend == "harfbuzz" and renderer.compat is None
        return [renderer.strategy, *(one for one in _STRATEGIES if free and one != renderer.strategy)]

    def drawing(self, strategy: str) -> PixelLM:
        """The model with another way of drawing; "" is its own. Raises UsageError for one that there is not."""
        model = self.get()
        if strategy in ("", getattr(getattr(model.encoder, "renderer", None), "strategy", "")):
            return model
        if strategy not in self.strategies():
            raise UsageError(f"render strategy {strategy!r}: this model is drawn for with {self.strategies()[0]}")
        with self.lock:
            if strategy not in self._drawn_otherwise:
                own = model.encoder
                assert isinstance(own, RenderedText)
                encoder = hub.load_encoder(self.name, strategy=strategy, max_seq_length=own.max_length)
                self._drawn_otherwise[strategy] = PixelLM(model.model, encoder)
            return self._drawn_otherwise[strategy]


def serve_models(names: Sequence[str]) -> dict[str, Served]:
    """The first model that fits each tab.

    Raises UsageError for an unknown name, and for a model that no tab has a use for beside an earlier one.
    """
    found: dict[str, Served] = {}
    for name in names:
        served = Served(name)
        if served.kind in found:
            raise UsageError(
                f"{name} and {found[served.kind].name} are both for the tab {served.kind!r}: name one of them"
            )
        found[served.kind] = served
    return found


def missing(kind: str) -> str:
    """What a tab says that no model fits."""
    wanted: dict[str, Any] = {
        "reconstruct": ("a pretrained masked model", "pixlm-tiny"),
        "generate": ("a causal model, which goes on from a prompt", "runs/my-pixelgpt"),
        "label": ("a fine-tuned model of texts (tagging, parsing, entities, classes, answers)", "runs/my-pos"),
        "document": ("a model that reads pages", "runs/my-receipts"),
    }
    what, example = wanted[kind]
    return (
        f"This tab needs {what}. Give one when you start the page: `pixlm demo {example}`; several models may be named."
    )
