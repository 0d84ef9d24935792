"""Finding the splits of a data set in a folder by the names its format uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixlm.errors import UsageError

SPLITS = ("train", "dev", "test")

WORDS: Mapping[str, Sequence[str]] = {
    "train": ("train", "training"),
    "dev": ("dev", "devel", "validation", "valid", "val"),
    "test": ("test",),
}
"""The usual words for splits in file names."""

_PART = re.compile(r"part-\d+(\.jsonl?)?")


@dataclass(frozen=True)
class Sources:
    """Which file or files (or ``datasets`` folders) hold each split; none where there is none."""

    train: tuple[Path, ...] = ()
    dev: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()

    def get(self, split: str) -> tuple[Path, ...]:
        """The files of one split, named "train", "dev" or "test"."""
        return {"train": self.train, "dev": self.dev, "test": self.test}[split]


@dataclass(frozen=True)
class Naming:
    """How a format names the files of its splits.

    suffix: of the files, or several in order of preference: of two files that differ in it alone the first counts;
    words: per split, the parts of a name that mark it (``vi_vtb-ud-dev.conllu`` has the parts vi, vtb, ud, dev);
    others: the split of files that no word marks, None to leave them out; saved: whether folders that
    ``datasets`` wrote count; ignore: folders that are not looked into.
    """

    suffix: str | tuple[str, ...]
    words: Mapping[str, Sequence[str]]
    others: str | None = None
    saved: bool = False
    ignore: tuple[str, ...] = ()

    @property
    def suffixes(self) -> tuple[str, ...]:
        return (self.suffix,) if isinstance(self.suffix, str) else self.suffix

    def stem(self, path: Path) -> str:
        """The name without the suffix."""
        found = next((suffix for suffix in self.suffixes if path.name.endswith(suffix)), "")
        return path.name.removesuffix(found)

    def split_of(self, path: Path) -> str | None:
        """The split that a file's name says it belongs to."""
        stem = self.stem(path)
        marked = self._marked(told_by(path) if _PART.fullmatch(stem) else stem)
        if len(marked) > 1:
            raise UsageError(
                f"{path}: its name says both {' and '.join(marked)}; name the splits with --data.train FILE ..."
            )
        return marked[0] if marked else self.others

    def is_whole(self, path: Path) -> bool:
        """Whether a folder is one split by itself."""
        return self.saved and is_saved(path)

    def named(self, name: str) -> tuple[Path, ...]:
        """The files or folders that a name on the command line stands for. Default: one."""
        return (Path(name).expanduser(),)

    def parts(self, root: Path) -> Iterator[tuple[str, Path]]:
        """The splits below a folder, with the files or folders that hold them."""
        marks = sorted(root.rglob("state.json")) if self.saved else []
        folders = [mark.parent for mark in marks if is_saved(mark.parent)]
        for path in folders or self.files(root):
            split = self.split_of(path)
            if split is not None:
                yield split, path

    def _marked(self, name: str) -> list[str]:
        parts = set(re.split(r"[._\- ]+", name.lower()))
        return [split for split in SPLITS if parts & set(self.words.get(split, ()))]

    def files(self, root: Path) -> Iterator[Path]:
        """The files of this format in ``root`` and the folders in it, each once, in the order of their names.

        Hidden files and those that macOS adds to archives are left out.
        """
        found: dict[tuple[Path, str], Path] = {}
        for suffix in self.suffixes:
            for path in sorted(root.rglob(f"*{suffix}")):
                inside = path.relative_to(root).parts
                hidden = any(part.startswith(".") or part == "__MACOSX" for part in inside)
                if not hidden and path.is_file() and not set(inside[:-1]) & set(self.ignore):
                    found.setdefault((path.parent, self.stem(path)), path)
        return iter(sorted(found.values()))


TREEBANK = Naming(".conllu", WORDS)
"""Universal Dependencies: ``vi_vtb-ud-train.conllu``."""
ENTITIES = Naming((".iob2", ".conll", ".bio", ".jsonl", ".json", ".parquet", ".tsv", ".txt"), WORDS, saved=True)
"""``train.txt`` (CoNLL-2003, MasakhaNER), ``en_ewt-ud-train.iob2`` (UNER), ``klue-ner-v1.1_dev.tsv``, ``hi_train.json``
(Naamapadam), ``datasets`` folders."""
TABLES = Naming((".tsv", ".csv", ".jsonl", ".json", ".parquet"), WORDS, saved=True)
"""``train.tsv``, ``dev.csv`` ...: one's own texts, SIB-200 (a folder a language)."""
PAIRS = Naming(
    (".tsv", ".csv", ".jsonl", ".json", ".parquet", ".txt", ".gz"),
    WORDS,
    saved=True,
    ignore=("original", "Diagnostic"),
)
"""GLUE (``dev_matched.tsv``), SNLI (``snli_1.0_train.jsonl``), MultiNLI, XNLI (``xnli.dev.ur.tsv``), PixelGPT's strips
(``mnli-train/part-00000.gz``); the archives of GLUE hold the data a second time in folders called "original"."""
QUESTIONS = Naming((".json", ".jsonl", ".parquet"), WORDS, saved=True)
"""``train-v1.1.json``, ``KorQuAD_v1.0_dev.json``, ``jaquad_train_0000.json``, ``tydiqa-goldp-v1.1-train.json``."""


def told_by(path: Path) -> str:
    """The name that tells what a file holds: its own without the ending, or its folder's if it is a numbered part."""
    return path.parent.name if _PART.fullmatch(path.stem) else path.stem


def find(folder: str | None, named: Mapping[str, str | None], naming: Naming) -> Sources:
    """Find splits in ``folder`` and the folders in it; files given by name in ``named`` win.

    ``folder`` may also be one file, which is then the train split. A split may have several files. Raises UsageError
    for a folder or file that is not there, and for a folder in which nothing is found.
    """
    found: dict[str, tuple[Path, ...]] = dict.fromkeys(SPLITS, ())
    if folder is not None:
        given = naming.named(folder)
        root = given[0]
        if len(given) > 1:
            found["train"] = _present(given, naming, "")
        elif root.is_file() or naming.is_whole(root):
            found["train"] = (root,)
        elif root.is_dir():
            for split, path in naming.parts(root):
                found[split] += (path,)
            if not any(found.values()):
                wanted = ", ".join(
                    f"*{words[0]}*{suffix}" for words in naming.words.values() for suffix in naming.suffixes[:1]
                )
                also = f" (or {', '.join(naming.suffixes[1:])})" if len(naming.suffixes) > 1 else ""
                raise UsageError(
                    f"{root}: no data found; looked for {wanted}{also}; or name files with --data.train FILE ..."
                )
        else:
            raise UsageError(f"{root}: {_why_not(root) or 'no such file or folder'}")
    for split, name in named.items():
        if name is not None:
            found[split] = _present(naming.named(name), naming, f" (--data.{split})")
    return Sources(**found)


def _present(paths: tuple[Path, ...], naming: Naming, flag: str) -> tuple[Path, ...]:
    for path in paths:
        if not path.is_file() and not naming.is_whole(path):
            raise UsageError(f"{path}: {_why_not(path) or 'no such file'}{flag}")
    return paths


def _why_not(path: Path) -> str | None:
    """Why something that is there is no file to read; ``None`` if nothing is there."""
    if path.is_dir():
        return "is a folder, not a file"
    if path.exists():  # such as <(zcat file) in a shell
        return "is a pipe or a device; data are read several times: write them to a file"
    return "is a link that leads nowhere" if path.is_symlink() else None


def is_saved(path: Path) -> bool:
    """Whether a folder is one split that ``datasets`` wrote with ``save_to_disk``."""
    return (path / "state.json").is_file() and (path / "dataset_info.json").is_file()


def require(sources: Sources, split: str) -> tuple[Path, ...]:
    """The files of ``split``, or a UsageError that says how to name one."""
    paths = sources.get(split)
    if not paths:
        raise UsageError(f"no {split} split given; name its file with --data.{split} FILE")
    return paths
