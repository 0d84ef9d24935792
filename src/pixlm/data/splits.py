"""Finding the splits of a data set in a folder by the names its format uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixlm.errors import UsageError

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Sources:
    """Which file or files hold each split; None where there is none."""

    train: tuple[Path, ...] = ()
    dev: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()

    def get(self, split: str) -> tuple[Path, ...]:
        """The files of one split, named "train", "dev" or "test"."""
        return {"train": self.train, "dev": self.dev, "test": self.test}[split]


def find(
    folder: str | None,
    named: Mapping[str, str | None],
    patterns: Mapping[str, Sequence[str]],
) -> Sources:
    """Find splits in ``folder`` by glob ``patterns`` per split; files given by name in ``named`` win.

    ``folder`` may also be one file, which is then the train split. A split may have several files. Raises UsageError
    for a folder or file that is not there, and for a folder in which no pattern matches.
    """
    found: dict[str, tuple[Path, ...]] = dict.fromkeys(SPLITS, ())
    if folder is not None:
        root = Path(folder).expanduser()
        if root.is_file():
            found["train"] = (root,)
        elif root.is_dir():
            taken: set[Path] = set()
            for split in ("dev", "test", "train"):  # so that "*" for train leaves out what dev and test took
                for pattern in patterns.get(split, ()):
                    matches = [path for path in sorted(root.glob(pattern)) if path.is_file() and path not in taken]
                    if matches:
                        found[split] = tuple(matches)
                        taken.update(matches)
                        break
            if not any(found.values()):
                wanted = ", ".join(pattern for split in SPLITS for pattern in patterns.get(split, ())[:1])
                raise UsageError(
                    f"{root}: no data found; looked for {wanted}; or name files with --data.train, --data.dev"
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
