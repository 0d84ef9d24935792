"""A corpus: the sources of a run (languages, collections), each with its splits, as map-style sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pixlm.data import splits
from pixlm.data.encoders import InputEncoder
from pixlm.data.pretraining import documents, shards
from pixlm.data.pretraining.documents import HUB
from pixlm.data.pretraining.parts import Packing, Part, packed
from pixlm.data.pretraining.rows import Corpus
from pixlm.errors import UsageError


@dataclass(frozen=True)
class Source:
    """One collection of text. files: of each split, paths or ``hub:`` data sets."""

    name: str
    files: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Selection:
    """Which blocks are used.

    min_units: those with fewer patches of text are left out of the train split (PIXEL: 22). heldout: share of the
    documents of a source without a dev split that become its dev split, chosen by a hash of what they say. max_heldout:
    blocks of a source that its dev and test split have at most, spread evenly. deduplicate: a document that was met
    before, or that is in a dev or test split, is left out of the train split.
    """

    min_units: int = 0
    heldout: float = 0.0
    max_heldout: int | None = None
    deduplicate: bool = False


class TextBlocks(Sequence[str]):
    """Blocks of parts, one part after the other, or those of them at ``chosen`` [n].

    ``units`` [n]: patches of text of each.
    """

    def __init__(self, parts: Sequence[Part], chosen: np.ndarray | None = None):
        self.parts = list(parts)
        self._begins = np.cumsum([0, *map(len, self.parts)])
        units = np.concatenate([np.empty(0, np.int32), *(part.units for part in self.parts)])
        self.chosen = chosen
        self.units = units if chosen is None else units[chosen]

    def __len__(self) -> int:
        return len(self.units)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"block {index} of {len(self)}")
        place = int(index) % len(self) if self.chosen is None else int(self.chosen[index])
        number = int(np.searchsorted(self._begins, place, side="right")) - 1
        return self.parts[number].text(place - int(self._begins[number]))


@dataclass
class Packed:
    """The splits of a corpus, and what there is to tell about its text."""

    splits: dict[str, Corpus]
    notes: list[str] = field(default_factory=list)
    letters: str = ""


def find_sources(
    path: str | None, named: Mapping[str, str], files: Mapping[str, str | None] | None = None
) -> list[Source]:
    """The sources of a corpus.

    Args:
        path: a folder, a file or a ``hub:`` data set. A folder without data of its own, but with several folders that
            have some, has a source in each of them.
        named: path of each source by its name, instead of ``path``.
        files: single files by split, instead of what ``path`` holds of it (one source only).

    Raises:
        UsageError: a path that is not there or holds no data; both ways of naming.
    """
    single = {split: name for split, name in (files or {}).items() if name is not None}
    if named:
        if path is not None or single:
            raise UsageError(
                "--data.sources names all sources; leave out --data, --data.train, --data.dev, --data.test"
            )
        return [Source(name, _splits_of(where)) for name, where in named.items()]
    if any(name.startswith(HUB) for name in (path or "", *single.values())):
        named_files = {split: (name,) for split, name in single.items()}
        return [Source("text", {**(_splits_of(path) if path else {}), **named_files})]
    all_files = splits.find(path, single, _naming(path))
    together = {split: tuple(map(str, all_files.get(split))) for split in splits.SPLITS}
    root = None if path is None else Path(path).expanduser()
    if single or root is None or not root.is_dir():
        return [Source("text", together)]
    folders: dict[str, dict[str, tuple[str, ...]]] = {}
    for split, names in together.items():
        for name in names:
            inside = Path(name).relative_to(root).parts
            first = inside[0] if len(inside) > 1 else ""
            own = folders.setdefault(first, {})
            own[split] = (*own.get(split, ()), name)
    if len(folders) < 2 or "" in folders:
        return [Source("text", together)]
    return [Source(name, folders[name]) for name in sorted(folders)]


def _naming(path: str | None) -> splits.Naming:
    root = Path(path).expanduser() if path is not None else None
    return shards.NAMING if root is not None and root.is_dir() and shards.holds_strips(root) else documents.NAMING


def _splits_of(path: str) -> dict[str, tuple[str, ...]]:
    if path.startswith(HUB):
        return {"train": (path,)}
    found = splits.find(path, {}, _naming(path))
    return {split: tuple(map(str, found.get(split))) for split in splits.SPLITS if found.get(split)}


def pack_corpus(
    sources: Sequence[Source], encoder: InputEncoder, packing: Packing, selection: Selection, *, workers: int = 1
) -> Packed:
    """Text sources as blocks for ``encoder``, from the cache or packed now with ``workers`` processes.

    Raises UsageError for files without text and other bad input, RunError for a full disk.
    """
    if not 0 <= selection.heldout < 1:
        raise UsageError(f"--data.heldout {selection.heldout}: give a share from 0 up to, but not including, 1")
    paths = list(dict.fromkeys(path for source in sources for each in source.files.values() for path in each))
    parts = dict(packed(paths, encoder, packing, workers=workers))
    result = Packed({})
    for path, own in parts.items():
        _note(path, own, packing, result)
    letters = {letter for own in parts.values() for part in own for letter in part.summary.letters}
    result.letters = "".join(sorted(letters))
    chosen = _choose(sources, parts, selection)
    for split in splits.SPLITS:
        blocks = {source.name: chosen[source.name, split] for source in sources if (source.name, split) in chosen}
        if blocks:
            lengths = [each.units + 1 for each in blocks.values()]
            result.splits[split] = Corpus(blocks, lengths)
    for source in sources:
        if not len(chosen.get((source.name, "train"), ())):
            least = f" of {selection.min_units} patches or more" * (selection.min_units > 0)
            named = source.files.get("train", ())
            where = named[0] if named else f"source {source.name}"
            told = "".join(f"; {note}" for note in result.notes[:1])
            raise UsageError(f"{where}: holds no text{least} to train on{told}")
    return result


def _note(path: str, parts: Sequence[Part], packing: Packing, result: Packed) -> None:
    """What is odd about a file."""
    invalid = sum(part.summary.invalid for part in parts)
    skipped = sum(part.summary.skipped for part in parts)
    if invalid:
        result.notes.append(f"{path}: {invalid} bytes are not UTF-8 and become U+FFFD; save it as UTF-8")
    if skipped:
        first = next(part.summary.messages[0] for part in parts if part.summary.messages)
        result.notes.append(f"{path}: {skipped} records or stretches left out; first: {first}")
    if not any(map(len, parts)):
        if packing.reading.on_error == "raise":
            raise UsageError(f"{path}: holds no text")
        result.notes.append(f"{path}: holds no text")


def _choose(
    sources: Sequence[Source], parts: Mapping[str, Sequence[Part]], selection: Selection
) -> dict[tuple[str, str], TextBlocks]:
    """The blocks of each source and split."""
    held: dict[tuple[str, str], TextBlocks] = {}
    seen = np.empty(0, np.uint64)
    for source in sources:
        for split in ("dev", "test"):
            if source.files.get(split):
                own = [part for path in source.files[split] for part in parts[path]]
                held[source.name, split] = _thinned(TextBlocks(own), selection.max_heldout)
                seen = np.union1d(seen, np.concatenate([part.hashes for part in own]))
    limit = int(selection.heldout * 2**64)
    texts = {
        source.name: [part for path in source.files.get("train", ()) for part in parts[path]] for source in sources
    }
    rest: dict[str, np.ndarray] = {}
    for name, own in texts.items():
        hashes = _of_blocks(own)
        rest[name] = np.ones(len(hashes), bool)
        if limit and (name, "dev") not in held:
            out = _mixed(hashes) < np.uint64(limit)
            if not out.any():
                count = sum(part.summary.documents for part in own)
                raise UsageError(
                    f"source {name}: none of its {count} documents falls into --data.heldout {selection.heldout:g}; "
                    "raise it, or name a file with --data.dev (an empty line ends a document of a text file; where "
                    "each line is one, say --data.documents lines)"
                )
            held[name, "dev"] = _thinned(TextBlocks(own, np.flatnonzero(out)), selection.max_heldout)
            seen = np.union1d(seen, hashes[out])
            rest[name] = ~out
    chosen: dict[tuple[str, str], TextBlocks] = {}
    for name, own in texts.items():
        keep = np.concatenate([np.empty(0, np.int32), *(part.units for part in own)]) >= selection.min_units
        keep &= rest[name]
        if selection.deduplicate:
            documents = np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in own)])
            fresh = np.zeros(len(documents), bool)
            fresh[np.unique(documents, return_index=True)[1]] = True
            fresh &= ~np.isin(documents, seen)
            keep &= _spread(own, fresh)
            seen = np.union1d(seen, documents)
        chosen[name, "train"] = TextBlocks(own, None if keep.all() else np.flatnonzero(keep))
    return {**chosen, **held}


def _of_blocks(parts: Sequence[Part]) -> np.ndarray:
    """The hash of the document of each block."""
    return np.concatenate([np.empty(0, np.uint64), *(part.hashes[part.document] for part in parts)])


def _spread(parts: Sequence[Part], values: np.ndarray) -> np.ndarray:
    """Values of documents as values of their blocks."""
    begins = np.cumsum([0, *(len(part.hashes) for part in parts)])
    numbers = [part.document + begin for part, begin in zip(parts, begins[:-1], strict=True)]
    return values[np.concatenate([np.empty(0, np.int64), *numbers])]


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """Hashes that have nothing in common with these: documents held out are no special ones in any other way."""
    return hashes * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x632BE59BD9B4E019)


def _thinned(blocks: TextBlocks, most: int | None) -> TextBlocks:
    if most is None or len(blocks) <= most:
        return blocks
    spread = np.linspace(0, len(blocks) - 1, most).astype(np.int64)
    return TextBlocks(blocks.parts, spread if blocks.chosen is None else blocks.chosen[spread])
