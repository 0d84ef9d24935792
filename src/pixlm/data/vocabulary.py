"""Tokenizers learnt from the texts of a run, for baselines that start from scratch: no network, no file needed.

The same texts give the same tokenizer, bit for bit.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from pixlm.data.encoders import Text, distinct_strings
from pixlm.data.sentencepieces import train_sentencepiece

_BERT = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
_ROBERTA = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
_PREFIX = "##"
LLAMA_LIKE = ("llama", "ernie-pixel")
"""Types of models that read SentencePiece tokens, as Llama does."""

# At most this share of a WordPiece vocabulary is single characters; rarer ones are unknown.
_ALPHABET = 1 / 4


def train_tokenizer(model_type: str, texts: Iterable[Text], size: int) -> PreTrainedTokenizerFast:
    """The kind of tokenizer that models of ``model_type`` read with, learnt from ``texts``."""
    if model_type in LLAMA_LIKE:
        return train_sentencepiece(texts, size)
    return (train_byte_level if model_type == "roberta" else train_wordpiece)(texts, size)


def train_wordpiece(texts: Iterable[Text], size: int) -> PreTrainedTokenizerFast:
    """BERT's kind of tokenizer (Devlin et al. 2019): cased, accents kept, every Han character by itself.

    Args:
        texts: what the model will be trained on.
        size: entries of the vocabulary at most; fewer where the texts do not give more.
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token=_BERT["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words = _words(texts, tokenizer)
    vocabulary = _wordpieces(words, size)
    tokenizer.model = models.WordPiece(vocabulary, unk_token=_BERT["unk_token"])
    tokenizer.decoder = decoders.WordPiece(prefix=_PREFIX)
    cls, sep = ((token, vocabulary[token]) for token in (_BERT["cls_token"], _BERT["sep_token"]))
    tokenizer.post_processor = processors.BertProcessing(sep, cls)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_BERT)


def train_byte_level(texts: Iterable[Text], size: int) -> PreTrainedTokenizerFast:
    """RoBERTa's kind of tokenizer: byte pairs (Sennrich et al. 2016) over bytes, so nothing is unknown.

    Args:
        texts: what the model will be trained on.
        size: entries of the vocabulary at most, the 256 bytes among them.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(_ROBERTA.values()),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    with _one_thread():
        tokenizer.train_from_iterator(distinct_strings(texts), trainer)
    ids = tokenizer.get_vocab()
    sep, cls = ((token, ids[token]) for token in (_ROBERTA["eos_token"], _ROBERTA["bos_token"]))
    tokenizer.post_processor = processors.RobertaProcessing(sep, cls, trim_offsets=True, add_prefix_space=False)
    names = {**_ROBERTA, "cls_token": _ROBERTA["bos_token"], "sep_token": _ROBERTA["eos_token"]}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def _words(texts: Iterable[Text], tokenizer: Tokenizer) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in distinct_strings(texts):
        counts.update(
            word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))
        )
    return counts


def _wordpieces(words: Counter[str], size: int) -> dict[str, int]:
    """The vocabulary, from words with their frequencies."""
    initial: Counter[str] = Counter()
    inner: Counter[str] = Counter()
    for word, count in words.items():
        initial[word[0]] += count
        for character in word[1:]:
            inner[character] += count
    both = initial + inner
    alphabet = sorted(sorted(both, key=lambda character: (-both[character], character))[: int(size * _ALPHABET)])
    # The trainer numbers characters inside words in the order of a hash table, and its ties follow these numbers. As
    # "special" tokens they are numbered here instead, so that the same texts give the same vocabulary.
    pieces = [_PREFIX + character for character in alphabet if character in inner]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=[*_BERT.values(), *pieces],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    learner = Tokenizer(models.WordPiece(unk_token=_BERT["unk_token"]))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    with _one_thread():
        learner.train_from_iterator((f"{word} " * words[word] for word in sorted(words)), trainer)
    # In the order of their numbers, since a tokenizer is saved, and hashed, in this order.
    vocabulary: dict[str, int] = learner.get_vocab()
    return dict(sorted(vocabulary.items(), key=lambda item: item[1]))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Training in one thread: data-loader processes forked later would else be warned of, and lose, its threads."""
    before = os.environ.get("TOKENIZERS_PARALLELISM")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ["TOKENIZERS_PARALLELISM"]
        else:
            os.environ["TOKENIZERS_PARALLELISM"] = before
