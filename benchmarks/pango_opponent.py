"""The opponent of `rendering.py`: the published renderers' own way of drawing with PangoCairo.

* ``continuous``: a surface of all patches, one layout for the text, measured and drawn; the surface is inverted.
* ``words``: the same with a layout for each word and its space.
* ``pair``: a layout for each text.
* ``bigrams``: a layout for every single character, made twice: once to measure it, once to draw it.

Every layout has a context of its own, as `PangoCairo.create_layout` makes it, which is what those renderers call.

Python with PyGObject, pycairo and the system's Pango is needed (Debian and Ubuntu: apt-get install python3-gi
python3-gi-cairo gir1.2-pango-1.0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pixlm import TextRenderer
from pixlm.rendering.backends.pango import PangoBackend


class PangoOpponent:
    """Draws with the fonts, size and patches of ``renderer``, in grey."""

    def __init__(self, renderer: TextRenderer) -> None:
        backend = TextRenderer(renderer.font_file, backend="pango", fallback_fonts=renderer.fallback_fonts)._backend
        assert isinstance(backend, PangoBackend)
        self._libraries = backend._libraries
        self._font_map = backend._font_map
        self._description = backend._description
        self._patch = renderer.pixels_per_patch
        self._patches = renderer.max_seq_length

    def _surface(self) -> tuple[np.ndarray, Any]:
        pixels = np.zeros((self._patch, self._patch * self._patches), np.uint8)
        return pixels, self._libraries.cairo_context(pixels, False, pixels.shape[1])

    def _layout(self, context: Any, text: str) -> tuple[Any, int, int]:
        pango_context = self._font_map.create_context()
        self._libraries.pangocairo.update_context(context, pango_context)
        layout = self._libraries.pango.Layout(pango_context)
        layout.set_font_description(self._description)
        layout.set_text(text, -1)
        width, height = layout.get_pixel_size()
        return layout, width, height

    def _draw(self, context: Any, layout: Any, x: float, height: int) -> None:
        context.move_to(x, self._patch / 2 - height / 2 - 2)
        self._libraries.pangocairo.show_layout(context, layout)

    def _finish(self, pixels: np.ndarray, context: Any, separators: list[int]) -> np.ndarray:
        context.get_target().flush()
        image: np.ndarray = np.invert(pixels)
        for separator in separators:
            image[:, separator : separator + self._patch] = 0
        return image

    def _next(self, x: int) -> int:
        return min(-(-x // self._patch) * self._patch, self._patch * (self._patches - 1))

    def text(self, text: str) -> np.ndarray:
        pixels, context = self._surface()
        layout, width, height = self._layout(context, text)
        self._draw(context, layout, 2, height)
        return self._finish(pixels, context, [self._next(2 + width + 2)])

    def words(self, words: list[str]) -> np.ndarray:
        pixels, context = self._surface()
        x = 2
        for index, word in enumerate(words):
            is_last = index == len(words) - 1
            layout, width, height = self._layout(context, word if is_last else word + " ")
            self._draw(context, layout, x, height)
            x = self._next(x + width + 2 * is_last)
            if x == self._patch * (self._patches - 1):
                break
        return self._finish(pixels, context, [x])

    def pair(self, pair: tuple[str, str]) -> np.ndarray:
        pixels, context = self._surface()
        layout, width, height = self._layout(context, pair[0])
        self._draw(context, layout, 2, height)
        separator = self._next(2 + width + 2)
        layout, width, height = self._layout(context, pair[1])
        start = separator + self._patch + 2
        self._draw(context, layout, start, height)
        return self._finish(pixels, context, [separator, self._next(start + width + 2)])

    def bigrams(self, text: str) -> np.ndarray:
        pixels, context = self._surface()
        x = 0
        for word in text.split():
            for first in range(0, len(word), 2):
                pair = word[first : first + 2]
                width = sum(self._layout(context, char)[1] for char in pair)
                at = x
                for char in pair:
                    layout, advance, height = self._layout(context, char)
                    self._draw(context, layout, at, height)
                    at += advance
                x = self._next(x + width)
        return self._finish(pixels, context, [x])
