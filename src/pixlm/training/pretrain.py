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
from pixlm.training import corpora
from pixlm.training.card import write_card
from pixlm.training.config import MaskConfig, PretrainConfig
from pixlm.training.launch import begin, is_main_process, process_group, report_data, set_dropout, train
from pixlm.training.output import METRICS
from pixlm.training.plan import Mixed, Origins, make_plan
from pixlm.training.pretrain_pages import pretrain_pages, reads_pages
from pixlm.training.watch import Pictures
from pixlm.training.ways import way_of

Draw = Callable[[PreTrainedModel, InputEncoder, str, SpanMasking | RandomMasking], NDArray[np.uint8]]
"""A picture [height, width, 3] of what a model makes of a masked text."""


@process_group()
def pretrain(config: PretrainConfig, draw: Draw | None = None) -> dict[str, dict[str, float]]:
    """Pretrain a masked or a causal model; writes the output folder and returns what is in its metrics.json.

    draw: makes the pictures that ``config.pictures`` asks for. Raises UsageError for bad input, RunError for an
    interrupted or failed run.
    """
    if reads_pages(config):
        return pretrain_pages(config)
    _check(config)
    sources, data = corpora.find(config.data)
    masking = masking_for(config.mask)
    way = way_of(config, sources, masking)
    set_dropout(way.model_config, config.train.dropout)
    encoder = way.encoder
    encoder.check_model(way.model_config, config.model)
    corpus = corpora.load(config.data, sources, encoder, workers=config.data.workers or config.train.workers)
    objective = way.learn(corpus)
    mixture = corpora.mix(config.data, corpus["train"], config.seed, encoder)
    plan = make_plan(config.train, len(corpus["train"]))
    pictures = _pictures(config, draw, encoder, masking, corpus.get("dev", corpus["train"]))
    output = begin(config, "pretrain", data)
    corpora.check_unchanged(output.folder, corpus)
    report_data(data, {split: len(part) for split, part in corpus.items()}, encoder)
    model = way.load_model()
    train(
        config,
        plan,
        output,
        model,
        title="pretrain",
        objective=objective,
        encoder=encoder,
        train_split=Mixed(corpus["train"], mixture),
        dev_split=way.held_out(corpus["dev"]) if "dev" in corpus else None,
        metrics=lambda evaluation: evaluation.scores,
        metric="loss",
        higher_is_better=False,
        origins=Origins(corpus["train"].names, corpus["train"].source_of(np.arange(len(corpus["train"])))),
        pictures=pictures,
    )
    batch_size = config.train.eval_batch_size or plan.micro
    results: dict[str, dict[str, float]] = {}
    for split in (each for each in splits.SPLITS[1:] if each in corpus):
        # Of several sources each one's own scores, too.
        names = corpus[split].names if len(corpus[split].names) > 1 else ()
        for name, rows in {"": corpus[split], **{name: corpus[split].part(name) for name in names}}.items():
            for kind, scores in way.scores(model, objective, rows, batch_size).items():
                results["-".join(filter(None, (split, name, kind)))] = scores
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
