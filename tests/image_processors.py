"""transformers' own image processors that need only Pillow, in whichever version of it is installed."""

from __future__ import annotations

from typing import Any

import transformers


def _on_pillow(name: str) -> Any:
    """Newer versions call them ...Pil, and those that need torchvision by the old name."""
    return getattr(transformers, f"{name}Pil", None) or getattr(transformers, name)


DonutImageProcessor = _on_pillow("DonutImageProcessor")
Pix2StructImageProcessor = _on_pillow("Pix2StructImageProcessor")
