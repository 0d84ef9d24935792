"""Sentences in several languages: files with one a line, or SIB-200's folders.

A language is a file (``en.txt``; of files that differ in their suffix alone, ``dev.eng_Latn``, the suffix), a folder
with ``train.tsv``, ``dev.tsv``, ``test.tsv`` as SIB-200 has one for each language, or each of these in a folder given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixlm.data.lines import read_lines
from pixlm.data.readers.sib import read_sib
from pixlm.data.splits import SPLITS
from pixlm.errors import UsageError


@dataclass(frozen=True)
class Sentence:
    """id: the same in every language; label: None where there is none."""

    id: str
    text: str
    label: str | None = None


def read_languages(
    paths: Sequence[Path], languages: Sequence[str] = (), split: str = "train"
) -> dict[str, list[Sentence]]:
    """The sentences of each language, in the order given.

    Args:
        languages: only these, in this order; default all that there are.
        split: which file of SIB-200's folders.

    Raises:
        UsageError: a path that is not there or holds nothing of the kind, a language that there is not or that comes
            twice, a file that is empty or no UTF-8.
    """
    files = [file for path in paths for file in _files(path, split)]
    names = _names(files)
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise UsageError(f"the language {twice[0]} comes twice; give one file or folder for each")
    found = dict(zip(names, files, strict=True))
    if missing := [each for each in languages if each not in found]:
        raise UsageError(f"no language {missing[0]} in {', '.join(map(str, paths))}; there is {', '.join(found)}")
    return {name: _read(found[name]) for name in languages or found}


def align(sentences: Mapping[str, Sequence[Sentence]]) -> dict[str, list[Sentence]]:
    """The sentences that every language has, in the same order.

    Raises:
        UsageError: fewer than two languages, files of lines that are not equally long, nothing in common.
    """
    if len(sentences) < 2:
        raise UsageError(f"parallel sentences need two languages or more; there is {', '.join(sentences) or 'none'}")
    first, *others = sentences
    numbered = all(each.id.isdecimal() and each.label is None for rows in sentences.values() for each in rows)
    for other in others if numbered else ():
        if len(sentences[first]) != len(sentences[other]):
            raise UsageError(
                f"{first} has {len(sentences[first])} lines and {other} {len(sentences[other])}: they are not aligned; "
                "line N must say the same in both"
            )
    tables = {name: {each.id: each for each in rows if each.text.strip()} for name, rows in sentences.items()}
    shared = [each.id for each in sentences[first] if all(each.id in table for table in tables.values())]
    if len(shared) < 2:
        raise UsageError(f"{', '.join(sentences)} share {len(shared)} sentences: they are not parallel")
    return {name: [table[id] for id in shared] for name, table in tables.items()}


def _files(path: Path, split: str) -> Iterator[Path]:
    """A file a language."""
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise UsageError(f"{path}: no such file or folder")
    if any((path / f"{each}.tsv").is_file() for each in SPLITS):
        if not (path / f"{split}.tsv").is_file():
            raise UsageError(f"{path} has no {split}.tsv; choose another --split")
        yield path / f"{split}.tsv"
        return
    folders = [each for each in sorted(path.iterdir()) if (each / f"{split}.tsv").is_file()]
    below = [each / f"{split}.tsv" for each in folders] or sorted(path.glob("*.txt"))
    if not below:
        raise UsageError(f"{path} holds neither *.txt nor LANGUAGE/{split}.tsv")
    yield from below


def _names(files: Sequence[Path]) -> list[str]:
    lines = [file for file in files if file.suffix != ".tsv"]
    by_suffix = len(lines) > 1 and len({file.stem for file in lines}) == 1
    names = []
    for file in files:
        if file.suffix == ".tsv":
            names.append(file.resolve().parent.name.removeprefix("sib200_"))
        else:
            names.append(file.suffix.removeprefix(".") if by_suffix else file.stem)
    return names


def _read(file: Path) -> list[Sentence]:
    if file.suffix == ".tsv":
        return [Sentence(one.id, one.text, None if one.label is None else str(one.label)) for one in read_sib(file)]
    return [Sentence(str(number), line) for number, line in enumerate(read_lines(file))]
