"""Biaffine dependency parsing on top of any encoder: which word is the head of which, and by what relation.

After Dozat and Manning (2017), "Deep Biaffine Attention for Neural Dependency Parsing", in the shallow form that PIXEL
uses: the scorers read the encoder's word vectors directly. Parameter names are those of the published checkpoints.

Suffixes: B batch, U units of the encoder (patches, tokens), W words, H candidate heads (root and words, W + 1),
R relations, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import initialization as init
from transformers.utils import ModelOutput

from pixlm.errors import UsageError

from .losses import IGNORED_LABEL, label_loss


@dataclass
class DependencyParserOutput(ModelOutput):
    """Output of the dependency parsers.

    ``loss`` (scalar); ``arc_logits`` [B, W, W + 1], candidate 0 is the root and candidate j the word j - 1;
    ``rel_logits`` [B, W, W + 1, R]; ``hidden_states`` and ``attentions`` are the encoder's.
    """

    loss: Tensor | None = None
    arc_logits: Tensor | None = None
    rel_logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class Biaffine(nn.Module):
    """Scores [B, out, X, Y] of all pairs: x W y, where x and y may be extended by a constant 1."""

    def __init__(self, width: int, num_outputs: int, *, bias_x: bool = True, bias_y: bool = True) -> None:
        super().__init__()
        self.bias_x = bias_x
        self.bias_y = bias_y
        self.weight = nn.Parameter(torch.empty(num_outputs, width + bias_x, width + bias_y))

    def reset_parameters(self) -> None:
        """All scores zero, as the published training started."""
        init.zeros_(self.weight)

    def forward(self, x_BXD: Tensor, y_BYD: Tensor) -> Tensor:
        if self.bias_x:
            x_BXD = F.pad(x_BXD, (0, 1), value=1)
        if self.bias_y:
            y_BYD = F.pad(y_BYD, (0, 1), value=1)
        return torch.einsum("bxi,oij,byj->boxy", x_BXD, self.weight.to(x_BXD.dtype), y_BYD)


def word_vectors(hidden_BUD: Tensor, word_starts_BV: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of each word's units, and which word slots are used.

    Args:
        hidden_BUD: one vector per unit.
        word_starts_BV: [B, W + 1]: the first unit of each word, then the unit after the last word, then padding
            (negative). A word that has no unit of its own (start = end) takes the one at its start.

    Returns:
        ([B, W, D], zeros where there is no word; [B, W] bool)
    """
    starts, ends = word_starts_BV[:, :-1], word_starts_BV[:, 1:]
    # Ascending starts: the first descent or negative number ends the row, whatever its padding is.
    used_BW = ((starts >= 0) & (ends >= starts)).cumprod(dim=1).bool()
    units = torch.arange(hidden_BUD.shape[1], device=hidden_BUD.device)
    last = torch.maximum(ends, starts + 1)
    inside_BWU = (units >= starts[..., None]) & (units < last[..., None]) & used_BW[..., None]
    counts = inside_BWU.sum(dim=-1, keepdim=True).clamp(min=1)
    return inside_BWU.to(hidden_BUD.dtype) @ hidden_BUD / counts.to(hidden_BUD.dtype), used_BW


def parsing_loss(
    arc_logits: Tensor, rel_logits: Tensor, arc_labels: Tensor, rel_labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Sum over labelled words of the cross entropies of head and of relation at the gold head, and their number.

    Args:
        arc_logits: [B, W, W + 1].
        rel_logits: [B, W, W + 1, R].
        arc_labels: [B, W], 0 = root, j = word j - 1, -100 = no label.
        rel_labels: [B, W], -100 = no label.

    Returns:
        (sum, count), float32 scalars.
    """
    arc_labels = arc_labels.long()
    arc_sum, count = label_loss(arc_logits, arc_labels)
    gold = arc_labels.clamp(min=0)[..., None, None].expand(-1, -1, 1, rel_logits.shape[-1])
    rel_labels = rel_labels.long().masked_fill(arc_labels == IGNORED_LABEL, IGNORED_LABEL)
    rel_sum, _ = label_loss(rel_logits.gather(2, gold).squeeze(2), rel_labels)
    return arc_sum + rel_sum, count


def score_words(
    arcs: Biaffine,
    rels: Biaffine,
    units_BUD: Tensor,
    root_BD: Tensor,
    word_starts: Tensor | None,
    *,
    mask_padding: bool,
) -> tuple[Tensor, Tensor]:
    """(arc_logits [B, W, W + 1], rel_logits [B, W, W + 1, R]) from the vectors of units and root.

    Args:
        mask_padding: unused word slots are no candidates. Otherwise they compete with score 0, as in the published
            training, and scores and loss depend on the number of slots.

    Raises:
        UsageError: ``word_starts`` is not [B, words + 1].
    """
    shape = [] if word_starts is None else list(word_starts.shape)
    if word_starts is None or len(shape) != 2 or shape[0] != len(units_BUD) or shape[1] < 2:
        raise UsageError(
            f"word_starts must be [{len(units_BUD)}, words + 1], each word's first unit, then the unit after the last "
            f"word; not {shape or None}"
        )
    words_BWD, used_BW = word_vectors(units_BUD, word_starts)
    heads_BHD = torch.cat([root_BD[:, None], words_BWD], dim=1)
    arc_BWH = arcs(words_BWD, heads_BHD).squeeze(1)
    if mask_padding:
        candidates_BH = F.pad(used_BW, (1, 0), value=True)
        arc_BWH = arc_BWH.masked_fill(~candidates_BH[:, None], torch.finfo(arc_BWH.dtype).min)
    return arc_BWH, rels(words_BWD, heads_BHD).permute(0, 2, 3, 1)
