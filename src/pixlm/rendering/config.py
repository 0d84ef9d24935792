"""text_renderer_config.json"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def save(renderer: Any, folder: Path) -> Path:
    raise NotImplementedError


def load(source: Any, revision: str | None, overrides: dict[str, Any]) -> dict[str, Any]:
    raise NotImplementedError
