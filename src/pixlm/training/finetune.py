"""Fine-tuning: `pixlm finetune TASK --model MODEL --data FOLDER --output DIR`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import PreTrainedModel

from pixlm import files, hub
from pixlm.data import splits
from pixlm.data.cache import cached
from pixlm.data.encoders import InputEncoder
from pixlm.data.examples import Example
from pixlm.data.packing import Packing
from pixlm.data.pages.encoders import PageEncoder
from pixlm.data.pages.shards.examples import ShardExamples
from pixlm.data.pages.shards.intervals import Intervals
from pixlm.data.readers.problems import Problems, check_labels
from pixlm.errors import UsageError
from pixlm.models.heads import head_class
from pixlm.tasks import find_task
from pixlm.tasks.base import Prediction, Task, TaskOptions
from pixlm.tasks.evaluation import Evaluation, evaluate
from pixlm.tasks.objective import Objective
from pixlm.tasks.objectives import SequenceToSequence
from pixlm.training.card import write_card
from pixlm.training.config import DataConfig, FinetuneConfig, PretrainConfig, RenderConfig
from pixlm.training.launch import begin, is_main_process, process_group, report_data, set_dropout, train
from pixlm.training.layers import freeze
from pixlm.training.modality import encoder_options, note_padding, settle_modality, settle_tokens
from pixlm.training.output import METRICS, RUN
from pixlm.training.pages import equip, fit_config, ready, settle_config
from pixlm.training.plan import Mixed, Split, make_plan

Results = dict[str, dict[str, float]]
"""Scores by split, and by group of a split ("test-hi") where it has several."""


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
        return {task.metric: 0.0, **_scores(task, material.validation, dev.examples if dev else (), evaluation)[1]}

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
            predictions[name], scores = _scores(
                task, examples[name], parts[name].examples, evaluation, examples["train"]
            )
            results |= {name: scores, **_group_scores(task, name, predictions[name])}
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


def sources(task: Task[Any], data: DataConfig) -> splits.Sources:
    """The files of a task's splits."""
    return splits.find(data.path, {"train": data.train, "dev": data.dev, "test": data.test}, task.naming)


def evaluate_model(
    task_name: str,
    model_name: str,
    data: DataConfig,
    split: str,
    output: Path | None,
    *,
    options: TaskOptions | None = None,
    batch_size: int = 32,
    render: RenderConfig | None = None,
) -> Results:
    """Scores of a fine-tuned model on one split; with ``output``, writes metrics.json and predictions there.

    options: default those that the model was trained with; render: in other fonts, say, than it was trained with.
    """
    if output is not None:
        _refuse_run_folder(output)
    found, examples = model_and_examples(task_name, model_name, data, split, options)
    if render is not None and (changes := {**render.overrides(), **({"mode": render.mode} if render.mode else {})}):
        found = dataclasses.replace(found, encoder=hub.load_encoder(model_name, **changes))
        found.encoder.check_model(found.model.config, model_name)
    task = found.task
    predictions, scores = found.run(examples, batch_size)
    results = {split: scores, **_group_scores(task, split, predictions)}
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        task.write(predictions, output, "predictions")
        files.write_json(output / METRICS, results)
    return results


def predict(
    task_name: str,
    model_name: str,
    given: Path | Sequence[Any],
    output: Path | None,
    *,
    options: TaskOptions | None = None,
    batch_size: int = 32,
) -> tuple[list[dict[str, Any]], list[Path]]:
    """Label a file without (or regardless of) labels, or inputs that the task takes: texts, pairs of texts, examples.

    Returns a record an example, as in predictions.jsonl, and the files written to ``output``.
    """
    if output is not None:
        _refuse_run_folder(output)
    found = load_finetuned(task_name, model_name, options)
    if isinstance(given, Path):
        found = dataclasses.replace(found, task=found.task.settle(splits.Sources(test=(given,))))
    task = found.task
    if isinstance(given, Path):
        examples = task.read([given], labelled=False)
    else:
        examples = [
            one if isinstance(one, Example) else task.example(one, str(number))
            for number, one in enumerate(given, start=1)
        ]
    predictions, _ = found.run(examples, batch_size)
    written: list[Path] = []
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        written = task.write(predictions, output, "predictions")
    return [task.record(prediction) for prediction in predictions], written


@dataclass(frozen=True)
class FinetunedModel:
    """A fine-tuned model, loaded, with its task and what reads text for it."""

    task: Task[Any]
    model: PreTrainedModel
    encoder: InputEncoder
    labels: Sequence[str]

    def run(
        self,
        examples: Sequence[Any],
        batch_size: int = 32,
        *,
        encoder: InputEncoder | None = None,
    ) -> tuple[list[Prediction[Any]], dict[str, float]]:
        """(predictions, scores); ``encoder`` in place of the model's own."""
        encoder = encoder or self.encoder
        objective = self.task.objective(encoder, self.labels)
        rows, lengths = self.task.rows(examples, encoder)
        evaluation = evaluate(self.model, objective, rows, lengths, batch_size=batch_size)
        return _scores(self.task, examples, rows, evaluation)


def load_finetuned(task_name: str, model_name: str, options: TaskOptions | None = None) -> FinetunedModel:
    """A fine-tuned model on this machine's device; raises UsageError for one that was not trained for the task.

    options: default those that the model was trained with.
    """
    model_config = hub.load_config(model_name)
    task = find_task(task_name)
    learnt = task.of_model(model_config)
    trained_for = getattr(model_config, "finetuning_task", None)
    model_class = head_class(model_config.model_type, (learnt or task).head)
    if hub.class_of(model_config) is not model_class or learnt is None:
        instead = f", but for {trained_for}" if trained_for not in (None, task.name) else ""
        raise UsageError(
            f"{model_name} was not fine-tuned for {task.name}{instead}; see pixlm finetune {task.name} --help"
        )
    task = learnt if options is None else learnt.with_options(options)
    model = hub.load_model(model_name, model_class, config=model_config)
    cast(torch.nn.Module, model).to(hub.default_device())
    labels = task.label_names(hub.labels_of(model_config))
    return FinetunedModel(task, model, hub.load_encoder(model_name), labels)


def model_and_examples(
    task_name: str, model_name: str, data: DataConfig, split: str, options: TaskOptions | None = None
) -> tuple[FinetunedModel, list[Any]]:
    """A fine-tuned model and the examples of a split that it is to be scored on; tells of examples left out."""
    found = load_finetuned(task_name, model_name, options)
    data_files = sources(found.task, data)
    found = dataclasses.replace(found, task=found.task.settle(data_files))
    problems = Problems(on_error=data.on_error, commands=data.allow_commands)
    examples = found.task.read(splits.require(data_files, split), problems=problems)
    examples = check_labels((), examples, split, problems, found.labels)
    if problems.summary():
        print(f"data: {problems.summary()}")
    return found, list(examples)


def _refuse_run_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder with --output")
    if (folder / RUN).exists():
        raise UsageError(
            f"{folder}: holds a run, whose results would be overwritten; name another folder with --output"
        )


def _scores(
    task: Task[Any],
    examples: Sequence[Any],
    rows: Sequence[Any],
    evaluation: Evaluation,
    train_split: Sequence[Any] = (),
) -> tuple[list[Prediction[Any]], dict[str, float]]:
    """Predictions of a split's examples, and what metrics.json holds for it."""
    predictions = task.finish(examples, rows, evaluation.reduced)
    scores = {**evaluation.scores, "examples": len(examples), **task.metrics(predictions)}
    return predictions, {**scores, **task.baseline(train_split, predictions)}


def _group_scores(task: Task[Any], split: str, predictions: Sequence[Prediction[Any]]) -> Results:
    """Scores of each group, where a split has several."""
    groups: dict[str, list[Prediction[Any]]] = {}
    for prediction in predictions:
        groups.setdefault(prediction.example.group, []).append(prediction)
    if len(groups) < 2:
        return {}
    return {
        f"{split}-{group or 'rest'}": {"examples": len(rows), **task.metrics(rows)} for group, rows in groups.items()
    }
