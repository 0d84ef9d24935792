"""Reconstructions as pictures: the panels original, masked, reconstructed, one below the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from pixlm.data.encoders import InputEncoder, RenderedText
from pixlm.data.masking import RandomMasking, SpanMasking
from pixlm.inference import PixelLM, Reconstruction
from pixlm.rendering import TextRenderer
from pixlm.rendering.picture import enlarge, picture, stack, wrap

TINT = (255, 236, 170)
"""Paper colour of patches that were removed, so that an eye finds them in the reconstruction."""


def panels(
    reconstruction: Reconstruction, renderer: TextRenderer, *, columns: int = 32, scale: int = 3
) -> NDArray[np.uint8]:
    """An RGB picture [height, width, 3] of three labelled panels, wrapped to lines of ``columns`` patches."""
    side = renderer.pixels_per_patch
    where = wrap(np.repeat(reconstruction.removed, side)[None].repeat(side, 0).astype(np.uint8) * 255, columns, side)
    tinted = enlarge(where, scale)[..., 0] == 255
    # wrap() fills the last line with white, which is no removed patch.
    rest = len(reconstruction.removed) % columns
    if rest:
        tinted[-side * scale :, rest * side * scale :] = False
    share = reconstruction.removed.mean()
    pages = []
    for title, strip in (
        ("original", reconstruction.original),
        (f"masked: {share:.0%} of the patches removed", reconstruction.masked),
        (f"reconstructed: loss {reconstruction.loss:.3f}", reconstruction.reconstructed),
    ):
        page = enlarge(wrap(strip, columns, side), scale)
        width = tinted.shape[1]
        page = page[:, :width]
        if title != "original":
            paper = page[tinted].astype(np.uint16)
            if title.startswith("masked"):
                paper[:] = 255
            page[tinted] = (paper * np.array(TINT, np.uint16) // 255).astype(np.uint8)
        pages += [_title(title, renderer), page]
    return stack(pages)


def reconstruct_in_training(
    model: PreTrainedModel, encoder: InputEncoder, text: str, masking: SpanMasking | RandomMasking
) -> NDArray[np.uint8]:
    """The panels of a text, masked in the same way every time; random numbers of the run are left alone."""
    assert isinstance(encoder, RenderedText)
    return panels(PixelLM(model, encoder).reconstruct(text, masking), encoder.renderer, scale=2)


def _title(text: str, renderer: TextRenderer) -> NDArray[np.uint8]:
    """The panel's title, drawn by the model's own renderer without the closing black patch."""
    rendered = renderer.render(text, padding=False)
    strip = rendered.pixel_values[:, : rendered.num_text_patches * renderer.pixels_per_patch]
    return picture(strip, patch=renderer.pixels_per_patch, columns=rendered.num_text_patches, scale=1)
