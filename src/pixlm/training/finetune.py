"""Fine-tuning: `pixlm finetune TASK --model MODEL --data FOLDER --output DIR`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixlm import files, hub
from pixlm.data import splits
from pixlm.data.cache import cached
from pixlm.data.encoders import InputEncoder
from pixlm.data.packing import Packing
from pixlm.data.pages.encoders import PageEncoder
from pixlm.data.pages.shards.examples import ShardExamples
from pixlm.data.pages.shards.intervals import Intervals
from pixlm.data.readers.problems import Problems, check_labels
from pixlm.errors import UsageError
from pixlm.models.heads import head_class
from pixlm.tasks import find_task
from pixlm.tasks.base import Prediction, Task
from pixlm.tasks.evaluation import Evaluation, evaluate
from pixlm.tasks.objective import Objective
from pixlm.tasks.objectives import SequenceToSequence
from pixlm.training.card import write_card
from pixlm.training.config import FinetuneConfig, PretrainConfig
from pixlm.training.finetuned import Results, group_scores, scores_of, sources
from pixlm.training.launch import begin, is_main_process, process_group, report_data, set_dropout, train
from pixlm.training.layers import freeze
from pixlm.training.modality import encoder_options, note_padding, settle_modality, settle_tokens
from pixlm.training.output import METRICS
from pixlm.training.pages import equip, fit_config, ready, settle_config
from pixlm.training.plan import Mixed, Split, make_plan


@dataclass(frozen=True)
class Material:
    """What a run learns from, read and checked.

    config: with the options that the data decide; examples: of each split there is; validation: the part of dev that
    chooses the best checkpoint.
    """

    task: Task[Any]
    config: FinetuneConfig | PretrainConfig
    data: splits.Sources
    examples: dict[str, list[Any]]
    validation: list[Any]
    labels: list[str]
    problems: Problems


def settle(task_name: str, config: FinetuneConfig) -> tuple[Task[Any], FinetuneConfig, splits.Sources]:
    """The task and the configuration with the options that the data decide, and where the data is."""
    task = find_task(task_name).with_options(config.task)
    data = sources(task, config.data)
    splits.require(data, "train")
    task = task.settle(data)
    return task, dataclasses.replace(config, task=task.options), data


def read(task_name: str, config: FinetuneConfig) -> Material:
    """Read all splits; raises UsageError for bad data."""
    task, config, data = settle(task_name, config)
    return read_splits(task, config, data)


def read_splits(
    task: Task[Any], config: FinetuneConfig | PretrainConfig, data: splits.Sources | None = None
) -> Material:
    """The same for a task that is settled; ``data``: default what the configuration names."""
    if data is None:
        data = sources(task, config.data)
        splits.require(data, "train")
        task = task.settle(data)
    problems = Problems(on_error=config.data.on_error, commands=config.data.allow_commands)
    train = task.select("train", task.read(data.train, problems=problems))
    task = task.fitted(train)
    labels = task.labels(train)
    examples = {"train": train}
    for name in ("dev", "test"):
        if data.get(name):
            found = task.read(data.get(name), problems=problems)
            examples[name] = check_labels(train, found, name, problems, labels)
    validation = task.select("dev", examples.get("dev", []))
    return Material(task, config, data, examples, validation, labels, problems)


@process_group()
def finetune(task_name: str, config: FinetuneConfig) -> Results:
    """Fine-tune a model on a task; writes the output folder and returns what is in its metrics.json.

    Raises UsageError for bad input, RunError for an interrupted or failed run.
    """
    material = read(task_name, config)
    return learn(material, f"finetune {material.task.name}")


def learn(material: Material, command: str, *, by_loss: bool = False) -> Results:
    """Train on a task and score; see :func:`finetune`.

    by_loss: the loss on dev chooses the best checkpoint, as in pretraining, and the task's metrics are worked out once,
    at the end.
    """
    task, config, examples = material.task, material.config, material.examples
    model_config = hub.load_config(config.model, **task.config_for(material.labels))
    settle_config(config, model_config)
    if isinstance(config, FinetuneConfig):
        settle_modality(config, model_config)
    set_dropout(model_config, config.train.dropout)
    model_class = head_class(model_config.model_type, task.head)
    encoder = _encoder(material)
    if isinstance(config, FinetuneConfig):
        settle_tokens(config, model_config, encoder)
    fit_config(config, model_config, encoder)
    parts = {name: Split(*task.rows(given, encoder, training=name == "train")) for name, given in examples.items()}
    dev = Split(*task.rows(material.validation, encoder)) if material.validation else None
    intervals = _intervals(config, examples["train"])
    train_split = parts["train"] if intervals is None else Mixed(parts["train"].examples, intervals)
    plan = make_plan(config.train, len(parts["train"].examples if intervals is None else intervals))
    objective = _objective(material, encoder, plan.steps, model_config)
    output = begin(config, command, material.data)
    sizes = {name: len(given) for name, given in examples.items()}
    report_data(material.data, sizes, encoder, material.problems.summary())
    model = hub.load_model(config.model, model_class, config=model_config)
    note_padding(model, encoder)
    notes = ready(model, encoder, config.page)
    freeze(model, config.train.freeze)
    if is_main_process():
        for note in notes:
            print(note)

    def dev_scores(evaluation: Evaluation) -> dict[str, float]:
        if by_loss:
            return evaluation.scores
        # Of a dev split whose words are all lost there is nothing to score; that is no success.
        return {task.metric: 0.0, **scores_of(task, material.validation, dev.examples if dev else (), evaluation)[1]}

    train(
        config,
        plan,
        output,
        model,
        title=command,
        objective=objective if not by_loss else _objective(material, encoder, plan.steps, model_config, write=False),
        encoder=encoder,
        train_split=train_split,
        dev_split=dev,
        metrics=dev_scores,
        metric="loss" if by_loss else task.metric,
        higher_is_better=not by_loss,
    )
    results: Results = {}
    predictions: dict[str, list[Prediction[Any]]] = {}
    for name in ("dev", "test"):
        if name in parts:
            batch_size = config.train.eval_batch_size or plan.micro
            evaluation = evaluate(model, objective, *parts[name], batch_size=batch_size)
            predictions[name], scores = scores_of(
                task, examples[name], parts[name].examples, evaluation, examples["train"]
            )
            results |= {name: scores, **group_scores(task, name, predictions[name])}
    if is_main_process():
        hub.save(output.folder, model, encoder)
        for name, found in predictions.items():
            # predictions.jsonl is the test split's, or the dev split's where there is no test split.
            last = name == list(predictions)[-1]
            task.write(found, output.folder, "predictions" if last else f"predictions-{name}")
        used = {split: material.data.get(split) for split in splits.SPLITS}
        write_card(output.folder, config, command, encoder, results, used)
        files.write_json(output.folder / METRICS, results)
    return results


def _intervals(config: FinetuneConfig | PretrainConfig, train: Sequence[Any]) -> Intervals | None:
    """Which samples of tar shards an epoch has; None for other data, for which UsageError refuses what is about
    shards."""
    data = config.data
    if isinstance(train, ShardExamples):
        return Intervals(train.sizes, config.seed, samples=data.interval, replacement=data.replacement)
    for flag, given in (("interval", data.interval), ("replacement", data.replacement)):
        if given:
            raise UsageError(f"--data.{flag} {given}: is about tar shards, which this data is not")
    return None


def _encoder(material: Material) -> InputEncoder:
    """What reads text for the run's model; with a cache of the run's examples where that is asked for."""
    task, config = material.task, material.config
    train = material.examples["train"]
    encoder = hub.load_encoder(
        config.model,
        texts=task.texts(train),
        pages=config.page.overrides(),
        tokenizer=config.page.tokenizer or (config.tokenizer if isinstance(config, FinetuneConfig) else None),
        **(encoder_options(config) if isinstance(config, FinetuneConfig) else {}),
        **config.render.overrides(),
    )
    if isinstance(encoder, PageEncoder):
        encoder.add_tokens(task.tokens(train))
    encoder.packing = Packing(config.train.packing)
    task.objective(encoder, material.labels)  # says what does not fit before anything is encoded
    if config.data.cache or (config.data.cache is None and task.cached):
        requests = [task.requests(given) for given in material.examples.values()]
        return cached(encoder, requests, workers=config.train.workers)
    return encoder


def _objective(
    material: Material, encoder: InputEncoder, steps: int, model_config: Any, *, write: bool = True
) -> Objective:
    """What the run learns, with what it says about it; without ``write`` evaluation is about the loss alone."""
    config = material.config
    objective = material.task.objective(encoder, material.labels)
    equip(objective, seed=config.seed, page=config.page, steps=steps, model_config=model_config)
    if not write and isinstance(objective, SequenceToSequence):
        objective.writing = None
    return objective
