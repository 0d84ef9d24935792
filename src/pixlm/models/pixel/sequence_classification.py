"""One label (or number, or several labels) per text: topics, entailment, similarity."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import can_return_tuple

from pixlm.errors import UsageError

from ..losses import mean_sequence_loss
from .base import PixelPreTrainedModel
from .config import PixelConfig, PoolingMode
from .encoder import PixelEncoder
from .pooling import AttentionPooling, PatchPooler


def pooling_in(weights: Iterable[str], name: str) -> str:
    """The pooling of a sequence classifier whose configuration does not tell, as upstream's do not.

    Args:
        weights: names of those that show it: at least the ones that mean pooling has no use for.

    Raises:
        UsageError: attention pooling, whose number of heads no weight shows.
    """
    weights = set(weights)
    if "pooler.pooling.pooler.S" in weights:
        raise UsageError(
            f"{name} was trained with attention pooling, but its config.json does not say with how many heads; "
            'add "pooling_mode": "pma" and "pma_heads" to it'
        )
    if "vit.pooler.dense.weight" in weights:
        return str(PoolingMode.CLS)
    warnings.warn(
        f"the config.json of {name} does not say how patches are pooled: mean is assumed; if it was max, "
        'add "pooling_mode": "max" to it',
        stacklevel=3,
    )
    return str(PoolingMode.MEAN)


class PixelForSequenceClassification(PixelPreTrainedModel):
    """The encoder, pooled to one vector (``config.pooling_mode``), with a linear layer on it."""

    def __init__(self, config: PixelConfig) -> None:
        super().__init__(config)
        self.pooling_is_known = config.pooling_mode is not None
        config.pooling_mode = config.pooling_mode or str(PoolingMode.MEAN)
        cls = config.pooling_mode == PoolingMode.CLS
        self.vit = PixelEncoder(config, add_pooling_layer=cls)
        self.pooler = None if cls else PatchPooler(config)
        assert config.num_labels is not None
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()
        # Poolers, which other heads ignore, show how a checkpoint pools; a linear layer and a norm are always there.
        ignored = {key for key in self._keys_to_ignore_on_load_unexpected or () if "pooler" not in key}
        self._keys_to_ignore_on_load_unexpected = ignored | {r"^pooler\.(linear|ln)\."}

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """As in transformers; the pooling of an upstream checkpoint, whose configuration lacks it, follows from its
        weights.
        """
        wants_info = kwargs.pop("output_loading_info", False)
        model, info = super().from_pretrained(*args, **kwargs, output_loading_info=True)
        if not model.pooling_is_known and "classifier.weight" not in info["missing_keys"]:
            model.config.pooling_mode = pooling_in(info["unexpected_keys"], str(args[0]))
            if model.config.pooling_mode != PoolingMode.MEAN:
                others = {key: value for key, value in kwargs.items() if not hasattr(model.config, key)}
                others["config"] = model.config
                model, info = super().from_pretrained(*args, **others, output_loading_info=True)
        return (model, info) if wants_info else model

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, AttentionPooling):
            module.reset_parameters()

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        head_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        text_slots: Tensor | None = None,
        compute_loss: bool = True,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> SequenceClassifierOutput:
        """Classify texts. Inputs as in :meth:`PixelEncoder.forward`, packed rows included.

        Args:
            labels: see :func:`~pixlm.models.sequence_loss`; one row a text. The loss is the mean over its summands.
            compute_loss: False leaves ``loss`` out, for a caller who wants (sum, count).

        Returns:
            ``loss``, ``logits`` [B, labels]; on request ``hidden_states`` and ``attentions`` of the encoder.
        """
        encoded = self.vit(
            pixel_values,
            attention_mask,
            head_mask=head_mask,
            position_ids=position_ids,
            text_slots=text_slots,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
            return_dict=True,
        )
        if self.pooler is None:
            pooled_BD = encoded.pooler_output
        else:
            patches_BND = encoded.last_hidden_state[:, 1:]
            mask = encoded.attention_mask
            pooled_BD = self.pooler(patches_BND, patches_BND.new_ones(patches_BND.shape[:2]) if mask is None else mask)
        logits = self.classifier(pooled_BD)
        loss = None
        if labels is not None and compute_loss:
            loss = mean_sequence_loss(logits, labels, self.config.problem_type)
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=encoded.hidden_states, attentions=encoded.attentions
        )
