"""Lines of text as pictures, above what they are about: in pixlm's own letters, whatever a model reads text as."""

from __future__ import annotations

import functools

from pixlm.rendering import TextRenderer
from pixlm.rendering.picture import Pixels, picture


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
