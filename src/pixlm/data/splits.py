"""Finding the splits of a data set in a folder by the names its format uses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixlm.errors import UsageError

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Sources:
    """Which file or files hold each split; none where there is none."""

    train: tuple[Path, ...] = ()
    dev: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()

    def get(self, split: str) -> tuple[Path, ...]:
        """The files of one split, named "train", "dev" or "test"."""
        return {"train": self.train, "dev": self.dev, "test": self.test}[split]


@dataclass(frozen=True)
class Naming:
    """How a format names the files of its splits.

    suffix: of every file; words: per split, the parts of a name that mark it (``vi_vtb-ud-dev.conllu`` has the parts
    vi, vtb, ud, dev); others: the split of files that no word marks, None to leave them out.
    """

    suffix: str
    words: Mapping[str, Sequence[str]]
    others: str | None = None

    def split_of(self, path: Path) -> str | None:
        """The split that a file's name says it belongs to."""
        parts = set(re.split(r"[._\- ]+", path.name.removesuffix(self.suffix).lower()))
        marked = [split for split in SPLITS if parts & set(self.words.get(split, ()))]
        if len(marked) > 1:
            raise UsageError(
                f"{path}: its name says both {' and '.join(marked)}; name the splits with --data.train FILE ..."
            )
        return marked[0] if marked else self.others


def find(folder: str | None, named: Mapping[str, str | None], naming: Naming) -> Sources:
    """Find splits in ``folder`` and the folders in it; files given by name in ``named`` win.

    ``folder`` may also be one file, which is then the train split. A split may have several files. Raises UsageError
    for a folder or file that is not there, and for a folder in which nothing is found.
    """
    found: dict[str, tuple[Path, ...]] = dict.fromkeys(SPLITS, ())
    if folder is not None:
        root = Path(folder).expanduser()
        if root.is_file():
            found["train"] = (root,)
        elif root.is_dir():
            for path in sorted(root.rglob(f"*{naming.suffix}")):
                split = naming.split_of(path) if path.is_file() else None
                if split is not None:
                    found[split] += (path,)
            if not any(found.values()):
                wanted = ", ".join(f"*{words[0]}*{naming.suffix}" for words in naming.words.values())
                raise UsageError(
                    f"{root}: no data found; looked for {wanted}; or name files with --data.train FILE ..."
                )
        else:
            raise UsageError(f"{root}: no such file or folder")
    for split, name in named.items():
        if name is not None:
            path = Path(name).expanduser()
            if not path.is_file():
                reason = "is a folder, not a file" if path.is_dir() else "no such file"
                raise UsageError(f"{path}: {reason} (--data.{split})")
            found[split] = (path,)
    return Sources(**found)


def require(sources: Sources, split: str) -> tuple[Path, ...]:
    """The files of ``split``, or a UsageError that says how to name one."""
    paths = sources.get(split)
    if not paths:
        raise UsageError(f"no {split} split given; name its file with --data.{split} FILE")
    return paths
