"""Lines of text above what they are about: pictures in pixlm's own letters, whatever a model reads; text of an SVG."""

from __future__ import annotations

import functools
import html
import re

from pixlm.rendering import TextRenderer
from pixlm.rendering.picture import Pixels, picture

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 (section 2.2) has no way to write, not even escaped: a file with one of them opens in no viewer."""


@functools.cache
def own_renderer() -> TextRenderer:
    """A renderer for captions, and for tokens of models that have none."""
    return TextRenderer(max_seq_length=64)


def caption_strip(text: str) -> Pixels:
    """A line of text as an RGB picture [P, width, 3], without the closing black patch; cut off after 63 patches."""
    renderer = own_renderer()
    rendered = renderer.render(text, padding=False)
    patch, count = renderer.pixels_per_patch, rendered.num_text_patches
    return picture(rendered.pixel_values[:, : count * patch], patch=patch, columns=count, scale=1)


def xml_text(text: str) -> str:
    """Text as it may stand between tags of an SVG; characters that XML lacks are U+FFFD."""
    return html.escape(_NO_XML.sub("\ufffd", text))
