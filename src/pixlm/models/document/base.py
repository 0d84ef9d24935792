"""What the three architectures have in common: one interface, so that any of them learns any task on pages.

A model is called with the batch of its page encoder and ``decoder_input_ids`` [B, U] and gives logits [B, U, V]; what
follows the prompt is written by :func:`pixlm.models.document.generation.write`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pixlm.errors import UsageError


class DocumentModel:
    """Mixed into a ``PreTrainedModel`` of transformers."""

    config: Any

    @property
    @abstractmethod
    def image_encoder(self) -> PreTrainedModel:
        """The part that sees."""

    @property
    @abstractmethod
    def text_decoder(self) -> PreTrainedModel:
        """The part that writes; its configuration has the vocabulary and the special tokens."""

    @abstractmethod
    def generation(self, inputs: dict[str, Tensor]) -> tuple[PreTrainedModel, dict[str, Tensor | bool]]:
        """The part whose ``generate`` of transformers is called, and what it is given of the encoder's side."""

    @property
    def max_target_length(self) -> int | None:
        """Tokens that the decoder has positions for, the prompt among them; None: any number."""
        config = self.text_decoder.config
        table = getattr(config, "max_position_embeddings", None)
        return None if table is None else int(table)

    def fit_vocabulary(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Give every token of ``tokenizer`` a row in the embeddings, and store its special ones in the configuration.

        New rows are drawn from the usual distribution (with torch's global generator, which a run seeds). Rows are
        never taken away: checkpoints may have more than their tokenizer needs.

        Raises:
            UsageError: the tokenizer has no padding or closing token.
        """
        pad, eos = tokenizer.pad_token_id, tokenizer.eos_token_id
        if pad is None or eos is None:
            raise UsageError("the tokenizer needs a padding and a closing token (pad_token, eos_token)")
        decoder: Any = self.text_decoder
        rows = decoder.get_input_embeddings().num_embeddings
        if len(tokenizer) > rows:
            decoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        set_special_tokens(self.config, pad=pad, eos=eos, rows=max(rows, len(tokenizer)))
        # transformers keeps a second copy for generation.
        for part in (self, decoder):
            settings: Any = getattr(part, "generation_config", None)
            if settings is not None:
                settings.pad_token_id, settings.eos_token_id = pad, eos
                settings.bos_token_id = settings.forced_eos_token_id = None
                settings.decoder_start_token_id = self.config.decoder_start_token_id


def text_config(config: Any) -> Any:
    """The part of a document model's configuration that has its vocabulary."""
    return getattr(config, "text_config", None) or config.decoder


def set_special_tokens(config: Any, *, pad: int, eos: int, rows: int) -> None:
    """Store a tokenizer's special tokens in a configuration and in that of its text part."""
    for part in (config, text_config(config)):
        part.pad_token_id, part.eos_token_id = pad, eos
        part.forced_eos_token_id = None
    text_config(config).vocab_size = rows
    start = getattr(config, "decoder_start_token_id", None)
    if start is None or start >= rows:
        start = pad
    config.decoder_start_token_id = text_config(config).decoder_start_token_id = start
