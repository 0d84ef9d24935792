"""Small classifiers with random weights, one of each family, with what they read text with."""

from __future__ import annotations

import torch

from pixlm import hub
from pixlm.inference import PixelLM
from pixlm.models.heads import Head, head_class

TEXTS = ["the cat sat on the mat", "a dog", "the other dog ate the cat, and sat down on the mat again"]
FAMILIES = ("pixel-nano", "bert-nano", "roberta-tiny", "pixelgpt-nano", "textgpt-nano")


def classifier(name: str, head: Head = Head.SEQUENCE_CLASSIFICATION, labels: int = 3, **fields) -> PixelLM:
    """A classifier whose classes are told apart: its last layer has large weights."""
    torch.manual_seed(0)
    names = {number: f"class{number}" for number in range(labels)}
    config = hub.load_config(name, num_labels=labels, id2label=names, label2id={v: k for k, v in names.items()})
    for key, value in fields.items():
        setattr(config, key, value)
    model = hub.load_model(name, head_class(config.model_type, head), config=config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2 and parameter.shape[0] == labels:
                parameter.mul_(20)
    modality = {"modality": "pixel"} if name.startswith("pixelgpt") else {}
    encoder = hub.load_encoder(name, texts=TEXTS, max_seq_length=63, **modality)
    if name.startswith("textgpt"):
        model.config.pad_token_id = encoder.tokenizer.pad_token_id  # as fine-tuning stores it
    return PixelLM(model, encoder)
