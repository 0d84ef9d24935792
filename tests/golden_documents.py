"""The recorded cases of tests/golden/documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

FOLDER = Path(__file__).parent / "golden" / "documents"


def cases(file: str, *kinds: str) -> list[dict[str, Any]]:
    """The cases of ``file``.json, those of some kinds only where any are named."""
    every = json.loads((FOLDER / f"{file}.json").read_text(encoding="utf-8"))["cases"]
    found = [case for case in every if not kinds or case["kind"] in kinds]
    assert found
    return found


def name_of(case: dict[str, Any]) -> str:
    return str(case["id"])


def tokenizer(*extra: str) -> PreTrainedTokenizerFast:
    """The recorded tokenizer with extra tokens, in the given order."""
    made = PreTrainedTokenizerFast.from_pretrained(str(FOLDER / "tokenizer"))
    made.add_tokens(list(extra), special_tokens=True)
    return made
