"""Tiny checkpoints as people download them: BERT, RoBERTa and XLM-R, made here, saved by transformers itself."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from pixlm.data.vocabulary import train_byte_level, train_wordpiece

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 66,
}
KINDS = ("bert", "roberta", "xlm-roberta")


def sentencepiece_like(texts: list[str], size: int) -> PreTrainedTokenizerFast:
    """XLM-R's kind: unigram pieces with a mark for the space before a word."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"}
    more = {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names, **more)


def tokenizer_and_config(kind: str, texts: list[str]) -> tuple[PreTrainedTokenizerFast, BertConfig]:
    if kind == "bert":
        tokenizer = train_wordpiece(texts, 300)
        return tokenizer, BertConfig(vocab_size=len(tokenizer), **SIZES)
    make, config = (train_byte_level, RobertaConfig) if kind == "roberta" else (sentencepiece_like, XLMRobertaConfig)
    tokenizer = make(texts, 400)
    return tokenizer, config(vocab_size=len(tokenizer), type_vocab_size=1, **SIZES)


def save_checkpoint(folder: Path, kind: str, texts: list[str]) -> Path:
    """A pretrained model of ``kind``, as its authors would publish it."""
    torch.manual_seed(0)
    tokenizer, config = tokenizer_and_config(kind, texts)
    model = {"bert": BertForMaskedLM, "roberta": RobertaForMaskedLM, "xlm-roberta": XLMRobertaForMaskedLM}[kind]
    model(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
