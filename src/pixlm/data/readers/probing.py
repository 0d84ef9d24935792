"""Probing tasks of LINSPECTOR (Şahin et al. 2020): words, pairs of words, or words in sentences, with a label each.

A task is a folder with ``train.txt``, ``dev.txt`` and ``test.txt``. Columns are separated by tabs (lines without any:
by spaces); the last is the label. Three columns whose second is always a number are a sentence, the place of the word
in it (from 0, tokens separated by spaces) and the label; other lines are one or two words and the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixlm.data.lines import read_lines
from pixlm.data.splits import SPLITS
from pixlm.errors import UsageError


@dataclass(frozen=True)
class ProbeExample:
    """words: one or two, or those of a sentence; place: the word in question of a sentence, None otherwise."""

    words: tuple[str, ...]
    place: int | None
    label: str

    @property
    def type(self) -> str:
        """What is labelled, without its context."""
        return " ".join(self.words) if self.place is None else self.words[self.place]


@dataclass(frozen=True)
class ProbeTask:
    """name: such as Case, in context "Case (contextual)"; splits: examples by split."""

    name: str
    language: str
    splits: dict[str, list[ProbeExample]]

    @property
    def contextual(self) -> bool:
        return self.splits["train"][0].place is not None


def find_probe_tasks(
    folders: Sequence[Path], tasks: Sequence[str] = (), languages: Sequence[str] = ()
) -> list[ProbeTask]:
    """All tasks below some folders, by language and name.

    Folders are those of the published data (``Case/arabic``), or of a language each (``linspector_arabic/Case``).

    Args:
        tasks, languages: only these; default all.

    Raises:
        UsageError: a folder without tasks, a task or language that there is not, a bad line (names file and line).
    """
    found: dict[tuple[str, str, bool], Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder; give one that holds TASK/LANGUAGE/train.txt")
        below = sorted(path.parent for path in folder.rglob("train.txt"))
        if not below:
            raise UsageError(f"{folder} holds no probing task: no train.txt below it, as in Case/arabic/train.txt")
        for each in below:
            name, language, contextual = _names(each)
            found[language, name, contextual] = each
    for what, wanted, known in (
        ("task", tasks, sorted({name for _, name, _ in found})),
        ("language", languages, sorted({language for language, _, _ in found})),
    ):
        if missing := [each for each in wanted if each not in known]:
            raise UsageError(
                f"no {what} {missing[0]} below {', '.join(map(str, folders))}; there is {', '.join(known)}"
            )
    return [
        _read_task(path, language, name)
        for (language, name, _), path in sorted(found.items())
        if (not tasks or name in tasks) and (not languages or language in languages)
    ]


def _names(folder: Path) -> tuple[str, str, bool]:
    """(task, language, whether the folder says contextual): tasks begin with a capital letter."""
    first, second = folder.resolve().parts[-2:]
    name, language = (first, second) if first[:1].isupper() and not second[:1].isupper() else (second, first)
    contextual = "contextual" in language.lower()
    language = language.removeprefix("linspector_").removesuffix("_contextual")
    return name, language, contextual


def _read_task(folder: Path, language: str, name: str) -> ProbeTask:
    splits = {split: _read(folder / f"{split}.txt") for split in SPLITS}
    kinds = {example.place is None for rows in splits.values() for example in rows}
    if len(kinds) > 1:
        raise UsageError(f"{folder}: some splits have sentences and others words")
    labels = {example.label for example in splits["train"]}
    if len(labels) < 2:
        raise UsageError(f"{folder / 'train.txt'}: all rows have the label {labels.pop()!r}: there is nothing to probe")
    return ProbeTask(name if kinds == {True} else f"{name} (contextual)", language, splits)


def _read(path: Path) -> list[ProbeExample]:
    rows = [
        (number, line.split("\t") if "\t" in line else line.split())
        for number, line in enumerate(read_lines(path), start=1)
        if line.strip()
    ]
    for number, row in rows:
        if not 2 <= len(row) <= 3 or not all(cell.strip() for cell in row):
            raise UsageError(f"{path}:{number}: expected one or two words and a label, or sentence, place and label")
    contextual = all(len(row) == 3 and row[1].isdecimal() for _, row in rows)
    examples = []
    for number, row in rows:
        words = tuple(row[0].split(" ")) if contextual else tuple(row[:-1])
        place = int(row[1]) if contextual else None
        if place is not None and place >= len(words):
            raise UsageError(f"{path}:{number}: there is no word {place} in a sentence of {len(words)} words")
        examples.append(ProbeExample(words, place, row[-1]))
    return examples
