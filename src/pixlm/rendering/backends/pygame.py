"""``pygame.freetype``, which drew the images that PIXEL was pretrained on, and PixelGPT's renderer.

One font and nothing else: no fallback, shaping, kerning, ligatures or bidirectional order; characters stand in logical
order from the left, and missing ones are the font's own .notdef glyph. A line is as wide as its ink (or its pen, if
that is further), so that ink begins at the very pixel where a line is drawn. On a strip the ink of a text is centred,
whereas words share a baseline (Rust et al. 2023, `PyGameTextRenderer`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from pixlm.errors import UsageError
from pixlm.rendering.font import UNITS
from pixlm.rendering.itemize import FontSet
from pixlm.rendering.line import Line, Run, Stretch

#: Rows between the middle of the strip and the baseline of words: upstream's ``pad_size``.
_PAD = 3


@dataclass(frozen=True)
class PyGameLine(Line):
    """``ink_top``: rows of ink above the baseline; ``ink_height``: of all ink. Pixels. ``height`` and ``ascent`` are
    those of the font, as for the other backends."""

    ink_top: int = 0
    ink_height: int = 0


class PyGameBackend:
    """See :class:`pixlm.rendering.backends.Backend`."""

    orders_text = False

    def __init__(self, fonts: FontSet, *, font_size: float, dpi: float) -> None:
        self._pygame = _import()
        if len(fonts.fonts) > 1:
            raise UsageError("the backend 'pygame' draws with one font only; leave out the fallback fonts")
        if dpi != int(dpi):
            raise UsageError(f"dpi is {dpi}, but the backend 'pygame' takes whole numbers only")
        freetype = self._pygame.freetype
        if not freetype.was_init():
            freetype.init()
        path = fonts.fonts[0].path
        try:
            # The resolution is given here because pygame's default one is shared by the whole process.
            font = fonts.fonts[0]
            self._font = freetype.Font(str(font.file), size=font_size, font_index=font.index, resolution=int(dpi))
        except (RuntimeError, OSError) as error:  # pygame.error is a RuntimeError
            raise UsageError(f"pygame cannot open the font {path}: {error}") from None
        self._ascent = int(self._font.get_sized_ascender())
        self._height = self._ascent - int(self._font.get_sized_descender())

    @property
    def versions(self) -> dict[str, str]:
        freetype = self._pygame.freetype.get_version()
        return {"pygame": self._pygame.version.ver, "freetype": ".".join(map(str, freetype))}

    def layout(
        self,
        text: str,
        *,
        level: int | None = None,
        max_width: int | None = None,
        levels: np.ndarray | None = None,
        context: tuple[str, str] = ("", ""),
    ) -> PyGameLine:
        if not text:
            return PyGameLine(text, [], 0, 0, 0, 0)
        box = self._font.get_rect(text)
        metrics = self._font.get_metrics(text)
        pen = np.cumsum([0.0, *(0.0 if glyph is None else glyph[4] for glyph in metrics)])
        # The box starts at the ink, the pen at the origin; the last edge is that of the box.
        edges = np.clip(np.floor(pen - box.left + 0.5).astype(int), 0, box.width)
        edges[0], edges[-1] = 0, box.width
        advances = np.diff(edges).tolist()
        return PyGameLine(
            text,
            [Run(Stretch(0, len(text), 0), list(range(len(text))), advances, box.width)],
            box.width,
            self._height,
            self._ascent * UNITS,
            0,
            missing=[index for index, glyph in enumerate(metrics) if glyph is None],
            ink_top=box.top,
            ink_height=box.height,
        )

    def baseline(self, line: Line, rows: int, *, is_word: bool) -> int:
        assert isinstance(line, PyGameLine)
        if is_word:
            return (_PAD + rows // 2) * UNITS
        return (rows // 2 - line.ink_height // 2 + line.ink_top) * UNITS

    def painter(self, rows: int, rgb: bool) -> PyGamePainter:
        return PyGamePainter(self._pygame, self._font, rows, rgb)


class PyGamePainter:
    """See :class:`pixlm.rendering.backends.Painter`."""

    def __init__(self, pygame: Any, font: Any, rows: int, rgb: bool) -> None:
        self._pygame = pygame
        self._font = font
        self.rows = rows
        self.rgb = rgb

    def blank(self, columns: int) -> np.ndarray:
        return np.full((columns, self.rows, *(3,) * self.rgb), 255 if self.rgb else 0, np.uint8)

    def draw(self, canvas: np.ndarray, line: PyGameLine, left: int, baseline: int) -> None:
        columns = len(canvas) - max(left, 0)
        text = _visible(line, len(canvas) - left)
        if not text or columns <= 0:
            return
        ink, box = self._font.render(text, (0, 0, 0))
        strip = self._pygame.Surface((columns, self.rows), depth=32)
        strip.fill((255, 255, 255))
        strip.blit(ink, (min(left, 0), baseline // UNITS - box.top))
        pixels = self._pygame.surfarray.array3d(strip)  # [columns, rows, 3], three equal channels
        window = canvas[max(left, 0) :]
        if self.rgb:
            np.minimum(window, pixels, out=window)
        else:
            np.maximum(window, 255 - pixels[:, :, 0], out=window)

    def finish(self, canvas: np.ndarray) -> np.ndarray:
        if self.rgb:
            return np.ascontiguousarray(canvas.transpose(1, 0, 2))
        return np.ascontiguousarray(255 - canvas.T)


def _visible(line: PyGameLine, columns: int) -> str:
    """The characters that start within the first ``columns`` pixels, so that no surface is longer than the strip."""
    if line.width <= columns or not line.runs:
        return line.text
    edges = np.cumsum([0, *line.runs[0].advances])
    return line.text[: int(np.searchsorted(edges[:-1], columns + 2))]


def _import() -> Any:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # else it greets on standard output
    try:
        import pygame
        import pygame.freetype
        import pygame.surfarray
        import pygame.version
    except ImportError:
        raise UsageError("the backend 'pygame' needs pygame: pip install \"pixlm[pygame]\"") from None
    return pygame
