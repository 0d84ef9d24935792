"""A fine-tuned model at work: loading it with its task, scoring it on a split, predicting."""

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
from pixlm.data.encoders import InputEncoder
from pixlm.data.examples import Example
from pixlm.data.readers.problems import Problems, check_labels
from pixlm.errors import UsageError
from pixlm.models.heads import head_class
from pixlm.tasks import find_task
from pixlm.tasks.base import Prediction, Task, TaskOptions
from pixlm.tasks.evaluation import Evaluation, evaluate
from pixlm.training.config import DataConfig, RenderConfig
from pixlm.training.output import METRICS, RUN

Results = dict[str, dict[str, float]]
"""Scores by split, and by group of a split ("test-hi") where it has several."""


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
    results = {split: scores, **group_scores(task, split, predictions)}
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
        return scores_of(self.task, examples, rows, evaluation)


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


def scores_of(
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


def group_scores(task: Task[Any], split: str, predictions: Sequence[Prediction[Any]]) -> Results:
    """Scores of each group, where a split has several."""
    groups: dict[str, list[Prediction[Any]]] = {}
    for prediction in predictions:
        groups.setdefault(prediction.example.group, []).append(prediction)
    if len(groups) < 2:
        return {}
    return {
        f"{split}-{group or 'rest'}": {"examples": len(rows), **task.metrics(rows)} for group, rows in groups.items()
    }
