"""Finding the splits of a data set of pages: they are folders as often as files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pixlm.data.pages.folders import METADATA
from pixlm.data.pages.images import SUFFIXES
from pixlm.data.pages.shards.names import expand, is_command, is_remote
from pixlm.data.splits import SPLITS, WORDS, Naming, is_saved
from pixlm.errors import UsageError


@dataclass(frozen=True)
class PageNaming(Naming):
    """Folders named by splits (Donut, SROIE, CORD; FUNSD's ``training_data``), whose own layout
    :func:`~pixlm.data.pages.folders.read_pages` finds out; files named by splits (``train_v1.0.json``,
    ``labels/val.txt``, ``test.parquet``); or one folder of pages, which is then the train split."""

    def is_whole(self, path: Path) -> bool:
        return path.is_dir() and (is_saved(path) or _holds_pages(path))

    def named(self, name: str) -> tuple[Path, ...]:
        """Shards may be named by ranges (``train-{000..127}.tar``) and joined by ``::``; what is no file on this
        machine (URLs, commands) stands in a list, ``train.shards``."""
        if is_remote(name) or is_command(name):
            raise UsageError(
                f"{name[:80]}: write URLs and commands into a file, train.shards, one a line; give its name"
            )
        if "::" in name or ("{" in name and not Path(name).expanduser().exists()):
            return tuple(Path(one).expanduser() for one in expand(name))
        return super().named(name)

    def parts(self, root: Path) -> Iterator[tuple[str, Path]]:
        folders = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]
        marked = [(split, path) for path in folders if (split := self._split(path.name)) is not None]
        found = marked or list(super().parts(root))
        shards = [("train", path) for path in sorted(root.glob("*.tar"))]  # whose names need not say a split
        yield from found or shards

    def _split(self, name: str) -> str | None:
        parts = re.split(r"[._\- ]+", name.lower())
        # "val" and "test" may also be "validation_data" and "testing_data".
        found = [split for split in SPLITS if set(parts) & {*WORDS[split], *_MORE.get(split, ())}]
        return found[0] if len(found) == 1 else None


_MORE = {"test": ("testing",)}

PAGES = PageNaming((".shards", ".tar", ".jsonl", ".json", ".parquet", ".txt", ".csv", ".pdf"), WORDS, saved=True)
"""``train/metadata.jsonl``, ``sroie/test/{img,key,box}``, ``train_v1.0_withQT.json``, ``labels/test.txt``,
``train-0000.tar``, ``train.shards`` ..."""


def _holds_pages(path: Path) -> bool:
    """Whether a folder holds images, or what belongs to them, and is not a folder of splits."""
    if any((path / name).is_file() for name in METADATA):
        return True
    inside = list(path.iterdir())
    if any(one.is_dir() and PAGES._split(one.name) is not None for one in inside):
        return False
    images = {one.stem for one in inside if one.suffix.lower() in SUFFIXES}
    files = [one for one in inside if one.suffix in PAGES.suffixes and one.is_file()]
    if any(PAGES.split_of(one) is not None and one.name.split(".")[0] not in images for one in files):
        return False
    folders = [path, *(one for one in inside if one.is_dir())]
    return any(file.suffix.lower() in SUFFIXES for folder in folders for file in folder.iterdir())
