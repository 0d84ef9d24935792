"""Text to patches and pages: `TextRenderer`. Needs numpy, HarfBuzz and FreeType (wheels), no torch and no Pango."""

from pixlm.rendering.page import RenderedPage, TextBox
from pixlm.rendering.rendered import Rendered, RenderedBatch
from pixlm.rendering.renderer import TextRenderer

__all__ = ["Rendered", "RenderedBatch", "RenderedPage", "TextBox", "TextRenderer"]
