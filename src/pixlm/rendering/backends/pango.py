"""PangoCairo itself, from the system: what the ``harfbuzz`` backend is compared with.

Every backend object has its own font map with its own fontconfig configuration, made in memory: just the renderer's
fonts, in their order, with slight hinting. So neither the system's fonts and rules nor other renderers of the process
matter. The font files are given names of their own ("pixlm 0", "pixlm 1", ...): Pango asks for fonts by family name,
and several files may share one.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from pixlm.errors import UsageError
from pixlm.rendering.backends import centred_baseline
from pixlm.rendering.font import UNITS, Font
from pixlm.rendering.freetype_library import system_is_shadowed
from pixlm.rendering.itemize import FontSet
from pixlm.rendering.line import Line, Run, Stretch
from pixlm.rendering.unicode.bidi import first_strong_level

_INSTALL = (
    "the backend 'pango' needs PyGObject and pycairo (pip install \"pixlm[pango]\") and the system's Pango "
    "(Debian and Ubuntu: gir1.2-pango-1.0 libpango-1.0-0 libpangocairo-1.0-0)"
)

#: Asked for by family name alone; "emoji" is what Pango asks for when text is to be shown as emoji.
_RULES = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
{names}
<match target="pattern">
  <test qual="any" name="family"><string>emoji</string></test>
  <edit name="family" mode="prepend_first" binding="strong">{emoji}</edit>
</match>
<match target="pattern">
  <edit name="family" mode="append_last" binding="strong">{all}</edit>
  <edit name="hintstyle" mode="append"><const>hintslight</const></edit>
</match>
<match target="font">
  <test name="outline"><bool>false</bool></test>
  <edit name="pixelsizefixupfactor" mode="assign">
    <divide><name target="pattern">pixelsize</name><name target="font">pixelsize</name></divide>
  </edit>
  <edit name="matrix" mode="assign"><times><name>matrix</name><matrix>
    <name>pixelsizefixupfactor</name><double>0</double>
    <double>0</double><name>pixelsizefixupfactor</name>
  </matrix></times></edit>
  <edit name="size" mode="assign"><divide><name>size</name><name>pixelsizefixupfactor</name></divide></edit>
</match>
</fontconfig>
"""


class PangoBackend:
    """See :class:`pixlm.rendering.backends.Backend`."""

    orders_text = True

    def __init__(self, fonts: FontSet) -> None:
        self._libraries = _Libraries()
        self._fonts = fonts
        self._font_map = self._libraries.font_map(fonts.fonts)
        pango = self._libraries.pango
        self._description = pango.FontDescription()
        self._description.set_family("pixlm 0")
        self._description.set_absolute_size(fonts.fonts[0].size)

    @property
    def versions(self) -> dict[str, str]:
        return self._libraries.versions

    def layout(
        self,
        text: str,
        *,
        level: int | None = None,
        max_width: int | None = None,
        levels: np.ndarray | None = None,
        context: tuple[str, str] = ("", ""),
    ) -> Line:
        layout = self.pango_layout(text, level)
        level = _own_level(text) if level is None else level
        width, height = layout.get_pixel_size()
        characters, advances = _clusters(layout, text)
        missing = []
        if layout.get_unknown_glyphs_count():
            missing = [index for index, char in enumerate(text) if not self._fonts.covers(char)]
        run = Run(Stretch(0, len(text), 0), characters, advances, sum(advances))
        return Line(text, [run] if text else [], width, height, layout.get_baseline(), level, True, missing)

    def pango_layout(self, text: str, level: int | None, cairo_context: Any = None) -> Any:
        """The Pango.Layout of a text; for drawing with the context that it is to be drawn to."""
        pango = self._libraries.pango
        context = self._font_map.create_context()
        if cairo_context is None:
            cairo_context = self._libraries.cairo_context(np.zeros((1, 4), np.uint8), False)
        self._libraries.pangocairo.update_context(cairo_context, context)
        if level is not None:
            context.set_base_dir(pango.Direction.RTL if level else pango.Direction.LTR)
        layout = pango.Layout.new(context)
        layout.set_auto_dir(level is None)
        layout.set_font_description(self._description)
        layout.set_text(text, -1)
        return layout

    def baseline(self, line: Line, rows: int, *, is_word: bool) -> int:
        return centred_baseline(line, rows)

    def painter(self, rows: int, rgb: bool) -> PangoPainter:
        return PangoPainter(self, self._libraries, rows, rgb)


class PangoPainter:
    """See :class:`pixlm.rendering.backends.Painter`."""

    def __init__(self, backend: PangoBackend, libraries: _Libraries, rows: int, rgb: bool) -> None:
        self._backend = backend
        self._libraries = libraries
        self.rows = rows
        self.rgb = rgb

    def blank(self, columns: int) -> np.ndarray:
        return np.full((columns, self.rows, *(3,) * self.rgb), 255 if self.rgb else 0, np.uint8)

    def draw(self, canvas: np.ndarray, line: Line, left: int, baseline: int) -> None:
        columns = len(canvas)
        if not columns:
            return
        # A row of Cairo's surfaces takes a multiple of four bytes: grey pixels are one byte, colours B, G, R, unused.
        if self.rgb:
            pixels = np.zeros((self.rows, columns, 4), np.uint8)
            pixels[:, :, :3] = canvas.transpose(1, 0, 2)[:, :, ::-1]
        else:
            pixels = np.zeros((self.rows, -(-columns // 4) * 4), np.uint8)
            pixels[:, :columns] = canvas.T
        context = self._libraries.cairo_context(pixels, self.rgb, columns)
        level = None if line.level == _own_level(line.text) else line.level
        layout = self._backend.pango_layout(line.text, level, context)
        context.move_to(left, (baseline - line.ascent) / UNITS)
        self._libraries.pangocairo.show_layout(context, layout)
        context.get_target().flush()
        if self.rgb:
            canvas[...] = pixels[:, :, 2::-1].transpose(1, 0, 2)
        else:
            canvas[...] = pixels[:, :columns].T

    def finish(self, canvas: np.ndarray) -> np.ndarray:
        if self.rgb:
            return np.ascontiguousarray(canvas.transpose(1, 0, 2))
        return np.ascontiguousarray(255 - canvas.T)


def _own_level(text: str) -> int:
    """The level that Pango gives a text by itself."""
    return first_strong_level(text) or 0


def _clusters(layout: Any, text: str) -> tuple[list[int], list[int]]:
    """Of each cluster, from left to right: its first character and its width in pixels."""
    if not text:
        return [], []
    character_at = {}  # by the offset in UTF-8, in which Pango counts
    offset = 0
    for index, char in enumerate(text):
        character_at[offset] = index
        offset += len(char.encode())
    characters, advances = [], []
    place = layout.get_iter()
    while True:
        if place.get_run_readonly() is not None:  # None stands for the end of the line
            characters.append(character_at[place.get_index()])
            advances.append(place.get_cluster_extents()[1].width // UNITS)
        if not place.next_cluster():
            return characters, advances


class _Libraries:
    """The modules and C libraries; a UsageError if one is not there."""

    def __init__(self) -> None:
        try:
            import cairo
            import gi

            gi.require_version("Pango", "1.0")
            gi.require_version("PangoCairo", "1.0")
            from gi.repository import Pango, PangoCairo
            from gi.repository import cairo as cairo_types

            gi.require_foreign("cairo")
        except (ImportError, ValueError) as error:
            raise UsageError(f"{_INSTALL}: {error}") from None
        if system_is_shadowed():
            raise UsageError(
                "the backend 'pango' cannot be used in this process: freetype-py was imported before pixlm, and its "
                "library took the place of the system's FreeType; import pixlm.rendering first"
            )
        try:
            # The typelibs offer no way to make a configuration, and none to take one.
            self._fontconfig = ctypes.CDLL(ctypes.util.find_library("fontconfig") or "libfontconfig.so.1")
            self._pangoft2 = ctypes.CDLL(ctypes.util.find_library("pangoft2-1.0") or "libpangoft2-1.0.so.0")
        except OSError as error:
            raise UsageError(f"{_INSTALL}: {error}") from None
        self.pango, self.pangocairo, self._cairo = Pango, PangoCairo, cairo
        self._freetype = cairo_types.FontType.FT
        pointer = ctypes.c_void_p
        fontconfig = self._fontconfig
        fontconfig.FcConfigCreate.restype = pointer
        fontconfig.FcConfigDestroy.argtypes = [pointer]
        fontconfig.FcConfigParseAndLoadFromMemory.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int]
        fontconfig.FcConfigAppFontAddFile.argtypes = [pointer, ctypes.c_char_p]
        fontconfig.FcConfigBuildFonts.argtypes = [pointer]
        self._pangoft2.pango_fc_font_map_set_config.argtypes = [pointer, pointer]
        self._pangoft2.pango_fc_font_map_set_config.restype = None

    @property
    def versions(self) -> dict[str, str]:
        fontconfig = self._fontconfig.FcGetVersion()
        return {
            "pango": self.pango.version_string(),
            "cairo": self._cairo.cairo_version_string(),
            "fontconfig": f"{fontconfig // 10000}.{fontconfig // 100 % 100}.{fontconfig % 100}",
        }

    def font_map(self, fonts: Sequence[Font]) -> Any:
        """A PangoCairo.FontMap that knows ``fonts`` and nothing else."""
        font_map = self.pangocairo.FontMap.new_for_font_type(self._freetype)
        if font_map is None:
            raise UsageError("the system's Pango was built without FreeType, which the backend 'pango' draws with")
        config = self._fontconfig.FcConfigCreate()
        rules = _rules(fonts).encode()
        good = self._fontconfig.FcConfigParseAndLoadFromMemory(config, rules, 1)
        for font in fonts:
            good = good and self._fontconfig.FcConfigAppFontAddFile(config, str(font.file.resolve()).encode())
        if not good or not self._fontconfig.FcConfigBuildFonts(config):
            raise UsageError(f"fontconfig cannot use the fonts {', '.join(str(font.path) for font in fonts)}")
        # PyGObject's hash of an object is its address.
        self._pangoft2.pango_fc_font_map_set_config(hash(font_map), config)
        self._fontconfig.FcConfigDestroy(config)  # the font map holds a reference of its own
        return font_map

    def cairo_context(self, pixels: np.ndarray, rgb: bool, columns: int | None = None) -> Any:
        """A context that draws black onto ``pixels``: uint8 [rows, columns, 4] (colour), or [rows, columns] (grey)."""
        cairo = self._cairo
        kind = cairo.FORMAT_RGB24 if rgb else cairo.FORMAT_A8
        rows, stride = pixels.shape[0], pixels.strides[0]
        surface = cairo.ImageSurface.create_for_data(
            pixels.reshape(-1).data, kind, pixels.shape[1] if columns is None else columns, rows, stride
        )
        context = cairo.Context(surface)
        context.set_source_rgba(0, 0, 0, 1)
        return context


def _rules(fonts: Sequence[Font]) -> str:
    """The fontconfig configuration of a list of fonts."""

    def families(order: Sequence[int]) -> str:
        return "".join(f"<string>pixlm {index}</string>" for index in order)

    names = "\n".join(
        f'<match target="scan"><test name="file"><string>{escape(str(font.file.resolve()))}</string></test>'
        f'<test name="index"><int>{font.index}</int></test>'
        f'<edit name="family" mode="assign"><string>pixlm {index}</string></edit></match>'
        for index, font in enumerate(fonts)
    )
    colour_first = sorted(range(len(fonts)), key=lambda index: not fonts[index].has_colour)
    return _RULES.format(names=names, emoji=families(colour_first), all=families(range(len(fonts))))
