"""The readers of one renderer: made for some candidates when they are first asked for, and kept."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pixlm.errors import UsageError
from pixlm.rendering.backends import Backend
from pixlm.rendering.itemize import FontSet
from pixlm.rendering.reading.candidates import COMMON, Candidates, from_characters, from_corpus, of_scripts
from pixlm.rendering.reading.pixels import segments, strips
from pixlm.rendering.reading.reader import Reader
from pixlm.rendering.reading.reading import Reading
from pixlm.rendering.reading.units import Sketcher
from pixlm.rendering.rendered import Rendered, RenderedBatch
from pixlm.rendering.unicode.properties import SCRIPT

_KEPT = 8  # readers
_SAMPLE = 256  # patches that are looked at to find out which scripts there are
_LEAST_SHARE = 0.03  # of the letters, for a script to be looked for

_BLURS = (0.0, 0.5, 0.75, 1.0, 1.5)  # pixels, that are tried when the blur is to be found out
_MOST_BLUR = 4.0

#: What a text may be read with: a corpus, code points, or a set of characters.
CandidatesLike = str | Iterable[str] | range | None


class Readers:
    """Reads for a renderer.

    Args:
        backend, fonts, strategy, compat: the renderer's.
        patch: pixels per patch.
        rgb: whether colour glyphs are in colour.
    """

    def __init__(
        self, backend: Backend, fonts: FontSet, strategy: str, compat: str | None, patch: int, rgb: bool
    ) -> None:
        if strategy == "continuous":
            raise UsageError(
                "text of the strategy 'continuous' has no cells to read; read needs bigrams, grapheme-bigrams, mono, "
                "words or adaptive"
            )
        if not backend.orders_text:
            raise UsageError("read works with the backends harfbuzz and pango")
        self._strategy = strategy
        self._compat = compat
        self._sketcher = Sketcher(backend, patch, rgb)
        self._sketchers = {0.0: self._sketcher}  # by blur
        self._covered = sorted(
            {chr(code) for font in fonts.fonts for code in font.code_points if not 0xD800 <= code < 0xE000}
        )
        self._kept: dict[Any, Reader] = {}
        self._last: Reader | None = None  # of those whose scripts were found out

    def read(
        self,
        pixel_values: Any,
        *,
        candidates: CandidatesLike,
        scripts: Sequence[str] | None,
        word_starts: Any,
        rtl: bool | None,
        is_split_into_words: bool,
        blur: float | None,
    ) -> Reading | list[Reading]:
        if blur is not None and not 0 <= blur <= _MOST_BLUR:
            raise UsageError(f"blur is {blur}, but must be 0 to {_MOST_BLUR} pixels, or None")
        images, are_several = strips(pixel_values, self._sketcher.patch)
        if word_starts is None:
            word_starts = _word_starts(pixel_values)
        starts = list(word_starts) if are_several and word_starts is not None else [word_starts] * len(images)
        if len(starts) != len(images):
            raise UsageError(f"there are {len(images)} images, but word_starts of {len(starts)}")
        if is_split_into_words and any(start is None for start in starts):
            raise UsageError("is_split_into_words=True needs word_starts, or what the renderer returned")
        if blur is None:
            blur = self._found_blur(candidates, scripts, images)
        reader = self.reader(candidates, scripts, images, float(blur))
        read = reader.read(images, starts, rtl, is_split_into_words)
        return read if are_several else read[0]

    def reader(
        self, candidates: CandidatesLike, scripts: Sequence[str] | None, images: Sequence[np.ndarray], blur: float
    ) -> Reader:
        """The reader for some candidates; without, for the scripts, or those that are found in the images."""
        if candidates is not None and scripts is not None:
            raise UsageError("pass candidates or scripts, not both")
        if candidates is None:
            if scripts is not None:
                return self._of_scripts(_checked(scripts), blur)
            if self._last is None or blur or not self._last.explains(images):
                self._last = self._of_scripts(self._found_scripts(images, blur), blur)
            return self._last
        if isinstance(candidates, str):
            candidates = (candidates,)
        elif isinstance(candidates, set | frozenset):
            candidates = frozenset(candidates)
        elif not isinstance(candidates, range):
            candidates = tuple(candidates)
        reader = self._kept.get((candidates, blur))
        if reader is None:
            if isinstance(candidates, range | frozenset):
                inside = set(map(chr, candidates)) if isinstance(candidates, range) else candidates
                made = from_characters(char for char in self._covered if char in inside)
            else:
                made = from_corpus(candidates, self._covered)
            reader = self._keep((candidates, blur), self._make(made, blur))
        return reader

    def _of_scripts(self, scripts: frozenset[str], blur: float) -> Reader:
        reader = self._kept.get((scripts, blur))
        if reader is None:
            made = from_characters(of_scripts(self._covered, scripts))
            reader = self._keep((scripts, blur), self._make(made, blur))
        return reader

    def _found_scripts(self, images: Sequence[np.ndarray], blur: float) -> frozenset[str]:
        """The scripts of a sample of the cells."""
        if self._strategy == "words":
            raise UsageError("reading words needs candidates=, a corpus, or scripts=, such as ('Latn', 'Cyrl')")
        everything = self._kept.get(("everything", blur))
        if everything is None:
            known = from_characters(self._covered)
            everything = self._keep(
                ("everything", blur), self._make(Candidates(known.characters, known.characters), blur)
            )
        sample = self._sample(images)
        counts: Counter[str] = Counter()
        for reading in everything.read(sample, [None] * len(sample), None, False):
            counts.update(SCRIPT[char] for cell in reading.cells if cell.confidence > 0.5 for char in cell.text)
        found = {script: count for script, count in counts.items() if script not in (*COMMON, "Zzzz")}
        least = _LEAST_SHARE * sum(found.values())
        return frozenset({"Latn"} | {script for script, count in found.items() if count >= least})

    def _found_blur(
        self, candidates: CandidatesLike, scripts: Sequence[str] | None, images: Sequence[np.ndarray]
    ) -> float:
        """The blur with which a sample of the cells fits best."""
        if candidates is None and scripts is None:
            scripts = sorted(self._found_scripts(images, 0.0))
        sample = self._sample(images)
        errors = {blur: self.reader(candidates, scripts, (), blur).misfit(sample) for blur in _BLURS}
        return min(errors, key=errors.__getitem__)

    def _sample(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Beginnings of some of the texts in the images."""
        patch = self._sketcher.patch
        parts = [strip[start * patch : end * patch] for strip in images for start, end in segments(strip, patch)]
        each = max(_SAMPLE // max(len(parts), 1), 4)
        step = max(len(parts) * each // _SAMPLE, 1)
        return [part[: each * patch] for part in parts[::step]]

    def _make(self, candidates: Candidates, blur: float) -> Reader:
        if blur not in self._sketchers:
            if len(self._sketchers) >= _KEPT:
                self._sketchers = {0.0: self._sketcher}
            self._sketchers[blur] = self._sketcher.blurred(blur)
        return Reader(self._strategy, self._compat, self._sketchers[blur], candidates)

    def _keep(self, key: Any, reader: Reader) -> Reader:
        while len(self._kept) >= _KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = reader
        return reader


def _checked(scripts: Sequence[str]) -> frozenset[str]:
    scripts = (scripts,) if isinstance(scripts, str) else tuple(scripts)
    wrong = [script for script in scripts if not re.fullmatch("[A-Z][a-z]{3}", script)]
    if wrong:
        raise UsageError(f"scripts holds {wrong[0]!r}, which is no ISO 15924 tag, such as 'Latn' or 'Cyrl'")
    return frozenset(scripts)


def _word_starts(pixel_values: Any) -> Any:
    """What a renderer returned says where words start; of pairs it does not, and of texts in the words' own cells."""
    if isinstance(pixel_values, Rendered):
        return pixel_values.word_starts
    if isinstance(pixel_values, RenderedBatch):
        return pixel_values["word_starts"]
    if isinstance(pixel_values, list) and pixel_values and all(isinstance(one, Rendered) for one in pixel_values):
        return [one.word_starts for one in pixel_values]
    return None
