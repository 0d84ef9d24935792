"""transformers' Trainer with what our promises need, and no more.

* batches come from a sampler that is a pure function of (seed, step), so that resuming is skipping;
* the loss is an objective's (sum, count), divided by the count over accumulation steps and processes;
* evaluation reduces predictions batch by batch;
* checkpoints are complete or absent: written aside, manifest last, then renamed.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import PrinterCallback

from pixlm import files
from pixlm.data.draw import DrawnDataset
from pixlm.data.encoders import InputEncoder
from pixlm.data.sampler import BatchSampler
from pixlm.errors import RunError
from pixlm.models.weights import saving, write_model
from pixlm.tasks.evaluation import Evaluation, evaluate
from pixlm.tasks.objective import Batch, Objective
from pixlm.training.callbacks import SaveWhatIsBest

Metrics = Callable[[Evaluation], dict[str, float]]


class Runner(Trainer):
    """Trains ``model`` on ``objective``.

    train, dev: map-style examples with their expected lengths in units; encoder: saved beside every checkpoint;
    metrics: the scores of an evaluation.
    """

    objective: Objective
    encoder: InputEncoder
    dev: tuple[Sequence[Any], np.ndarray] | None

    def __init__(
        self,
        model: PreTrainedModel,
        args: TrainingArguments,
        *,
        objective: Objective,
        encoder: InputEncoder,
        train: tuple[Sequence[Any], np.ndarray],
        dev: tuple[Sequence[Any], np.ndarray] | None,
        metrics: Metrics,
        keep_checkpoints: int,
        callbacks: Sequence[TrainerCallback] = (),
    ):
        self.objective = objective
        self.encoder = encoder
        self.train_lengths = train[1]
        self.dev = dev
        self.metrics = metrics
        self.keep_checkpoints = keep_checkpoints
        super().__init__(
            model=model,
            args=args,
            data_collator=objective.collate,
            train_dataset=cast(Any, DrawnDataset(train[0])),
            eval_dataset=cast(Any, dev[0]) if dev else None,
            callbacks=[*callbacks, SaveWhatIsBest()],
        )
        self.remove_callback(PrinterCallback)

    def get_train_dataloader(self) -> DataLoader[Any]:
        args = self.args
        sampler = BatchSampler(
            self.train_lengths,
            batch_size=args.train_batch_size * args.gradient_accumulation_steps * args.world_size,
            micro_batch_size=args.train_batch_size,
            steps=args.max_steps,
            seed=args.seed,
            rank=args.process_index,
            world=args.world_size,
        )
        self.steps_per_epoch = sampler.batches_per_epoch
        return DataLoader(
            cast(Any, self.train_dataset),
            batch_sampler=cast(Any, sampler),
            collate_fn=self.objective.collate,
            num_workers=args.dataloader_num_workers,
            persistent_workers=args.dataloader_num_workers > 0,
            pin_memory=args.dataloader_pin_memory and torch.cuda.is_available(),
            generator=torch.Generator(),
        )

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: torch.device) -> torch.Tensor:
        count = torch.stack([batch["count"] for batch in batch_samples]).sum().to(device)
        if self.args.world_size > 1:
            count = self.accelerator.gather(count).sum()
        # A step on which nothing can be counted has loss 0 rather than 0 / 0.
        return count.clamp(min=1)

    def compute_loss(  # type: ignore[override]
        self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: torch.Tensor | None = None
    ) -> Any:
        assert num_items_in_batch is not None
        loss = self.objective.loss(model, inputs)
        # Gradients are averaged over processes, while the count is that of all of them.
        mean = loss.sum / num_items_in_batch * self.args.world_size
        return (mean, loss.outputs) if return_outputs else mean

    # The loss above is already divided by the count over all accumulation steps.
    loss_is_scaled_for_ga = True

    def floating_point_ops(self, inputs: Batch) -> int:
        return 0  # Trainer's estimate counts pixels as tokens

    def evaluate(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> dict[str, float]:
        """Scores on the dev split, with ``metric_key_prefix`` before each name."""
        assert self.dev is not None
        evaluation = evaluate(
            cast(PreTrainedModel, self.model),
            self.objective,
            *self.dev,
            batch_size=self.args.eval_batch_size,
            workers=self.args.dataloader_num_workers,
        )
        scores = {f"{metric_key_prefix}_{name}": value for name, value in self.metrics(evaluation).items()}
        self.log(dict(scores))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, scores)
        return scores

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if not math.isfinite(logs.get("loss", 0.0)):
            self._stop_not_finite()
        # Trainer sees the whole run as one epoch; report passes over the train split.
        self.state.epoch = round(self.state.global_step / self.steps_per_epoch, 4)
        super().log(logs, *args, **kwargs)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write model and encoder; unlike Trainer's, no pickled training arguments."""
        folder = Path(output_dir or cast(str, self.args.output_dir))
        state = self.accelerator.get_state_dict(self.model) if self.is_fsdp_enabled else None
        if self.args.should_save:
            model = cast(PreTrainedModel, self.accelerator.unwrap_model(self.model, keep_torch_compile=False))
            write_model(model, folder, state)
            self.encoder.save_pretrained(folder)

    def _stop_not_finite(self) -> None:
        kept, _ = files.newest_checkpoint(Path(cast(str, self.args.output_dir)))
        origin = f"start a new run with --model {kept}" if kept else "start again"
        raise RunError(
            f"the loss is not a number any more at step {self.state.global_step}; {origin} and a lower "
            "--train.learning-rate, or --train.precision fp32"
        )

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        # The sum of losses since the last log entry: once one is not a number, the weights may not be either.
        if not torch.isfinite(self._tr_loss):
            self._stop_not_finite()
        run = Path(cast(str, self.args.output_dir))
        folder = run / f"checkpoint-{self.state.global_step}"
        aside = folder.with_name(f".{folder.name}.partial")
        if self.state.best_global_step:
            self.state.best_model_checkpoint = str(run / f"checkpoint-{self.state.best_global_step}")
        if self.args.should_save:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
        self.accelerator.wait_for_everyone()
        try:
            with saving(run):
                self.save_model(str(aside), _internal_call=True)
                self._save_optimizer_and_scheduler(str(aside))
                self._save_scaler(str(aside))
                self._save_rng_state(str(aside))
                self.accelerator.wait_for_everyone()
                if self.args.should_save:
                    self.state.save_to_json(str(aside / TRAINER_STATE_NAME))
                    files.publish(aside, folder)
        except BaseException:
            if self.args.should_save:
                shutil.rmtree(aside, ignore_errors=True)
            raise
        if self.args.should_save:
            self._drop_old_checkpoints(run)

    def _drop_old_checkpoints(self, run: Path) -> None:
        steps = {path: files.checkpoint_step(path) or 0 for path in files.checkpoints(run)}
        # A later step than this one is left from before a resume from an earlier checkpoint, and was found damaged.
        stale = [path for path, step in steps.items() if step > self.state.global_step]
        old = [path for path in steps if path not in stale][: -self.keep_checkpoints]
        for path in (*stale, *old):
            if steps[path] != self.state.best_global_step:
                shutil.rmtree(path, ignore_errors=True)
