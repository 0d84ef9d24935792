"""Small sets of real receipts (see tests/golden/receipts) with everything that tasks on pages ask for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent / "golden" / "receipts"
CLASSES = ("invoice", "letter", "form")


def receipts() -> list[dict[str, Any]]:
    """Their ``file_name``, ``gt_parse`` and ``text_lines``."""
    found: list[dict[str, Any]] = json.loads((SOURCE / "receipts.json").read_text(encoding="utf-8"))
    return found


def parse(number: int, keys: Sequence[str] = ("date", "total")) -> dict[str, str]:
    """Some fields of a receipt."""
    return {key: receipts()[number]["gt_parse"][key] for key in keys}


def folder(root: Path, *, splits: Sequence[str] = ("train", "dev"), count: int = 2, lines: int = 4) -> Path:
    """Splits in Donut's layout, whose rows also have the first ``lines`` lines, a class, a caption, and a question."""
    for split in splits:
        place = root / split
        place.mkdir(parents=True)
        rows = []
        for number, receipt in enumerate(receipts()[:count]):
            shutil.copy(SOURCE / receipt["file_name"], place)
            fields = parse(number)
            truth = {"gt_parse": fields, "text_lines": receipt["text_lines"][:lines]}
            rows.append(
                {
                    "file_name": receipt["file_name"],
                    "ground_truth": json.dumps(truth),
                    "label": CLASSES[number],
                    "caption": f"receipt of {fields['total']}",
                    "question": "What is the total?",
                    "answers": [fields["total"]],
                }
            )
        (place / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return root
