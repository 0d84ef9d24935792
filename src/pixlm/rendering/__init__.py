"""Text to patches: `TextRenderer`. Needs numpy, HarfBuzz and FreeType (both as wheels), and neither torch nor Pango."""

from pixlm.rendering.rendered import Rendered, RenderedBatch
from pixlm.rendering.renderer import TextRenderer

__all__ = ["Rendered", "RenderedBatch", "TextRenderer"]
