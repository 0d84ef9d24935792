"""SentencePiece vocabularies as Llama has them: byte pairs over text with its spaces, bytes for what is rare.

Kudo and Richardson 2018, "SentencePiece"; Touvron et al. 2023, "Llama 2", section 2.2: digits stand alone, characters
that are no piece become their UTF-8 bytes, so that nothing is unknown and decoding gives the text back.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import sentencepiece
from tokenizers import normalizers, processors
from transformers import LlamaTokenizer, PreTrainedTokenizerFast

from pixlm.data.encoders import Text, distinct_strings
from pixlm.errors import UsageError

MODEL_FILE = "tokenizer.model"
_SPECIAL = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
_LEAST = 3 + 256
"""Special tokens and bytes."""
_COVERAGE = 0.9995
"""Share of the characters of the text that are pieces by themselves; rarer ones are bytes."""


def train_sentencepiece(texts: Iterable[Text], size: int) -> PreTrainedTokenizerFast:
    """Llama's kind of tokenizer, learnt from ``texts``; the same texts give the same tokenizer.

    It cuts text as the SentencePiece library does with :func:`train_model`'s file, puts ``<s>`` in front of each text
    and nothing behind it, and has ``<unk>``, ``<s>``, ``</s>`` as tokens 0, 1, 2. Padding is ``</s>``, as in PixelGPT's
    fine-tuning; models must tell padding by the attention mask.

    Args:
        texts: what the model will be trained on; lists of words as texts, each different text once.
        size: entries of the vocabulary at most; fewer where the texts do not give more.

    Raises:
        UsageError: no text, or a size that is too small for the characters of the texts.
    """
    return as_tokenizer(train_model(texts, size))


def train_model(texts: Iterable[Text], size: int) -> bytes:
    """The same as a SentencePiece model file (``tokenizer.model``); arguments as in :func:`train_sentencepiece`."""
    lines = _Lines(texts)
    written = io.BytesIO()
    if size <= _LEAST:
        raise UsageError(f"a vocabulary of {size}: {_LEAST} are special tokens and bytes, so give more")
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=written,
            model_type="bpe",
            vocab_size=size,
            hard_vocab_limit=False,
            byte_fallback=True,
            split_digits=True,
            character_coverage=_COVERAGE,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            max_sentence_length=2**20,
            shuffle_input_sentence=False,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        if lines.failure is not None:
            raise lines.failure from None
        told = " ".join(str(error).split())
        if "empty" in told:
            raise UsageError("there is no text to learn a vocabulary from") from None
        needed = re.search(r"smaller than required_chars. \d+ vs (\d+)", told)
        if needed is None:
            raise UsageError(f"no vocabulary of {size} can be learnt from these texts: {told[-200:]}") from error
        raise UsageError(
            f"a vocabulary of {size} is too small: the frequent characters of these texts, 256 bytes and 3 special "
            f"tokens are {needed[1]} already"
        ) from None
    return written.getvalue()


class _Lines:
    """Lines with text in them, and what went wrong while they were read: the library makes its own error of that."""

    def __init__(self, texts: Iterable[Text]):
        self.texts = texts
        self.failure: BaseException | None = None

    def __iter__(self) -> Iterator[str]:
        try:
            for text in distinct_strings(self.texts):
                for line in text.replace("\0", "\ufffd").split("\n"):
                    if line.strip():
                        yield line
        except BaseException as error:
            self.failure = error
            raise


def as_tokenizer(model: bytes) -> PreTrainedTokenizerFast:
    """The content of a BPE ``tokenizer.model`` (ours, Llama's) as a fast tokenizer that cuts text the same way."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / MODEL_FILE).write_bytes(model)
        backend = LlamaTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
    # As in the published tokenizer.json of Llama 2: unlike the pre-tokenizer of today's class, this puts a space in
    # front of a text that begins with one, too, as SentencePiece does.
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.pre_tokenizer = None
    bos = _SPECIAL["bos_token"]
    backend.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1", special_tokens=[(bos, backend.token_to_id(bos))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=_SPECIAL["eos_token"],
        padding_side="right",
        clean_up_tokenization_spaces=False,
        **_SPECIAL,
    )
