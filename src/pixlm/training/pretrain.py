"""Pretraining: `pixlm pretrain --model pixel-base --data TEXT_FOLDER --output DIR`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from pixlm import files, hub
from pixlm.data import splits
from pixlm.data.encoders import InputEncoder
from pixlm.data.masking import PUBLISHED_SPAN_WEIGHTS, RandomMasking, SpanMasking
from pixlm.errors import UsageError
from pixlm.models.heads import Head, head_class
from pixlm.tasks.evaluation import evaluate
from pixlm.tasks.objectives import MaskedPatches
from pixlm.training import corpora
from pixlm.training.card import write_card
from pixlm.training.config import MaskConfig, PretrainConfig
from pixlm.training.launch import begin, is_main_process, process_group, report_data, set_dropout, train
from pixlm.training.output import METRICS
from pixlm.training.plan import Mixed, Origins, Split, make_plan
from pixlm.training.watch import Pictures

Draw = Callable[[PreTrainedModel, InputEncoder, str, SpanMasking | RandomMasking], NDArray[np.uint8]]
"""A picture [height, width, 3] of what a model makes of a masked text."""


@process_group()
def pretrain(config: PretrainConfig, draw: Draw | None = None) -> dict[str, dict[str, float]]:
    """Pretrain a masked model; writes the output folder and returns what is in its metrics.json.

    draw: makes the pictures that ``config.pictures`` asks for. Raises UsageError for bad input, RunError for an
    interrupted or failed run.
    """
    _check(config)
    sources, data = corpora.find(config.data)
    masking = masking_for(config.mask)
    model_config = hub.load_config(config.model, mask_ratio=config.mask.ratio)
    model_class = head_class(model_config.model_type, Head.PRETRAINING)
    set_dropout(model_config, config.train.dropout)
    encoder = hub.load_encoder(config.model, **config.render.overrides())
    encoder.check_model(model_config, config.model)
    corpus = corpora.load(config.data, sources, encoder, workers=config.data.workers or config.train.workers)
    parts = {split: Split(each, each.lengths) for split, each in corpus.items()}
    mixture = corpora.mix(config.data, corpus["train"], config.seed, encoder)
    plan = make_plan(config.train, len(parts["train"].examples))
    pictures = _pictures(config, draw, encoder, masking, corpus.get("dev", corpus["train"]))
    output = begin(config, "pretrain", data)
    corpora.check_unchanged(output.folder, corpus)
    report_data(data, {split: len(part.examples) for split, part in parts.items()}, encoder)
    model = hub.load_model(config.model, model_class, config=model_config)
    objective = MaskedPatches(encoder, masking, config.seed)
    train(
        config,
        plan,
        output,
        model,
        title="pretrain",
        objective=objective,
        encoder=encoder,
        train_split=Mixed(corpus["train"], mixture),
        dev_split=parts.get("dev"),
        metrics=lambda evaluation: evaluation.scores,
        metric="loss",
        higher_is_better=False,
        origins=Origins(corpus["train"].names, corpus["train"].source_of(np.arange(len(corpus["train"])))),
        pictures=pictures,
    )
    batch_size = config.train.eval_batch_size or plan.micro
    results = {
        split: evaluate(model, objective, *parts[split], batch_size=batch_size).scores
        for split in splits.SPLITS[1:]
        if split in parts
    }
    for split in list(results):
        # Of several sources each one's own scores, too.
        for name in corpus[split].names if len(corpus[split].names) > 1 else ():
            each = corpus[split].part(name)
            scores = evaluate(model, objective, each, each.lengths, batch_size=batch_size).scores
            results[f"{split}-{name}"] = scores
    if is_main_process():
        hub.save(output.folder, model, encoder)
        used = {split: data.get(split) for split in splits.SPLITS}
        write_card(output.folder, config, "pretrain", encoder, results, used)
        files.write_json(output.folder / METRICS, results)
    return results


def _check(config: PretrainConfig) -> None:
    """Raise a UsageError for settings that pretraining has no use for."""
    if config.pictures.steps is not None and config.pictures.steps < 1:
        raise UsageError(f"--pictures.steps {config.pictures.steps}: must be 1 or more")
    if config.train.packing != "auto":
        raise UsageError(
            f"--train.packing {config.train.packing} is for fine-tuning; text to pretrain on fills its rows"
        )
    if config.mask.ratio == 0:
        raise UsageError("--mask.ratio 0 removes nothing, so that nothing is learnt; give a share above 0")


def _pictures(
    config: PretrainConfig,
    draw: Draw | None,
    encoder: InputEncoder,
    masking: SpanMasking | RandomMasking,
    examples: Sequence[Any],
) -> Pictures | None:
    every = config.pictures.steps
    if every is None or draw is None:
        return None
    first = [examples[number] for number in range(min(2, len(examples)))]
    texts = config.pictures.texts or [example for example in first if isinstance(example, str)]
    if not texts:
        raise UsageError("--pictures.steps: strips that are drawn already say no text; give some with --pictures.texts")

    def pictures(step: int, model: PreTrainedModel) -> dict[str, NDArray[np.uint8]]:
        if step % every:
            return {}
        return {f"text-{number}": draw(model, encoder, text, masking) for number, text in enumerate(texts, 1)}

    return pictures


_MASK_FLAGS = {
    "mask_ratio": "--mask.ratio",
    "cumulative_span_weights": "--mask.span-weights",
    "max_span_length": "--mask.max-span",
    "spacing ": "--mask.spacing ",
}


def masking_for(mask: MaskConfig) -> SpanMasking | RandomMasking:
    """The patch masking that the settings describe."""
    if not mask.spans:
        return RandomMasking(mask.ratio)
    weights = mask.span_weights
    if weights is None and mask.max_span == len(PUBLISHED_SPAN_WEIGHTS):
        weights = PUBLISHED_SPAN_WEIGHTS
    try:
        return SpanMasking(
            mask_ratio=mask.ratio,
            max_span_length=mask.max_span,
            spacing="span" if mask.spacing is None else mask.spacing,
            cumulative_span_weights=weights,
            flavour=mask.flavour,
        )
    except UsageError as error:
        text = str(error)
        for name, flag in _MASK_FLAGS.items():
            text = text.replace(name, flag)
        raise UsageError(text) from None
