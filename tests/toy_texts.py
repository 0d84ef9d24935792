"""A few made-up rows of every data set of texts and pairs, in its own files' layout."""

from __future__ import annotations

import json
from pathlib import Path

GOOD = ("a warm and funny film", "the plot is clear", "i liked the songs", "it rains in the morning")
BAD = ("a cold and dull film", "no plot is to be seen", "i left after the songs", "it never rains here")
PAIRS = list(zip(GOOD, BAD, strict=True))

ROWS = 8


def table(path: Path, *rows: object) -> Path:
    """Write tab-separated rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ("\t".join(map(str, row)) for row in rows if isinstance(row, tuple | list))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _sentences(count: int = ROWS) -> list[tuple[str, int]]:
    texts = [pair[label] for pair in PAIRS for label in (1, 0)]
    return [(texts[i % len(texts)], 1 - i % 2) for i in range(count)]


def _pairs(labels: tuple[object, ...], count: int = ROWS) -> list[tuple[str, str, object]]:
    return [(*PAIRS[i % len(PAIRS)], labels[i % len(labels)]) for i in range(count)]


def glue(folder: Path, name: str) -> Path:
    """A folder as GLUE's archives have them: train.tsv, dev.tsv, and test.tsv without labels."""
    folder = folder / {"sst2": "SST-2", "stsb": "STS-B", "cola": "CoLA"}.get(name, name.upper())
    splits = ("train", "dev_matched", "dev_mismatched") if name == "mnli" else ("train", "dev")
    for split in splits:
        path = folder / f"{split}.tsv"
        if name == "cola":
            table(path, *(("gj04", label, "" if label else "*", text) for text, label in _sentences()))
        elif name == "sst2":
            table(path, ("sentence", "label"), *_sentences())
        elif name == "mrpc":
            head = ("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String")
            table(path, head, *((label, 2 * i, 2 * i + 1, a, b) for i, (a, b, label) in enumerate(_pairs((1, 0)))))
        elif name == "qqp":
            head = ("id", "qid1", "qid2", "question1", "question2", "is_duplicate")
            table(path, head, *((i, 2 * i, 2 * i + 1, a, b, label) for i, (a, b, label) in enumerate(_pairs((0, 1)))))
        elif name == "stsb":
            head = ("index", "genre", "filename", "year", "old_index", "source1", "source2", "sentence1", "sentence2")
            rows = ((i, "g", "f", 2012, i, "s", "s", a, b, x) for i, (a, b, x) in enumerate(_pairs((0.5, 4.75, 2.0))))
            table(path, (*head, "score"), *rows)
        elif name == "mnli":
            labels = ("neutral", "entailment", "contradiction")
            head = ("index", "promptID", "pairID", "genre", "sentence1", "sentence2", "label1", "gold_label")
            rows = ((i, i, f"{i}n", "fiction", a, b, x, x) for i, (a, b, x) in enumerate(_pairs(labels)))
            table(path, head, *rows)
        elif name == "wnli":
            rows = ((i, a, b, x) for i, (a, b, x) in enumerate(_pairs((1, 0))))
            table(path, ("index", "sentence1", "sentence2", "label"), *rows)
        else:
            first, second = ("question", "sentence") if name == "qnli" else ("sentence1", "sentence2")
            rows = ((i, a, b, x) for i, (a, b, x) in enumerate(_pairs(("entailment", "not_entailment"))))
            table(path, ("index", first, second, "label"), *rows)
    if name == "sst2":
        table(folder / "test.tsv", ("index", "sentence"), *((i, text) for i, (text, _) in enumerate(_sentences())))
    return folder


def snli(folder: Path) -> Path:
    """snli_1.0_train.jsonl and so on; one pair in each has no majority."""
    folder = folder / "snli_1.0"
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev", "test"):
        rows = _pairs(("neutral", "entailment", "contradiction", "-"))
        lines = [
            json.dumps({"gold_label": label, "sentence1": a, "sentence2": b, "pairID": f"{i}.jpg#1r1n"})
            for i, (a, b, label) in enumerate(rows)
        ]
        (folder / f"snli_1.0_{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def xnli(folder: Path, languages: tuple[str, ...] = ("en", "ur", "sw")) -> Path:
    """Translated training data, one file a language, and dev and test of all languages in one file each."""
    labels = ("neutral", "entailment", "contradiction")
    for language in languages:
        rows = [(a, b, "contradictory" if x == "contradiction" else x) for a, b, x in _pairs(labels, 6)]
        table(folder / "multinli" / f"multinli.train.{language}.tsv", ("premise", "hypo", "label"), *rows)
    for split in ("dev", "test"):
        rows = [(language, x, a, b) for language in languages for a, b, x in _pairs(labels, 6)]
        table(folder / f"xnli.{split}.tsv", ("language", "gold_label", "sentence1", "sentence2"), *rows)
    return folder


def emohate(folder: Path) -> Path:
    """Posts as JSON lines, with 1 for the hateful ones."""
    folder = folder / "emohate"
    folder.mkdir()
    for split in ("train", "dev", "test"):
        rows = [{"text": f"{text} 😀", "label": label} for text, label in _sentences()]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder
