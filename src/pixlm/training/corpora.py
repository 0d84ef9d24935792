"""From a run's settings to its corpus: sources, splits, and the mixture of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pixlm import files
from pixlm.data import splits
from pixlm.data.encoders import InputEncoder, RenderedText
from pixlm.data.pretraining.corpus import Selection, Source, find_sources, pack_corpus
from pixlm.data.pretraining.documents import HUB, Reading
from pixlm.data.pretraining.mixture import Mixture, shares
from pixlm.data.pretraining.parts import Packing
from pixlm.data.pretraining.rows import Corpus
from pixlm.data.pretraining.shards import Strips, check_set, hold_out, is_prerendered, open_strips, thinned
from pixlm.data.sampler import widths
from pixlm.errors import UsageError
from pixlm.training.config import TextConfig
from pixlm.training.output import INPUTS


def find(data: TextConfig) -> tuple[list[Source], splits.Sources]:
    """The sources that the settings name, and the files of each split over all of them.

    Raises UsageError for a path without data, or settings without a train split.
    """
    named = {"train": data.train, "dev": data.dev, "test": data.test}
    sources = find_sources(data.path, data.sources, named)
    together = {
        split: tuple(
            Path(path) for source in sources for path in source.files.get(split, ()) if not path.startswith(HUB)
        )
        for split in splits.SPLITS
    }
    lacking = [source.name for source in sources if not source.files.get("train")]
    if lacking:
        which = f"source {lacking[0]} has no train split" if len(sources) > 1 else "no train split given"
        raise UsageError(f"{which}; name its file with --data.train FILE")
    _check_numbers(data, sources)
    return sources, splits.Sources(**together)


def _check_numbers(data: TextConfig, sources: Sequence[Source]) -> None:
    for name, lowest in (("max_heldout", 1), ("limit", 1), ("min_patches", 0), ("workers", 0)):
        value = getattr(data, name)
        if value is not None and value < lowest:
            raise UsageError(f"--data.{name.replace('_', '-')} {value}: must be {lowest} or more")
    paths = [path for source in sources for each in source.files.values() for path in each]
    if data.limit is not None and not any(path.startswith(HUB) for path in paths):
        raise UsageError(f"--data.limit is for hub: streams, and {paths[0]} is none; leave it out")


def load(data: TextConfig, sources: Sequence[Source], encoder: InputEncoder, *, workers: int = 0) -> dict[str, Corpus]:
    """The splits of the corpus, packed for ``encoder``, or drawn beforehand; says what is odd about the text."""
    if encoder.max_length < 2:
        raise UsageError(
            f"--render.max-seq-length {encoder.max_length}: must be 2 or more; the last patch ends the text"
        )
    paths = [path for source in sources for each in source.files.values() for path in each]
    drawn = [is_prerendered(path) for path in (paths[0], paths[-1])]
    if any(drawn):
        return _load_strips(data, sources, encoder)
    packing = Packing(
        reading=Reading(column=data.column, documents=data.documents, on_error=data.on_error, limit=data.limit),
        clean=data.clean,
    )
    selection = Selection(
        min_units=data.min_patches,
        heldout=data.heldout,
        max_heldout=data.max_heldout,
        deduplicate=data.deduplicate,
    )
    packed = pack_corpus(sources, encoder, packing, selection, workers=workers or 1)
    if os.environ.get("RANK", "0") == "0":
        for note in packed.notes:
            print(note)
    encoder.measure(packed.letters)  # characters without a font are reported once, before the run
    return packed.splits


def _load_strips(data: TextConfig, sources: Sequence[Source], encoder: InputEncoder) -> dict[str, Corpus]:
    """The splits of a corpus that was drawn beforehand."""
    if data.deduplicate:
        raise UsageError("--data.deduplicate is about text, but the data are strips that are drawn already")
    if not isinstance(encoder, RenderedText):
        raise UsageError("the data are strips that are drawn already, which hold no tokens; give text instead")
    paths = [Path(path) for source in sources for each in source.files.values() for path in each]
    texts = [path for path in paths if not is_prerendered(str(path))]
    if texts:
        raise UsageError(f"{texts[0]}: is no file of strips, but others beside it are; keep text and strips apart")
    for folder in {folder for path in paths for folder in (path.parent, path.parent.parent)}:
        check_set(folder, encoder.fingerprint)
    found: dict[str, dict[str, Strips]] = {}
    for split in splits.SPLITS:
        named = {source.name: source.files[split] for source in sources if source.files.get(split)}
        if named:
            found[split] = open_strips(named, encoder, min_patches=data.min_patches if split == "train" else 0)
    for name in found["train"] if data.heldout else ():
        if name not in found.get("dev", {}):
            kept, held = hold_out(found["train"][name], data.heldout)
            found["train"][name], found.setdefault("dev", {})[name] = kept, thinned(held, data.max_heldout)
    return {
        split: Corpus(strips, [each.lengths for each in strips.values()])
        for split in splits.SPLITS
        if (strips := found.get(split))
    }


def mix(data: TextConfig, corpus: Corpus, seed: int, encoder: InputEncoder) -> Mixture:
    """Which rows of the train split an epoch has, in what shares."""
    sizes = dict(zip(corpus.names, corpus.sizes, strict=True))
    wanted = shares(sizes, weights=data.weights, temperature=data.temperature)
    if len(sizes) > 1 and os.environ.get("RANK", "0") == "0":
        print("shares: " + ", ".join(f"{name} {share:.1%} of {sizes[name]}" for name, share in wanted.items()))
    # Rows are sorted by the width of their batch, not by their own: among blocks that nearly fill a sequence the
    # exact length tells little but the source, and batches are to be mixed.
    narrow = np.array(widths(encoder.max_length))
    lengths = narrow[np.minimum(np.searchsorted(narrow, corpus.lengths), len(narrow) - 1)]
    return Mixture(corpus.sizes, lengths, list(wanted.values()), seed)


def check_unchanged(folder: Path, corpus: Mapping[str, Corpus]) -> None:
    """Note in a run's inputs.json what its rows are, or raise a UsageError where they were others when it began.

    The files may be the same, and yet another version of pixlm or HarfBuzz packs them to other blocks.
    """
    mine = {
        split: {"rows": len(each), "lengths": hashlib.sha256(each.lengths.tobytes()).hexdigest()}
        for split, each in corpus.items()
    }
    noted = files.read_json(folder / INPUTS)
    for split, rows in noted.get("rows", mine).items():
        if mine.get(split) != rows:
            raise UsageError(
                f"{folder}: the {split} text becomes other rows than when this run began, though the files are the "
                "same; resume with the versions of pixlm and uharfbuzz that it began with, or name another --output DIR"
            )
    if "rows" not in noted and os.environ.get("RANK", "0") == "0":
        files.write_json(folder / INPUTS, {**noted, "rows": mine})
