"""Backends: what lays a line out and draws it. Strategies, geometry and pages know nothing else of the text stack.

``harfbuzz``, the default, needs nothing but wheels and reproduces PangoCairo's pixels. ``pango`` is PangoCairo itself,
from the system; tests compare the two. ``pygame`` is what PIXEL was pretrained with. The last two are imported when
they are asked for. A new backend is a class with the methods of :class:`Backend` and a line in :func:`make_backend`.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from pixlm.errors import UsageError
from pixlm.rendering.itemize import FontSet
from pixlm.rendering.line import Line

#: Code points of the text around a stretch that its shaping may depend on.
CONTEXT = 5

BACKENDS = ("harfbuzz", "pango", "pygame")


class Painter(Protocol):
    """Draws lines onto canvases of a fixed height. A canvas is stored column by column, so that it can be as long as
    the text: uint8 [columns, rows] of coverage (grey; 255 is ink), [columns, rows, 3] (colour; white is 255)."""

    rows: int
    rgb: bool

    def blank(self, columns: int) -> np.ndarray:
        """An empty canvas."""

    def draw(self, canvas: np.ndarray, line: Any, left: int, baseline: int) -> None:
        """Draw a line of the same backend, clipped to the canvas.

        Args:
            left: pixel of the line's left end.
            baseline: of the line, in 1/1024 pixel below the upper edge of the canvas.
        """

    def finish(self, canvas: np.ndarray) -> np.ndarray:
        """The picture on a canvas: uint8 [rows, columns(, 3)], white 255, a new contiguous array."""


class Backend(Protocol):
    """One set of fonts at one size, and the library that draws with it."""

    orders_text: bool
    """Whether text is put into visual order; without, right-to-left text comes in logical order from the left."""

    @property
    def versions(self) -> dict[str, str]:
        """The libraries that pixels depend on, for the fingerprint."""

    def layout(
        self,
        text: str,
        *,
        level: int | None = None,
        max_width: int | None = None,
        levels: np.ndarray | None = None,
        context: tuple[str, str] = ("", ""),
    ) -> Line:
        """Lay out ``text`` on one line.

        Args:
            text: any code points but lone surrogates and line breaks.
            level: paragraph level (0 left to right, 1 right to left); None: from the first strong character.
            max_width: pixels; the layout may stop once the line is wider.
            levels: bidi level of each code point where the text is a part of a paragraph, uint8 [len(text)]; a backend
                that cannot be told works them out from ``text`` alone.
            context: what stands before and after ``text`` in the paragraph, so that letters at its ends are joined to
                it; a backend that cannot be told shapes ``text`` alone.
        """

    def baseline(self, line: Line, rows: int, *, is_word: bool) -> int:
        """Where a line's baseline lies on a strip ``rows`` pixels high, in 1/1024 pixel below its upper edge.

        Args:
            is_word: whether the line is one of a list of words, rather than a text.
        """

    def painter(self, rows: int, rgb: bool) -> Painter:
        """A painter of canvases ``rows`` pixels high, with three channels or in grey."""


def make_backend(name: str, fonts: FontSet, *, font_size: float, dpi: float) -> Backend:
    """The backend of a name.

    Args:
        fonts: main font and fallbacks, best first, at the size of ``font_size`` points at ``dpi``.

    Raises:
        UsageError: there is no such backend, or it is not installed.
    """
    if name == "harfbuzz":
        from pixlm.rendering.backends.harfbuzz import HarfBuzzBackend

        return HarfBuzzBackend(fonts)
    if name == "pango":
        from pixlm.rendering.backends.pango import PangoBackend

        return PangoBackend(fonts)
    if name == "pygame":
        from pixlm.rendering.backends.pygame import PyGameBackend

        return PyGameBackend(fonts, font_size=font_size, dpi=dpi)
    raise UsageError(f"backend is {name!r}, but it must be one of {', '.join(BACKENDS)}")


def centred_baseline(line: Line, rows: int) -> int:
    """PangoCairo renderers' rule: the line's box stands 2 pixels above the middle of the strip."""
    return centred(line.height, line.ascent, rows)


def centred(height: int, ascent: int, rows: int) -> int:
    """`centred_baseline` of a line of ``height`` pixels whose baseline is ``ascent`` units below its top."""
    return (rows - height - 4) * 512 + ascent
