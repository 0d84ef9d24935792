"""Small data in the formats of the published experiments, for tests that run recipes.

``folder(recipe, root)`` writes what a recipe's name asks for into ``root`` and returns the folder for ``--data``.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import toy_texts
from pixlm.data.readers.glue import GLUE
from pixlm.data.readers.words import read_entities

ROOT = Path(__file__).resolve().parent
EXCERPTS = ROOT / "data" / "excerpts"
TREEBANK = ROOT.parent / "demo" / "data" / "UD_Vietnamese-VTB"


def treebank(root: Path) -> Path:
    """The first sentences of a UD treebank."""
    for split, count in (("train", 24), ("dev", 8), ("test", 8)):
        source = next(TREEBANK.glob(f"*-ud-{split}.conllu"))
        blocks = source.read_text(encoding="utf-8").split("\n\n")[:count]
        (root / source.name).write_text("".join(block + "\n\n" for block in blocks), encoding="utf-8")
    return root


def uner(root: Path) -> Path:
    """Universal NER's own files."""
    for path in (EXCERPTS / "uner").iterdir():
        shutil.copy(path, root)
    return root


def conll(root: Path) -> Path:
    """CoNLL columns: MasakhaNER, CoNLL-2003."""
    for split, sentences in _entities().items():
        blocks = ["".join(f"{w} {t}\n" for w, t in zip(words, tags, strict=True)) for words, tags in sentences]
        (root / f"{split}.txt").write_text("-DOCSTART- O\n\n" + "\n".join(blocks), encoding="utf-8")
    return root


def klue(root: Path) -> Path:
    """KLUE: characters of the sentence, tabs, its own tags, a comment before each sentence."""
    for split, sentences in _entities().items():
        lines = []
        for number, (words, tags) in enumerate(sentences):
            lines.append(f"## klue-ner-v1_{split}_{number:05}\t{' '.join(words)}")
            lines += [f"{w}\t{t.replace('PER', 'PS').replace('LOC', 'LC')}" for w, t in zip(words, tags, strict=True)]
            lines.append("")
        (root / f"klue-ner-v1.1_{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def naamapadam(root: Path) -> Path:
    """Naamapadam: JSON lines of words and tags."""
    for split, sentences in _entities().items():
        rows = (json.dumps({"words": words, "ner": tags}, ensure_ascii=False) for words, tags in sentences)
        (root / f"hi_{split}.json").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def questions(root: Path, source: str) -> Path:
    """The first questions of a file in SQuAD's format, as train and dev split."""
    data = json.loads((EXCERPTS / source).read_text(encoding="utf-8"))
    paragraph = data["data"][0]["paragraphs"][0]
    data["data"] = [{"title": "t", "paragraphs": [{**paragraph, "qas": paragraph["qas"][:2]}]}]
    for split in ("train", "dev"):
        (root / f"{split}-v1.1.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return root


def _entities() -> dict[str, list[tuple[list[str], list[str]]]]:
    found = {}
    for split in ("train", "dev"):
        examples = read_entities(next((EXCERPTS / "uner").glob(f"*-{split}.iob2")))[:12]
        found[split] = [(example.words, example.labels or []) for example in examples]
    return found


def sib(root: Path) -> Path:
    """SIB-200: a folder a language."""
    shutil.copytree(EXCERPTS / "sib200" / "eng_Latn", root / "eng_Latn")
    return root / "eng_Latn"


BUILDERS: dict[str, Callable[[Path], Path]] = {
    "pos": treebank,
    "parsing": treebank,
    "ner": conll,
    "ner-m4_uner": uner,
    "ner-m4_klue": klue,
    "ner-m4_naamapadam": naamapadam,
    "qa": lambda root: questions(root, "xquad/xquad.en.json"),
    "topic": sib,
    "emohate": toy_texts.emohate,
    "nli": toy_texts.snli,
    "xnli": toy_texts.xnli,
    **{f"glue-{name}": functools.partial(toy_texts.glue, name=name) for name in GLUE},
    "qa-jaquad": lambda root: questions(root, "jaquad/jaquad_train_0000.json"),
}
"""By the beginning of a recipe's name; the longest that fits counts."""


def folder(recipe: str, root: Path) -> Path:
    """Toy data for ``recipes/finetune/RECIPE.yaml``."""
    return BUILDERS[max((name for name in BUILDERS if recipe.startswith(name)), key=len)](root)
