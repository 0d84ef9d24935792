"""Samples of shards as records, one after the other or at any place."""

from __future__ import annotations

import io
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, overload

import numpy as np

from pixlm.data.pages.example import DecodedImage, DocumentExample, ImageSource, PageExample
from pixlm.data.pages.facts import AnnotationError, Facts, PageRecord, facts_of
from pixlm.data.pages.images import PageError, open_page
from pixlm.data.pages.shards.archive import Sample, ShardError
from pixlm.data.pages.shards.index import Index, Shard, load_index
from pixlm.data.readers.problems import Problems
from pixlm.errors import RunError, UsageError

IMAGES = ("pdf", "tif", "tiff", "png", "jpg", "jpeg", "webp", "bmp", "ppm", "pgm", "jp2")
"""Suffixes of a sample's image; the first that is there counts, in pixparse's order."""
_ANNOTATIONS = ("json", "gt_parse.json", "txt", "cls")
_RECENT = 200_000
"""Samples whose places are kept in memory, some 800 bytes each: a random order asks for those of all shards."""


@dataclass(frozen=True)
class ShardImage:
    """The image of a sample, read from its place in the archive."""

    shard: Shard
    offset: int
    size: int
    member: str

    @property
    def name(self) -> str:
        return f"{self.shard.name}:{self.member}"

    def open(self) -> BinaryIO:
        return io.BytesIO(self.shard.read(self.offset, self.size))


def records_of(key: str, shard: str, image: ImageSource, annotations: Mapping[str, bytes]) -> list[PageRecord]:
    """The pages of a sample; raises :class:`AnnotationError`.

    Args:
        annotations: contents by suffix.
    """
    suffix = next((one for one in _ANNOTATIONS if one in annotations), None)
    facts = [Facts()] if suffix is None else _facts(suffix, annotations[suffix])
    names = [key] if len(facts) == 1 else [f"{key}#{page + 1}" for page in range(len(facts))]
    where = f"{shard}:{key}"
    return [
        PageRecord(id=name, image=image, page=page, facts=one, where=where)
        for page, (name, one) in enumerate(zip(names, facts, strict=True))
    ]


def _facts(suffix: str, data: bytes) -> list[Facts]:
    try:
        text = data.decode("utf-8-sig")
        if suffix.endswith("json"):
            return facts_of(json.loads(text))
    except UnicodeDecodeError:
        raise AnnotationError(f"its {suffix} is no UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, AnnotationError):
            raise
        raise AnnotationError(f"its {suffix} is no JSON ({str(error)[:80]})") from None
    if suffix == "cls":
        return [Facts(label=text.strip())]
    return [Facts(lines=tuple(text.strip("\n").split("\n")), texts=(text.strip(),))]


class ShardExamples(Sequence[Any]):
    """The samples of shards that can be searched, as examples of a task: nothing is read before it is asked for.

    A sample of one page is a :class:`PageExample`, one of several a :class:`DocumentExample`.

    Args:
        shards: names of files or URLs.
        examples: what the task makes of a record.
        labelled: whether samples without targets are bad.
        problems: with "raise" bad samples are errors, those that are seen in the index at once; with "skip" they are
            counted, and the next good sample stands for one whose contents turn out bad when it is read. Images are
            then decoded with their sample.
        limit: bad samples after which a process gives up (RunError).
    """

    def __init__(
        self,
        shards: Sequence[str],
        examples: Callable[[PageRecord], list[PageExample]],
        *,
        labelled: bool,
        problems: Problems,
        limit: int = 1000,
    ):
        self.shards = [Shard(name) for name in shards]
        self.examples = examples
        self.labelled = labelled
        self.tolerant = problems.on_error == "skip"
        self.limit = limit
        self.skipped = 0
        self._recent: OrderedDict[int, Index] = OrderedDict()
        counts = []
        for number, shard in enumerate(self.shards):
            counts.append(len(self._index(number).samples))
            for key, reason in self._index(number).bad:
                problems.skip(f"{shard.name}:{key}", reason)
        self.sizes = counts
        """Samples of each shard."""
        self._ends = np.cumsum(counts)
        if not len(self):
            raise UsageError(f"{shards[0]}: holds no sample with an image ({problems.summary() or 'it is empty'})")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_recent": OrderedDict()}

    def _index(self, number: int) -> Index:
        """The index of a shard; those that were asked for last stay in memory."""
        found = self._recent.get(number)
        if found is None:
            found = self._recent[number] = self._usable(number)
            while len(self._recent) > 1 and sum(len(one.samples) for one in self._recent.values()) > _RECENT:
                self._recent.popitem(last=False)
        self._recent.move_to_end(number)
        return found

    def _usable(self, number: int) -> Index:
        index = load_index(self.shards[number])
        lacking = [one for one in index.samples if _image_suffix(one) is None]
        if not lacking:
            return index
        kept = [one for one in index.samples if _image_suffix(one) is not None]
        return Index(kept, [*index.bad, *((one.key, f"no image ({', '.join(IMAGES)})") for one in lacking)])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        place = index % len(self)
        for step in range(len(self)):
            try:
                example = self._example((place + step) % len(self))
                return self._decoded(example) if self.tolerant else example
            except (AnnotationError, PageError, ShardError) as error:
                self._skip(error, (place + step) % len(self))
        raise RunError(f"{self.shards[0].name}: all {len(self)} samples are bad")

    def __iter__(self) -> Iterator[Any]:
        """Every sample once, without its image being read; bad ones are left out."""
        for place in range(len(self)):
            try:
                yield self._example(place)
            except (AnnotationError, ShardError) as error:
                self._skip(error, place)

    def _skip(self, error: Exception, place: int) -> None:
        shard, sample = self._find(place)
        where = f"{shard.name}:{sample.key}"
        line = str(error) if str(error).startswith(shard.name) else f"{where}: {error}"
        if not self.tolerant:
            raise UsageError(line) from None
        self.skipped += 1
        if self.skipped > self.limit:
            raise RunError(f"more than {self.limit} bad samples; the last: {line}")

    def _find(self, place: int) -> tuple[Shard, Sample]:
        number = int(np.searchsorted(self._ends, place, side="right"))
        start = int(self._ends[number]) - self.sizes[number]
        return self.shards[number], self._index(number).samples[place - start]

    def _example(self, place: int) -> PageExample | DocumentExample:
        shard, sample = self._find(place)
        suffix = _image_suffix(sample)
        assert suffix is not None
        member = sample.members[suffix]
        image = ShardImage(shard, member.offset, member.size, f"{sample.key}.{suffix}")
        texts = {name: shard.read(one.offset, one.size) for name, one in sample.members.items() if name in _ANNOTATIONS}
        return as_example(records_of(sample.key, shard.name, image, texts), self.examples, self.labelled)

    def _decoded(self, example: PageExample | DocumentExample) -> PageExample | DocumentExample:
        if isinstance(example, DocumentExample):
            return example  # which of its pages is drawn is not known here
        if isinstance(example.image, ShardImage) and example.image.member.endswith(".pdf"):
            return example
        name = example.image.name
        return replace(example, image=DecodedImage(open_page(example.image, example.page), name), page=0)


def as_example(
    records: Sequence[PageRecord], examples: Callable[[PageRecord], list[PageExample]], labelled: bool
) -> PageExample | DocumentExample:
    """The pages of a sample as one example; raises AnnotationError where there is nothing to learn from."""
    pages = [one for record in records for one in examples(record)]
    if labelled:
        pages = [one for one in pages if one.targets]
    if not pages:
        raise AnnotationError("says nothing that this task learns from")
    if len(pages) == 1:
        return pages[0]
    return DocumentExample(id=records[0].id.rpartition("#")[0], where=records[0].where, pages=pages)


def _image_suffix(sample: Sample) -> str | None:
    return next((suffix for suffix in IMAGES if suffix in sample.members), None)
