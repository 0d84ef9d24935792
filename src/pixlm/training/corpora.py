"""From a run's settings to its corpus: sources, splits, and the mixture of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

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


def find(data: TextConfig) -> tuple[list[Source], splits.Sources]:
    """The sources that the settings name, and the files of each split over all of them.

    Raises UsageError for a path without data, or settings without a train split.
    """
    named = {"train": data.train, "dev": data.dev, "test": data.test}
    sources = find_sources(data.path, data.sources, named)
    files = {
        split: tuple(
            Path(path) for source in sources for path in source.files.get(split, ()) if not path.startswith(HUB)
        )
        for split in splits.SPLITS
    }
    lacking = [source.name for source in sources if not source.files.get("train")]
    if lacking:
        which = f"source {lacking[0]} has no train split" if len(sources) > 1 else "no train split given"
        raise UsageError(f"{which}; name its file with --data.train FILE")
    return sources, splits.Sources(**files)


def load(data: TextConfig, sources: Sequence[Source], encoder: InputEncoder, *, workers: int = 0) -> dict[str, Corpus]:
    """The splits of the corpus, packed for ``encoder``, or drawn beforehand; says what is odd about the text."""
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
    assert isinstance(encoder, RenderedText)
    paths = [Path(path) for source in sources for each in source.files.values() for path in each]
    texts = [path for path in paths if not is_prerendered(str(path))]
    if texts:
        raise UsageError(f"{texts[0]}: is no file of strips, but others beside it are; keep text and strips apart")
    for folder in {folder for path in paths for folder in (path.parent, path.parent.parent)}:
        check_set(folder, encoder.fingerprint)
    found: dict[str, dict[str, Strips]] = {}
    for split in splits.SPLITS:
        files = {source.name: source.files[split] for source in sources if source.files.get(split)}
        if files:
            found[split] = open_strips(files, encoder, min_patches=data.min_patches if split == "train" else 0)
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
