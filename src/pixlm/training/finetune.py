"""Fine-tuning: `pixlm finetune TASK --model MODEL --data FOLDER --output DIR`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch

from pixlm import files, hub
from pixlm.data import splits
from pixlm.data.encoders import encoder_for
from pixlm.errors import UsageError
from pixlm.tasks import find_task
from pixlm.tasks.base import Task
from pixlm.tasks.evaluation import Evaluation, evaluate
from pixlm.training.card import write_card
from pixlm.training.config import DataConfig, FinetuneConfig
from pixlm.training.launch import (
    Split,
    begin,
    check_length,
    is_main_process,
    make_plan,
    process_group,
    report_data,
    set_dropout,
    train,
)
from pixlm.training.output import METRICS, RUN


@process_group()
def finetune(task_name: str, config: FinetuneConfig) -> dict[str, dict[str, float]]:
    """Fine-tune a model on a task; writes the output folder and returns what is in its metrics.json.

    Raises UsageError for bad input, RunError for an interrupted or failed run.
    """
    task = find_task(task_name)
    data = sources(task, config.data)
    examples = {"train": task.read(splits.require(data, "train"))}
    for split in ("dev", "test"):
        if data.get(split):
            examples[split] = task.read(data.get(split))
    labels = task.labels(examples["train"])
    model_config = hub.load_config(config.model, **task.config_for(labels))
    set_dropout(model_config, config.train.dropout)
    renderer = hub.load_renderer(config.model, **config.render.overrides())
    check_length(model_config, renderer, config.model)
    encoder = encoder_for(model_config.model_type, renderer)
    plan = make_plan(config.train, len(examples["train"]))
    parts = {name: Split(rows, task.lengths(rows, encoder)) for name, rows in examples.items()}
    output = begin(config, f"finetune {task.name}", data)
    report_data(data, {name: len(rows) for name, rows in examples.items()}, encoder)
    model = hub.load_model(config.model, task.head(model_config.model_type), config=model_config)
    objective = task.objective(encoder, labels)
    reduce = functools.partial(task.reduce, labels=labels)
    train(
        config,
        plan,
        output,
        model,
        title=f"finetune {task.name}",
        objective=objective,
        encoder=encoder,
        train_split=parts["train"],
        dev_split=parts.get("dev"),
        reduce=reduce,
        # Of a dev split whose words are all lost there is nothing to score; that is no success.
        metrics=lambda evaluation: {task.metric: 0.0, **scores(task, evaluation)},
        metric=task.metric,
        higher_is_better=True,
    )
    results: dict[str, dict[str, float]] = {}
    predictions: dict[str, list[Any]] = {}
    for name in ("dev", "test"):
        if name in parts:
            evaluation = evaluate(
                model, objective, *parts[name], reduce=reduce, batch_size=config.train.eval_batch_size or plan.micro
            )
            results[name] = scores(task, evaluation, examples["train"])
            predictions[name] = evaluation.predictions
    if is_main_process():
        hub.save(output.folder, model, renderer)
        for name, found in predictions.items():
            # predictions.jsonl is the test split's, or the dev split's where there is no test split.
            last = name == list(predictions)[-1]
            task.write(found, output.folder, "predictions" if last else f"predictions-{name}")
        used = {split: data.get(split) for split in splits.SPLITS}
        write_card(output.folder, config, f"finetune {task.name}", renderer, results, used)
        files.write_json(output.folder / METRICS, results)
    return results


def sources(task: Task[Any, Any], data: DataConfig) -> splits.Sources:
    """The files of a task's splits."""
    return splits.find(data.path, {"train": data.train, "dev": data.dev, "test": data.test}, task.naming)


def scores(task: Task[Any, Any], evaluation: Evaluation, train_split: Sequence[Any] = ()) -> dict[str, float]:
    """What metrics.json holds for one split."""
    found = {**evaluation.scores, **task.metrics(evaluation.predictions)}
    return {**found, **task.baseline(train_split, evaluation.predictions)}


def evaluate_model(
    task_name: str, model_name: str, data: DataConfig, split: str, output: Path | None, *, batch_size: int = 32
) -> dict[str, float]:
    """Scores of a fine-tuned model on one split; with ``output``, writes metrics.json and predictions there."""
    task = find_task(task_name)
    if output is not None:
        _refuse_run_folder(output)
    rows = task.read(splits.require(sources(task, data), split))
    evaluation = _run(task, model_name, rows, batch_size)
    found = scores(task, evaluation)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        task.write(evaluation.predictions, output, "predictions")
        files.write_json(output / METRICS, {split: found})
    return found


def predict(task_name: str, model_name: str, path: Path, output: Path, *, batch_size: int = 32) -> list[Path]:
    """Label a file without (or regardless of) labels; writes predictions.jsonl and the task's format to ``output``."""
    task = find_task(task_name)
    _refuse_run_folder(output)
    evaluation = _run(task, model_name, task.read([path], labelled=False), batch_size)
    output.mkdir(parents=True, exist_ok=True)
    return task.write(evaluation.predictions, output, "predictions")


def _refuse_run_folder(folder: Path) -> None:
    if (folder / RUN).exists():
        raise UsageError(
            f"{folder}: holds a run, whose results would be overwritten; name another folder with --output"
        )


def _run(task: Task[Any, Any], model_name: str, rows: Sequence[Any], batch_size: int) -> Evaluation:
    model_config = hub.load_config(model_name)
    trained_for = getattr(model_config, "finetuning_task", None)
    if hub.class_of(model_config) is not task.head(model_config.model_type) or trained_for not in (None, task.name):
        instead = f", but for {trained_for}" if trained_for else ""
        raise UsageError(
            f"{model_name} was not fine-tuned for {task.name}{instead}; see pixlm finetune {task.name} --help"
        )
    model = hub.load_model(model_name, task.head(model_config.model_type), config=model_config)
    cast(torch.nn.Module, model).to(hub.default_device())
    encoder = encoder_for(model_config.model_type, hub.load_renderer(model_name))
    labels = hub.labels_of(model_config)
    return evaluate(
        model,
        task.objective(encoder, labels),
        rows,
        task.lengths(rows, encoder),
        reduce=functools.partial(task.reduce, labels=labels),
        batch_size=batch_size,
    )
