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
    """Their ``file_name``, ``gt_parse``, ``text_lines`` and ``boxes`` (left, top, right, bottom)."""
    found: list[dict[str, Any]] = json.loads((SOURCE / "receipts.json").read_text(encoding="utf-8"))
    return found


def parse(number: int, keys: Sequence[str] = ("date", "total")) -> dict[str, str]:
    """Some fields of a receipt."""
    return {key: receipts()[number]["gt_parse"][key] for key in keys}


def folder(root: Path, *, splits: Sequence[str] = ("train", "dev"), count: int = 2, lines: int = 4) -> Path:
    """Splits in Donut's layout; rows also have the first ``lines`` lines with their boxes, a class, a caption, a
    question."""
    for split in splits:
        place = root / split
        place.mkdir(parents=True)
        rows = []
        for number, receipt in enumerate(receipts()[:count]):
            shutil.copy(SOURCE / receipt["file_name"], place)
            fields = parse(number)
            form = zip(receipt["text_lines"][:lines], receipt["boxes"], strict=False)
            truth = {"gt_parse": fields, "form": [{"text": text, "box": box} for text, box in form]}
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
