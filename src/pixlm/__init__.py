"""pixlm: language models that read text as pixels.

>>> from pixlm import TextRenderer
>>> rendered = TextRenderer().render("Hello, world")

``import pixlm`` loads neither torch nor transformers: every public name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

# name -> (module, extra it needs; None for the base install)
_PUBLIC: dict[str, tuple[str, str | None]] = {
    "TextRenderer": ("pixlm.rendering", None),
    "Rendered": ("pixlm.rendering", None),
    "PixelConfig": ("pixlm.models", "train"),
    "PixelModel": ("pixlm.models", "train"),
    "PixelEncoder": ("pixlm.models", "train"),
    "PixelForPreTraining": ("pixlm.models", "train"),
    "PixelForTokenClassification": ("pixlm.models", "train"),
    "PixelForSequenceClassification": ("pixlm.models", "train"),
    "PixelForQuestionAnswering": ("pixlm.models", "train"),
    "PixelForDependencyParsing": ("pixlm.models", "train"),
    "TokenForDependencyParsing": ("pixlm.models", "train"),
    "PixelGPTConfig": ("pixlm.models", "train"),
    "PixelGPTModel": ("pixlm.models", "train"),
    "PixelGPTForCausalLM": ("pixlm.models", "train"),
    "PixelGPTForSequenceClassification": ("pixlm.models", "train"),
    "load": ("pixlm.inference", "train"),
}

__all__ = ["__version__", *_PUBLIC]

if TYPE_CHECKING:
    from pixlm.inference import load as load
    from pixlm.models import PixelConfig as PixelConfig
    from pixlm.models import PixelEncoder as PixelEncoder
    from pixlm.models import PixelForDependencyParsing as PixelForDependencyParsing
    from pixlm.models import PixelForPreTraining as PixelForPreTraining
    from pixlm.models import PixelForQuestionAnswering as PixelForQuestionAnswering
    from pixlm.models import PixelForSequenceClassification as PixelForSequenceClassification
    from pixlm.models import PixelForTokenClassification as PixelForTokenClassification
    from pixlm.models import PixelGPTConfig as PixelGPTConfig
    from pixlm.models import PixelGPTForCausalLM as PixelGPTForCausalLM
    from pixlm.models import PixelGPTForSequenceClassification as PixelGPTForSequenceClassification
    from pixlm.models import PixelGPTModel as PixelGPTModel
    from pixlm.models import PixelModel as PixelModel
    from pixlm.models import TokenForDependencyParsing as TokenForDependencyParsing
    from pixlm.rendering import Rendered as Rendered
    from pixlm.rendering import TextRenderer as TextRenderer


def __getattr__(name: str) -> Any:
    try:
        module, extra = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module 'pixlm' has no attribute {name!r}") from None
    try:
        value = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if extra is None or (error.name or "").split(".")[0] == "pixlm":
            raise
        raise ImportError(
            f"pixlm.{name} needs the package {error.name!r}, which is not installed; "
            f'install the "{extra}" extra: pip install "pixlm[{extra}]"'
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
