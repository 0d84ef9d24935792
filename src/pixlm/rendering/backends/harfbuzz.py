"""The default backend: HarfBuzz shapes, FreeType rasterises, numpy composes. It draws what PangoCairo draws."""

from __future__ import annotations

import numpy as np
import uharfbuzz as hb

from pixlm.rendering.backends import centred_baseline
from pixlm.rendering.drawing import Painter
from pixlm.rendering.freetype_library import freetype
from pixlm.rendering.itemize import FontSet
from pixlm.rendering.layout import LineLayout, ShapedLine
from pixlm.rendering.line import Line
from pixlm.rendering.missing import MissingBox
from pixlm.rendering.selfcheck import check_freetype


class HarfBuzzBackend:
    """See :class:`pixlm.rendering.backends.Backend`."""

    orders_text = True

    def __init__(self, fonts: FontSet) -> None:
        check_freetype()
        self._missing_box = MissingBox(fonts.fonts[0].path)
        self.line_layout = LineLayout(fonts, self._missing_box)

    @property
    def versions(self) -> dict[str, str]:
        return {"harfbuzz": hb.version_string(), "freetype": ".".join(map(str, freetype.version()))}

    def layout(
        self,
        text: str,
        *,
        level: int | None = None,
        max_width: int | None = None,
        levels: np.ndarray | None = None,
        context: tuple[str, str] = ("", ""),
    ) -> ShapedLine:
        return self.line_layout.layout(text, level=level, max_width=max_width, levels=levels, context=context)

    def baseline(self, line: Line, rows: int, *, is_word: bool) -> int:
        return centred_baseline(line, rows)

    def painter(self, rows: int, rgb: bool) -> Painter:
        return Painter(rows, rgb, self._missing_box)
