"""`TextRenderer`: text to patches."""

from __future__ import annotations

import hashlib
import os
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pixlm.errors import UsageError
from pixlm.rendering import config, fonts
from pixlm.rendering.arguments import as_batch, as_path, check_stride, font_pixels, fonts_in, optional_int, positive_int
from pixlm.rendering.assembly import Assembler, store
from pixlm.rendering.assembly.cells import AssembledCells
from pixlm.rendering.assembly.continuous import AssembledContinuous
from pixlm.rendering.assembly.strips import Strips
from pixlm.rendering.assembly.words import Words
from pixlm.rendering.backends import BACKENDS, Painter, make_backend
from pixlm.rendering.backends.harfbuzz import HarfBuzzBackend
from pixlm.rendering.cell_drawing import CellPainter
from pixlm.rendering.drawing import Painter as InkPainter
from pixlm.rendering.font import UNITS, Font, unify
from pixlm.rendering.geometry import Geometry, check_padding, padded_length
from pixlm.rendering.inputs import TextInput, describe
from pixlm.rendering.itemize import FontSet
from pixlm.rendering.line import Line
from pixlm.rendering.offsets import Span
from pixlm.rendering.page import Metrics, RenderedPage, check_format, draw_page
from pixlm.rendering.reading import CandidatesLike, Readers, Reading
from pixlm.rendering.rendered import Assembled, Rendered, RenderedBatch, make_batch
from pixlm.rendering.strategies import Plan, make_strategy
from pixlm.rendering.strategies.cells import Cells
from pixlm.rendering.strategies.continuous import Continuous
from pixlm.rendering.unicode.properties import UNICODE_VERSION

_MISSING_GLYPH = ("warn", "box", "error")

#: Patches of an image where nothing else is said: PIXEL's, and others'.
_LENGTHS: dict[str | None, int] = {"pixelgpt": 1024}

#: Laid out lines of at most this many code points are kept: words repeat, and corpora are measured by the character.
_CACHED_LENGTH = 48
_CACHE_SIZE = 20_000

#: Drawn for the fingerprint: ligatures, marks, several scripts, both directions, a colour glyph; or boxes for them.
_SAMPLE = (
    "Hamburgefonstiv ffi 0123 ÅéŐ Жщ Ωξ ჯ \u0645\u0631\u062d\u0628\u0627 \u05e9\u05b8\u05dc क्षि ไทย 漢字 한 \U0001f600"
)

PathLike = str | os.PathLike[str]


class TextRenderer:
    """Renders text to a row of square patches.

    Args:
        font_file: TrueType or OpenType font; None takes the one that ships with pixlm and, if no fallback is named, its
            fallback for Han, kana and Hangul.
        strategy: how text becomes patches: "continuous" (text runs on; of a list of words, each starts a patch);
            "words" (each word starts a patch); "mono" (a grid of half patches, a character each); "bigrams" (two code
            points per patch, drawn alone); "grapheme-bigrams" (two grapheme clusters, shaped); "adaptive" (whole words
            of Arabic and Hebrew, one character per patch of Han, kana and Hangul, else grapheme bigrams).
        backend: what lays text out and draws it: "harfbuzz" (wheels only; draws PangoCairo's pixels), "pango" (the
            system's PangoCairo itself) or "pygame" (what PIXEL was pretrained with: one font, no shaping, no fallback).
        font_size: points.
        dpi: dots per inch; 8 points at 120 dpi are 13.3 pixels.
        pixels_per_patch: P, height and width of a patch in pixels.
        max_seq_length: L, the most patches an image has: 529 if None, with compat="pixelgpt" 1024; may be assigned
            later.
        rgb: three channels, with colour emoji; else emoji are black silhouettes.
        fallback_fonts: font files for characters that ``font_file`` lacks, best first.
        fallback_fonts_dir: folder of more such fonts (``*.ttf``, ``*.otf``, ``*.ttc``), taken in order of their names.
        missing_glyph: a character that no font has: "warn" draws a box and warns once per call, "box" draws it
            silently, "error" raises a UsageError.
        compat: whose quirks to reproduce: None (none), "pixel" (PIXEL's renderer of the backend), "pixel-m4"
            (PIXEL-M4's edited copy of it, without left margin) or "pixelgpt" (PixelGPT's, with backend "pygame").

    Raises:
        UsageError: a value that is not among the ones above, a font that cannot be used, or a backend that is not
            installed.
    """

    def __init__(
        self,
        font_file: PathLike | None = None,
        *,
        strategy: str = "continuous",
        backend: str = "harfbuzz",
        font_size: float = 8,
        dpi: float = 120,
        pixels_per_patch: int = 16,
        max_seq_length: int | None = None,
        rgb: bool = False,
        fallback_fonts: Sequence[PathLike] = (),
        fallback_fonts_dir: PathLike | None = None,
        missing_glyph: str = "warn",
        compat: str | None = None,
    ) -> None:
        if backend not in BACKENDS:
            raise UsageError(f"backend is {backend!r}, but it must be one of {', '.join(BACKENDS)}")
        if compat == "pixelgpt" and backend != "pygame":
            raise UsageError(f"compat='pixelgpt' is what pygame draws; pass backend='pygame' (it is {backend!r})")
        if compat == "pixel-m4" and backend == "pygame":
            raise UsageError("compat='pixel-m4' is what PangoCairo draws; backend='pygame' takes 'pixel' or 'pixelgpt'")
        if missing_glyph not in _MISSING_GLYPH:
            raise UsageError(f"missing_glyph is {missing_glyph!r}, but it must be one of {', '.join(_MISSING_GLYPH)}")
        # PixelGPT's renderer is PIXEL's with another default length.
        self._strategy = make_strategy(strategy, "pixel" if compat == "pixelgpt" else compat)
        self._size = font_pixels(font_size, dpi)
        main = fonts.default_font() if font_file is None else as_path(font_file, "font_file")
        if isinstance(fallback_fonts, str | bytes | os.PathLike):
            raise UsageError("fallback_fonts is one path, but it must be a list of paths")
        fallbacks = [as_path(path, "fallback_fonts") for path in fallback_fonts]
        if fallback_fonts_dir is not None:
            fallbacks += fonts_in(as_path(fallback_fonts_dir, "fallback_fonts_dir"))
        elif font_file is None and not fallbacks and backend != "pygame":
            fallbacks += fonts.default_fallbacks()
        self._arguments: dict[str, Any] = {
            "font_file": main,
            "strategy": strategy,
            "backend": backend,
            "font_size": font_size,
            "dpi": dpi,
            "pixels_per_patch": positive_int(pixels_per_patch, "pixels_per_patch"),
            "rgb": bool(rgb),
            "fallback_fonts": unify(fallbacks),
            "missing_glyph": missing_glyph,
            "compat": compat,
        }
        self.max_seq_length = _LENGTHS.get(compat, 529) if max_seq_length is None else max_seq_length
        self._open()

    def _open(self) -> None:
        """Load the fonts and start with empty caches."""
        paths = [self.font_file, *(path for path in self.fallback_fonts if path != self.font_file)]
        self._fonts = FontSet([Font(path, self._size) for path in paths])
        self._backend = make_backend(self.backend, self._fonts, font_size=self.font_size, dpi=self.dpi)
        self._painter = self._backend.painter(self.pixels_per_patch, self.rgb)
        self._cell_painter = CellPainter(self._painter, self._cell_baseline)
        self._page_painter: Painter | None = None  # made when the first page is drawn
        self._lines: dict[tuple[str, int | None, bool], Line] = {}
        self._readers: Readers | None = None  # made when something is first read
        self._assembler = self._make_assembler()
        self._lock = threading.Lock()  # of the assembler's caches
        self._cache_file: Path | None = None

    def _make_assembler(self) -> Assembler | None:
        """What puts images together from words, where that is possible at all."""
        if not isinstance(self._backend, HarfBuzzBackend):
            return None
        words = Words(self._backend.line_layout)
        if isinstance(self._strategy, Continuous):
            assert isinstance(self._painter, InkPainter)
            strips = Strips(words, self._backend.line_layout, self._painter, self._cell_baseline)
            return AssembledContinuous(self._strategy.compat, strips)
        assert isinstance(self._strategy, Cells)
        cutter = self._strategy.cutter
        if cutter.keeps_spaces or cutter.whole_words:
            return None
        return AssembledCells(self._strategy, words, self._painter, self._lay_out, self._cell_baseline)

    # ---- what it was made with

    @property
    def font_file(self) -> Path:
        path: Path = self._arguments["font_file"]
        return path

    @property
    def fallback_fonts(self) -> tuple[Path, ...]:
        """Every fallback font in order, those of ``fallback_fonts_dir`` included."""
        paths: tuple[Path, ...] = self._arguments["fallback_fonts"]
        return paths

    @property
    def strategy(self) -> str:
        return str(self._arguments["strategy"])

    @property
    def backend(self) -> str:
        return str(self._arguments["backend"])

    @property
    def compat(self) -> str | None:
        value: str | None = self._arguments["compat"]
        return value

    @property
    def missing_glyph(self) -> str:
        return str(self._arguments["missing_glyph"])

    @property
    def font_size(self) -> float:
        value: float = self._arguments["font_size"]
        return value

    @property
    def dpi(self) -> float:
        value: float = self._arguments["dpi"]
        return value

    @property
    def pixels_per_patch(self) -> int:
        value: int = self._arguments["pixels_per_patch"]
        return value

    @property
    def rgb(self) -> bool:
        return bool(self._arguments["rgb"])

    @property
    def max_seq_length(self) -> int:
        """The most patches an image has, the closing separator included."""
        return self._max_seq_length

    @max_seq_length.setter
    def max_seq_length(self, value: int) -> None:
        self._max_seq_length = positive_int(value, "max_seq_length")
        self._geometry = Geometry(self.pixels_per_patch, self._max_seq_length)

    @property
    def fonts(self) -> tuple[Font, ...]:
        """The font and its fallbacks, in the order in which they are asked for a character."""
        return tuple(self._fonts.fonts)

    def covers(self, char: str) -> bool:
        """Whether some font has a character, or the character is drawn as nothing (spaces, controls, joiners)."""
        return self._fonts.covers(char)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What the pixels depend on, in plain types: SHA-256 of each font, sizes, strategy, versions of the libraries
        and the Unicode tables, and the SHA-256 of a sample text as it is drawn here."""
        sample = self._render_plan(self._strategy.text(_SAMPLE, Geometry(self.pixels_per_patch, 529), self._lay_out))
        return {
            "fonts": [{"file": font.path.name, "sha256": font.sha256} for font in self.fonts],
            "font_size": self.font_size,
            "dpi": self.dpi,
            "pixels_per_patch": self.pixels_per_patch,
            "rgb": self.rgb,
            "strategy": self.strategy,
            "backend": self.backend,
            "compat": self.compat,
            "versions": {**self._backend.versions, "unicode": UNICODE_VERSION},
            "sample": hashlib.sha256(sample.tobytes()).hexdigest(),
        }

    def __repr__(self) -> str:
        a = self._arguments
        return (
            f"TextRenderer({str(self.font_file)!r}, strategy={a['strategy']!r}, max_seq_length={self.max_seq_length}, "
            f"rgb={a['rgb']}, compat={a['compat']!r})"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {"arguments": self._arguments, "max_seq_length": self.max_seq_length, "caches": self._cache_file}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state["arguments"], max_seq_length=state["max_seq_length"])  # type: ignore[misc]
        if state["caches"] is not None and state["caches"].exists():
            self.load_caches(state["caches"])

    # ---- rendering

    def render(
        self,
        text: str | tuple[str, str] | list[str],
        *,
        rtl: bool | None = None,
        return_offset_mapping: bool = False,
        return_overflowing_patches: bool = False,
        stride: int = 0,
        text_a_max_length: int | None = None,
        padding: str | bool = "max_length",
    ) -> Rendered:
        """Render one text (str), pair of texts (tuple of two str) or list of words.

        Args:
            rtl: whether the text is right to left; None decides by its characters. The words of a list keep its order;
                it is the direction of each.
            return_offset_mapping: fill ``Rendered.offset_mapping``.
            return_overflowing_patches: fill ``Rendered.overflowing``: if the text (of a pair the second one) does not
                fit, further images show the rest. Windows on a list begin with whole words.
            stride: patches that consecutive windows share, at most.
            text_a_max_length: patches that the first text of a pair may take.
            padding: "max_length" fills up to ``max_seq_length`` patches with white, "multiple_of_64" to 63, 127 ...
                patches, "longest" and False not at all.

        Raises:
            TypeError: ``text`` is none of these.
            UsageError: a value that makes no sense, or a missing character with ``missing_glyph="error"``.
        """
        check_padding(padding)
        check_stride(stride)
        if not return_offset_mapping and not return_overflowing_patches:
            assembled = self._assemble(text, rtl, text_a_max_length)
            if assembled is not None:
                used = assembled.separators[-1] + 1
                image = self._white(padded_length(used, padding, self._max_seq_length))
                return assembled.drawn(image)
        rendered = self._render(
            text,
            rtl=rtl,
            return_offset_mapping=return_offset_mapping,
            return_overflowing_patches=return_overflowing_patches,
            stride=stride,
            text_a_max_length=text_a_max_length,
        )
        for one in (rendered, *(rendered.overflowing or ())):
            one.pixel_values = self._pad(one.pixel_values, padding)
        return rendered

    def __call__(
        self,
        inputs: Any,
        *,
        is_split_into_words: bool = False,
        padding: str | bool = "longest",
        return_tensors: str = "np",
        rtl: bool | None = None,
        return_offset_mapping: bool = False,
        return_overflowing_patches: bool = False,
        stride: int = 0,
        text_a_max_length: int | None = None,
    ) -> RenderedBatch:
        """Render a batch: a str, a pair, or a list of these; with ``is_split_into_words=True`` a list of words or a
        list of lists of words. The other keywords are those of :meth:`render`.

        Returns:
            a mapping, see :class:`RenderedBatch`. With ``padding=False`` images are as long as each text.
        """
        check_padding(padding)
        check_stride(stride)
        rendered: list[Rendered | Assembled] = []
        samples: list[int] = []
        for index, one in enumerate(as_batch(inputs, is_split_into_words)):
            if not return_offset_mapping and not return_overflowing_patches:
                assembled = self._assemble(one, rtl, text_a_max_length)
                if assembled is not None:
                    rendered.append(assembled)
                    continue
            first = self._render(
                one,
                rtl=rtl,
                return_offset_mapping=return_offset_mapping,
                return_overflowing_patches=return_overflowing_patches,
                stride=stride,
                text_a_max_length=text_a_max_length,
            )
            windows = [first, *(first.overflowing or ())]
            rendered += windows
            samples += [index] * len(windows)
        return make_batch(
            rendered,
            padding=padding,
            patches=self.max_seq_length,
            white=self._white,
            return_tensors=return_tensors,
            sample_mapping=samples if return_overflowing_patches else None,
        )

    def render_page(
        self,
        text: str,
        *,
        size: tuple[int, int] = (480, 640),
        margins: int | tuple[int, int, int, int] = 16,
        line_spacing: float = 1.0,
        alignment: str = "start",
        direction: str = "auto",
    ) -> RenderedPage:
        """Render a text on a page, wrapped to lines. Strategy, ``compat`` and patches play no part in it.

        Args:
            text: its line breaks start new lines; blank lines are kept.
            size: width and height of the page in pixels.
            margins: pixels, the same on all sides or (left, top, right, bottom).
            line_spacing: distance of baselines as a multiple of the main font's height; lines that would overlap are
                set further apart.
            alignment: "start" (left, or right in right-to-left paragraphs), "left", "right", "center" or "justify"
                (both margins; the last line of a paragraph as "start").
            direction: "auto" (each paragraph by its first strong character), "ltr" or "rtl".

        Raises:
            TypeError: ``text`` is no str.
            UsageError: a value that makes no sense, or a missing character with ``missing_glyph="error"``.
        """
        checked = TextInput(text, keep="none")
        if checked.text is None:
            raise TypeError(f"render_page takes a str, not {describe(text)}")
        page = check_format(size, margins, line_spacing, alignment, direction)
        font = self._fonts.fonts[0]
        metrics = Metrics(font.ascent // UNITS, font.descent // UNITS)
        if self._page_painter is None:
            # Room for marks and for fallback fonts that are higher than the main font.
            self._page_painter = self._backend.painter(4 * (metrics.ascent + metrics.descent), self.rgb)
        result = draw_page(text, checked.text, page, metrics, self._backend.layout, self._page_painter)
        missing = result.missing
        if "\ufffd" not in missing:  # else those that stand for surrogates are counted already
            missing += "\ufffd" * checked.surrogates
        if missing:
            self._report(missing)
        result.missing = missing
        return result

    def read(
        self,
        pixel_values: Any,
        *,
        candidates: CandidatesLike = None,
        scripts: Sequence[str] | None = None,
        word_starts: Any = None,
        rtl: bool | None = None,
        is_split_into_words: bool = False,
        blur: float | None = 0.0,
    ) -> Reading | list[Reading]:
        """Read text back from patches, drawn here or by a model: every cell by the nearest one that can be drawn.

        Args:
            pixel_values: uint8 or float (white is 1) [P, P*L], [P, P*L, 3] or [C, P, P*L]; a batch [B, C, P, P*L] or a
                list; arrays or tensors; or what :meth:`render` or a call returned.
            candidates: what may be read: a text, texts (a corpus, whose words are known then), a range of code points,
                or a set of characters; None: characters of ``scripts``.
            scripts: ISO 15924 tags; None finds out, which the strategy "words" cannot.
            word_starts: the first patch of each word and the end, as :meth:`render` gives them; of several images a
                list. Without, spaces are put where a cell's size tells of one ("words", "mono"; elsewhere after words
                of an odd number of characters only).
            rtl: direction of the line; None decides by what is read.
            is_split_into_words: the image is of a list of words, whose order is that of the patches.
            blur: standard deviation, in pixels, of the Gaussian that the picture went through (a model's pictures are
                blurred); None tries several.

        Returns:
            a :class:`Reading`; of several images a list.

        Raises:
            UsageError: a shape that this renderer does not draw, or the strategy "continuous".
        """
        if self._readers is None:
            self._readers = Readers(
                self._backend, self._fonts, self.strategy, self.compat, self.pixels_per_patch, self.rgb
            )
        return self._readers.read(
            pixel_values,
            candidates=candidates,
            scripts=scripts,
            word_starts=word_starts,
            rtl=rtl,
            is_split_into_words=is_split_into_words,
            blur=blur,
        )

    def text_width(self, text: str) -> int:
        """Advance width of a text on one line in pixels. Nothing is drawn, and missing characters are not reported."""
        checked = TextInput(text, keep=self._kept_controls).text
        if checked is None:
            raise TypeError(f"text_width takes a str, not {describe(text)}")
        with self._lock:
            width = None if self._assembler is None else self._assembler.width(checked)
        return width if width is not None else self._strategy.width(checked, self._geometry, self._lay_out)

    def _assemble(self, text: Any, rtl: bool | None, max_length: int | None) -> Assembled | None:
        """The image put together from words, None if it has to be drawn the plain way."""
        assembler = self._assembler
        if assembler is None:
            return None
        geometry = self._geometry
        if isinstance(text, str) and text.isprintable():  # there is nothing to check
            with self._lock:
                return assembler.text(text, geometry, rtl=rtl)
        checked = TextInput(text, keep=self._kept_controls)
        if checked.surrogates:
            return None
        with self._lock:
            if checked.text is not None:
                return assembler.text(checked.text, geometry, rtl=rtl)
            if checked.words is not None:
                return assembler.words(checked.words, geometry, rtl=rtl)
            assert checked.pair is not None
            return assembler.pair(*checked.pair, geometry, rtl=rtl, max_length=optional_int(max_length))

    def _white(self, patches: int) -> np.ndarray:
        patch = self.pixels_per_patch
        image = np.empty((patch, patches * patch, 3) if self.rgb else (patch, patches * patch), np.uint8)
        image.fill(255)
        return image

    def _render(
        self,
        text: Any,
        *,
        rtl: bool | None,
        return_offset_mapping: bool,
        return_overflowing_patches: bool,
        stride: int,
        text_a_max_length: int | None,
    ) -> Rendered:
        """As :meth:`render`, without padding."""
        upstreams = isinstance(text, tuple) and self.compat and self.strategy == "continuous"
        if return_overflowing_patches and not return_offset_mapping and upstreams:
            raise UsageError("return_overflowing_patches=True requires that return_offset_mapping is also set to True")
        if rtl and not self._backend.orders_text:
            raise UsageError(f"rtl=True is not possible with the backend {self.backend!r}, which does not order text")
        if not self._backend.orders_text:
            rtl = False
        checked = TextInput(text, keep=self._kept_controls)
        geometry = self._geometry
        offsets: list[Span] | None = None
        windows: list[tuple[Plan, list[Span]]] = []
        strategy = self._strategy
        if checked.words is not None:
            plan = strategy.words(checked.words, geometry, self._lay_out, rtl=rtl)
        elif checked.text is not None:
            plan = strategy.text(checked.text, geometry, self._lay_out, rtl=rtl)
        else:
            assert checked.pair is not None
            max_length = optional_int(text_a_max_length)
            plan = strategy.pair(*checked.pair, geometry, self._lay_out, rtl=rtl, max_length=max_length)
        if return_offset_mapping:
            offsets = strategy.offsets(plan, geometry)
        if return_overflowing_patches:
            windows = strategy.windows(plan, geometry, self._lay_out, stride, rtl=rtl)
        missing = plan.missing
        if "\ufffd" not in missing:  # else those that stand for surrogates are counted already
            missing += "\ufffd" * checked.surrogates
        if missing:
            self._report(missing)
        rendered = self._rendered(plan, offsets)
        rendered.missing = missing
        if return_overflowing_patches:
            rendered.overflowing = [
                self._rendered(window, spans if return_offset_mapping else None) for window, spans in windows
            ]
        return rendered

    def _rendered(self, plan: Plan, offsets: list[Span] | None) -> Rendered:
        return Rendered(
            pixel_values=self._render_plan(plan),
            num_text_patches=plan.end,
            sep_patches=plan.separators,
            word_starts=plan.word_starts,
            offset_mapping=offsets,
            lost=plan.lost,
            first_word=plan.first_word,
        )

    @property
    def _kept_controls(self) -> str:
        """Which control characters are drawn as the backend draws them, rather than as spaces."""
        if self.compat is None:
            return "none"
        return "all" if self.backend == "pygame" else "tabs"

    def _lay_out(
        self, text: str, *, level: int | None = None, max_width: int | None = None, is_one_level: bool = False
    ) -> Line:
        key = text, level, is_one_level
        line = self._lines.get(key)
        if line is None:
            levels = np.full(len(text), level, np.uint8) if is_one_level else None
            line = self._backend.layout(text, level=level, max_width=max_width, levels=levels)
            if line.complete and len(text) <= _CACHED_LENGTH:
                if len(self._lines) >= _CACHE_SIZE:
                    self._lines.clear()
                self._lines[key] = line
        return line

    def _cell_baseline(self, line: Line) -> int:
        return self._backend.baseline(line, self.pixels_per_patch, is_word=True)

    def _render_plan(self, plan: Plan) -> np.ndarray:
        patch = self.pixels_per_patch
        canvas = self._painter.blank((plan.end + 1) * patch)
        for line, left in plan.lines:
            baseline = self._backend.baseline(line, patch, is_word=plan.word_starts is not None)
            self._painter.draw(canvas, line, left, baseline)
        self._cell_painter.draw(canvas, plan.cells, patch)
        image = self._painter.finish(canvas)
        for separator in plan.separators:
            image[:, separator * patch : (separator + 1) * patch] = 0
        return image

    def _pad(self, image: np.ndarray, padding: str | bool) -> np.ndarray:
        used = image.shape[1] // self.pixels_per_patch
        width = padded_length(used, padding, self.max_seq_length) * self.pixels_per_patch
        if width == image.shape[1]:
            return image
        padded = np.full((image.shape[0], width, *image.shape[2:]), 255, np.uint8)
        padded[:, : image.shape[1]] = image
        return padded

    def _report(self, missing: str) -> None:
        if self.missing_glyph == "box":
            return
        names = [f"U+{ord(char):04X}" for char in dict.fromkeys(missing)]
        shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        count = f"{len(missing)} character{'s' if len(missing) > 1 else ''}"
        if self.missing_glyph == "error":
            raise UsageError(f"no font has {count} of the text: {shown}; add a font with fallback_fonts")
        warnings.warn(f"no font has {count} of a text, drawn as boxes: {shown}", stacklevel=4)

    # ---- files

    def save_caches(self, file: PathLike) -> Path:
        """Write what was kept of words (their ink, or their patches) to a file, for other processes to start with.
        Copies of this renderer that are made by pickling, as for spawned workers, load it by themselves.

        Returns:
            the path of the file. It is a few megabytes for some ten thousand words.
        """
        path = as_path(file, "file")
        store.write(path, self.fingerprint, {} if self._assembler is None else self._assembler.arrays())
        self._cache_file = path.resolve()
        return path

    def load_caches(self, file: PathLike) -> bool:
        """Start from caches that were saved by a renderer with the same fingerprint, in place of the own ones. The file
        is mapped into memory, so processes that load it share it; it must not be written to meanwhile.

        Returns:
            whether the file was of use. If it is damaged, or of another renderer, a warning says so; nothing but time
            depends on it.

        Raises:
            UsageError: it cannot be read.
        """
        path = as_path(file, "file")
        try:
            arrays = store.read(path, self.fingerprint)
        except OSError as error:
            raise UsageError(f"cannot read the caches {path}: {error.strerror or error}") from None
        except store.Unusable as error:
            warnings.warn(f"the caches {path} are not used: {error}", stacklevel=2)
            return False
        if self._assembler is not None and arrays:
            try:
                self._assembler.restore(arrays)
            except (KeyError, ValueError, TypeError):  # whole, but not as `save_caches` writes it
                self._assembler = self._make_assembler()
                warnings.warn(f"the caches {path} are not used: it is damaged", stacklevel=2)
                return False
        self._cache_file = path.resolve()
        return True

    def save_pretrained(self, folder: PathLike) -> Path:
        """Write ``text_renderer_config.json`` and copies of all fonts into ``folder``, which is made if need be.

        Returns:
            the path of the configuration file.
        """
        return config.save(self, Path(folder))

    @classmethod
    def from_pretrained(
        cls, folder_or_hub_id: PathLike, *, revision: str | None = None, **overrides: Any
    ) -> TextRenderer:
        """Load a renderer that pixlm or upstream saved.

        Args:
            folder_or_hub_id: folder with ``text_renderer_config.json``, the path of that file, or, if there is no such
                path, the id of a repository on the Hugging Face hub.
            revision: branch, tag or commit on the hub.
            overrides: constructor arguments to use instead of the saved ones.
        """
        arguments, fingerprint = config.load(folder_or_hub_id, revision, overrides)
        renderer = cls(**arguments)
        if fingerprint is not None:
            config.check_fingerprint(fingerprint, renderer)
        return renderer
