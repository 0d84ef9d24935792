"""One small model for every tab; none has learnt much."""

from __future__ import annotations

from pathlib import Path

import pytest

import toy_pages
from pixlm import TextRenderer, hub
from pixlm.models import PixelForPreTraining

ONE = ("--train.max-steps", "1", "--train.batch-size", "4", "--train.warmup", "0")


@pytest.fixture(scope="session")
def models(tmp_path_factory, treebank) -> dict[str, Path]:
    """Folders of models by tab, and of a parser and a classifier."""
    from pixlm.cli import main

    root = tmp_path_factory.mktemp("models")
    renderer = TextRenderer(strategy="grapheme-bigrams", max_seq_length=128)
    hub.save(root / "reconstruct", hub.load_model("pixel-nano", PixelForPreTraining), renderer)
    text = root / "text.txt"
    text.write_text("a line of text to learn\n\nand another one\n" * 8, encoding="utf-8")
    cells = ("--render.strategy", "mono", "--causal.pixel-head", "cell", "--render.max-seq-length", "64")
    small = ("--render.max-seq-length", "64", "--data", str(treebank))
    table = root / "table"
    table.mkdir()
    rows = "".join(f"{word} film\t{label}\n" for word, label in (("good", "for"), ("bad", "against")) * 6)
    for split in ("train", "dev"):
        (table / f"{split}.tsv").write_text(f"text\tlabel\n{rows}", encoding="utf-8")
    pages = toy_pages.folder(root / "pages")
    runs = (
        ("generate", "pretrain", "--model", "pixelgpt-nano", "--data", str(text), *cells),
        ("label", "finetune", "pos", "--model", "pixel-nano", *small),
        ("parsing", "finetune", "parsing", "--model", "pixel-nano", *small),
        ("classify", "finetune", "classify", "--model", "pixel-nano", "--data", str(table), *cells[:2], *cells[4:]),
        ("document", "finetune", "docvqa", "--model", "pali-tiny", "--data", str(pages), "--page.size", "64", "48",
         "--task.max-new-tokens", "6"),
    )  # fmt: skip
    for name, *command in runs:
        assert main([*command, *ONE, "--output", str(root / name)]) == 0, name
    return {path.name: path for path in root.iterdir() if (path / "config.json").is_file()}
