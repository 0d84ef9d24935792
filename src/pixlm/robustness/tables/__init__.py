"""Tables for the attacks: JSON, made by `scripts/make_attack_tables.py`; sources and licences in LICENSES.md."""

from __future__ import annotations

import json
import lzma
from importlib import resources
from typing import Any


def load(name: str) -> dict[str, Any]:
    """A table of this folder by its file's name."""
    data = resources.files(__name__).joinpath(name).read_bytes()
    found: dict[str, Any] = json.loads(lzma.decompress(data) if name.endswith(".xz") else data)
    return found
