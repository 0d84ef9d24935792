"""`pixlm data tokenizer`: a tokenizer learnt from a corpus, in a folder that models load."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transformers import PreTrainedTokenizerFast

from pixlm import files
from pixlm.data.pretraining.corpus import Source
from pixlm.data.pretraining.documents import Found, Reading, documents, units_of
from pixlm.data.sentencepieces import MODEL_FILE, as_tokenizer, train_model
from pixlm.data.vocabulary import train_byte_level, train_wordpiece
from pixlm.errors import UsageError

Kind = Literal["sentencepiece", "byte-bpe", "wordpiece"]
REPORT = "tokenizer_training.json"


@dataclass(frozen=True)
class Learnt:
    """A tokenizer, and what it was learnt from; ``compression``: characters a token on a sample of that text."""

    tokenizer: PreTrainedTokenizerFast
    characters: int
    compression: float
    found: Found


def corpus_lines(
    paths: Sequence[str], reading: Reading, found: Found, *, characters: int | None = None
) -> Iterator[str]:
    """Lines of the text in files, ``datasets`` folders and hub streams, one by one.

    Args:
        paths: as :class:`~pixlm.data.pretraining.corpus.Source` names them.
        found: is told what was odd.
        characters: how many to take at most. Each file (each stretch of a large one) gives an equal share from its
            beginning, as far as it has it.

    Raises:
        UsageError: bad input, where ``reading`` does not say to leave it out.
    """
    units = [unit for path in paths for unit in units_of(path, reading)]
    for number, unit in enumerate(units):
        share = None if characters is None else characters // (len(units) - number)
        for line in documents(unit, reading, found):
            if line is None:
                continue
            text = line.text.rstrip("\r\n")[:share]
            if share is not None and characters is not None:
                share, characters = share - len(text), characters - len(text)
            yield text
            if share == 0:
                break


def train_on_corpus(
    sources: Sequence[Source],
    folder: Path,
    *,
    kind: Kind = "sentencepiece",
    size: int = 32000,
    reading: Reading | None = None,
    characters: int | None = None,
) -> Learnt:
    """Learn a tokenizer from the train split of a corpus and write it to ``folder``.

    ``folder`` then holds ``tokenizer.json`` and ``tokenizer_config.json``, which :func:`load_tokenizer`, transformers'
    ``AutoTokenizer`` and every model saved with the tokenizer read; of SentencePiece also ``tokenizer.model``. The same
    text gives the same files.

    Args:
        sources: of :func:`~pixlm.data.pretraining.corpus.find_sources`.
        kind: "sentencepiece": byte pairs with byte fallback, as Llama (see
            :mod:`pixlm.data.sentencepieces`); "byte-bpe": byte pairs over bytes, as RoBERTa; "wordpiece": as BERT.
        size: entries of the vocabulary at most.
        reading: how files are read.
        characters: of the corpus to learn from at most; see :func:`corpus_lines`.

    Raises:
        UsageError: no train split, no text, bad input, a size that cannot be, or a folder that holds something else.
    """
    paths = [path for source in sources for path in source.files.get("train", ())]
    if not paths:
        raise UsageError("no train split given; name its file with --data.train FILE")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: holds something already; name a new folder with --output")
    reading, found, sample = reading or Reading(), Found(), _Sample()
    lines = sample.of(corpus_lines(paths, reading, found, characters=characters))
    model = None
    if kind == "sentencepiece":
        model = train_model(lines, size)
        tokenizer = as_tokenizer(model)
    else:
        tokenizer = (train_byte_level if kind == "byte-bpe" else train_wordpiece)(lines, size)
    if not sample.characters:
        raise UsageError(f"{paths[0]}: holds no text to learn a vocabulary from")
    tokens = sum(len(tokenizer(line, add_special_tokens=False)["input_ids"]) for line in sample.lines)
    learnt = Learnt(tokenizer, sample.characters, sum(map(len, sample.lines)) / max(tokens, 1), found)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-") as aside:
        tokenizer.save_pretrained(aside)
        if model is not None:
            (Path(aside) / MODEL_FILE).write_bytes(model)
        told = {"kind": kind, "size": len(tokenizer), "characters": learnt.characters, "files": paths}
        files.write_json(Path(aside) / REPORT, {**told, "characters_per_token": round(learnt.compression, 3)})
        folder.mkdir(exist_ok=True)
        for path in sorted(Path(aside).iterdir()):
            path.rename(folder / path.name)
    return learnt


class _Sample:
    """Counts lines that pass, and keeps some."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.characters = 0

    def of(self, lines: Iterator[str]) -> Iterator[str]:
        for number, line in enumerate(lines):
            self.characters += len(line)
            if len(self.lines) < 1000 and number % 7 == 0:
                self.lines.append(line)
            yield line
