"""Make demo/data from the treebank and the declaration of human rights that it is cut from.

usage: python scripts/make_demo_data.py UD_Vietnamese-VTB_FOLDER UDHR_FOLDER

The treebank is cut by whole sentences (the first N of each split). The pretraining text is the raw text of the train
sentences and the Vietnamese declaration, without any sentence that also stands in the dev or test split.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from pathlib import Path

SENTENCES = {"train": 1400, "dev": 200, "test": 400}
HELD_OUT = 100
ROOT = Path(__file__).resolve().parent.parent / "demo" / "data"


def letters(text: str) -> str:
    """A sentence reduced to what makes two sentences the same: its letters and digits, without case."""
    return "".join(c for c in unicodedata.normalize("NFC", text).lower() if c.isalnum())


def sentences(path: Path) -> list[str]:
    """The blocks of a CoNLL-U file."""
    return [block.strip("\n") for block in path.read_text(encoding="utf-8").split("\n\n") if block.strip()]


def raw_text(block: str) -> str:
    """The sentence as its ``# text`` comment has it."""
    line = next(line for line in block.split("\n") if line.startswith("# text"))
    return " ".join(line.partition("=")[2].split())


def main(treebank: Path, udhr: Path) -> None:
    """Write the cuts."""
    blocks = {split: sentences(next(treebank.glob(f"*-ud-{split}.conllu"))) for split in SENTENCES}
    evaluation = {letters(raw_text(block)) for split in ("dev", "test") for block in blocks[split]}
    folder = ROOT / "UD_Vietnamese-VTB"
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in SENTENCES.items():
        text = "".join(block + "\n\n" for block in blocks[split][:count])
        (folder / f"vi_vtb-ud-{split}.conllu").write_text(text, encoding="utf-8")
    shutil.copyfile(treebank / "LICENSE.txt", folder / "LICENSE.txt")
    lines = [raw_text(block) for block in blocks["train"]]
    lines = [line for line in lines if letters(line) not in evaluation]
    articles = [" ".join(line.split()) for line in (udhr / "vie.txt").read_text(encoding="utf-8").splitlines()]
    articles = [line for line in articles if line and letters(line) not in evaluation]
    text_folder = ROOT / "text"
    text_folder.mkdir(parents=True, exist_ok=True)
    (text_folder / "vi.heldout.txt").write_text("\n".join(lines[-HELD_OUT:]) + "\n", encoding="utf-8")
    train = "\n".join(articles) + "\n\n" + "\n".join(lines[:-HELD_OUT]) + "\n"
    (text_folder / "vi.train.txt").write_text(train, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
