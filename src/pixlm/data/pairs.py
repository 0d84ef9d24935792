"""A text as image and as tokens at once: the encoder of models that read both in one sequence."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np

from pixlm.data.encoders import Encoded, InputEncoder, RenderedText, Text
from pixlm.data.sampler import width_for
from pixlm.data.tokens import TokenizedText
from pixlm.errors import UsageError


class PairedText(InputEncoder):
    """Strip and tokens of the same text.

    Batches hold ``pixel_values`` uint8 [B, C, P, P * N] with ``patch_attention_mask`` [B, N], and ``input_ids`` with
    ``attention_mask`` [B, T], and ``position_ids`` [B, N + T]. ``max_length`` bounds each of both sides.

    Args:
        together: whether both sides of a text are in one sequence, and have to fit the model together.
    """

    def __init__(self, patches: RenderedText, tokens: TokenizedText, *, together: bool = True):
        self.patches, self.tokens, self.together = patches, tokens, together
        self.max_length = max(patches.max_length, tokens.max_length)

    @property
    def uncovered(self) -> Set[str]:
        return self.patches.uncovered

    def encode(self, text: Text, *, offsets: bool = False) -> Encoded:
        """``length`` is that of the longer side; ``lost`` what both lack. Offsets are those of the tokens."""
        drawn, cut = self.patches.encode(text), self.tokens.encode(text, offsets=offsets)
        return Encoded(
            units={**drawn.units, **cut.units, "lengths": np.array([drawn.length, cut.length], np.int64)},
            length=max(drawn.length, cut.length),
            word_starts=None,
            offsets=cut.offsets,
            lost=min(drawn.lost, cut.lost),
        )

    def sides(self, encoded: Encoded) -> tuple[Encoded, Encoded]:
        """(patches, tokens) of what :meth:`encode` gave."""
        patches, tokens = (int(length) for length in encoded.units["lengths"])
        drawn = {"pixel_values": encoded.units["pixel_values"]}
        cut = {name: encoded.units[name] for name in ("input_ids", "token_type_ids")}
        common: dict[str, Any] = {"word_starts": None, "offsets": None, "lost": encoded.lost}
        return Encoded(units=drawn, length=patches, **common), Encoded(units=cut, length=tokens, **common)

    def windows(self, pair: tuple[str, str], *, stride: int, first_max_length: int | None) -> list[Encoded]:
        raise UsageError("windows of pairs of image and text are not defined; use --modality pixel or text")

    def null_position(self, width: int) -> int:
        return self.tokens.null_position(width)

    def check_model(self, config: Any, name: str) -> None:
        self.patches.check_model(config, name)
        self.tokens.check_model(config, name)
        both = self.patches.max_length + self.tokens.max_length
        if self.together and both > config.num_patches:
            raise UsageError(
                f"{self.patches.max_length} patches and {self.tokens.max_length} tokens are more than the "
                f"{config.num_patches} positions of {name}; use at most --render.max-seq-length "
                f"{config.num_patches // 2}"
            )

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"patches": self.patches.fingerprint, "tokens": self.tokens.fingerprint}

    def pad(self, encoded: Sequence[Encoded], width: int) -> dict[str, np.ndarray]:
        drawn, cut = zip(*(self.sides(one) for one in encoded), strict=True)
        patches = self.patches.pad(drawn, min(width, self.patches.max_length))
        return self._joined(patches, self.tokens.pad(cut, min(width, self.tokens.max_length)))

    def batch(self, encoded: Sequence[Encoded]) -> dict[str, np.ndarray]:
        """Each side in the narrowest of the few widths that holds every row."""
        drawn, cut = zip(*(self.sides(one) for one in encoded), strict=True)
        widths = [
            width_for(max(one.length for one in side), limit)
            for side, limit in ((drawn, self.patches.max_length), (cut, self.tokens.max_length))
        ]
        return self._joined(self.patches.pad(drawn, widths[0]), self.tokens.pad(cut, widths[1]))

    def _joined(self, patches: dict[str, np.ndarray], tokens: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        images = {"pixel_values": patches["pixel_values"], "patch_attention_mask": patches["attention_mask"]}
        # Padding between the sides takes no positions, so that a row's outputs do not depend on its batch.
        whole = np.concatenate([patches["attention_mask"], tokens["attention_mask"]], axis=1).astype(np.int64)
        return {**images, **tokens, "position_ids": np.maximum(whole.cumsum(1) - 1, 0)}

    def measure(self, text: Text) -> float:
        return max(self.patches.measure(text), self.tokens.measure(text))

    def count(self, text: str) -> int:
        """Of the longer side, as it would be with its beginning and end marked."""
        return max(self.patches.count(text), self.tokens.count(text))

    def covers(self, character: str) -> bool:
        return self.patches.covers(character)

    def save_pretrained(self, folder: Path) -> None:
        self.patches.save_pretrained(folder)
        self.tokens.save_pretrained(folder)
