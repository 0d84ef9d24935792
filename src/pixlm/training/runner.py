"""The training loop.

* Batches come from a sampler that is a pure function of (seed, step), so that resuming is skipping.
* Random numbers (dropout) are a function of (seed, step, micro-batch, process), learning rates of the step.
* The loss is an objective's (sum, count), divided by the count over accumulation steps and processes.
* A gradient that is not a number never reaches the weights.
* Evaluation reduces predictions batch by batch.
* Checkpoints are complete or absent, and the same whoever wrote them: one process, copies, or shards.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import PartialState
from transformers import PreTrainedModel

from pixlm.data.encoders import InputEncoder
from pixlm.data.loading import Batches
from pixlm.data.sampler import BatchSampler
from pixlm.errors import RunError
from pixlm.tasks.evaluation import Evaluation, evaluate, to_device
from pixlm.tasks.objective import Batch, Objective
from pixlm.training import checkpoints, parallel
from pixlm.training.config import TrainConfig
from pixlm.training.flops import peak_flops, step_flops
from pixlm.training.plan import Mixed, Origins, Plan, Split, dtype_of
from pixlm.training.schedule import learning_rate, make_optimizer
from pixlm.training.signals import StopOnSignal
from pixlm.training.spikes import Spikes
from pixlm.training.watch import Meter, Observer, Pictures

_MOST_SKIPPED = 100
"""Steps left out one after the other before a run gives up; fp16 needs some 20 to find its scale."""

Metrics = Callable[[Evaluation], dict[str, float]]


class Runner:
    """Trains ``model`` on ``objective``; with a checkpoint goes on where that was written.

    train, dev: map-style examples with their expected lengths in units; encoder: saved beside every checkpoint;
    metrics: the scores of an evaluation, of which ``metric`` decides what is best; origins: of the train examples, to
    count them in the log.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        settings: TrainConfig,
        plan: Plan,
        *,
        run: Path,
        seed: int,
        objective: Objective,
        encoder: InputEncoder,
        train: Split | Mixed,
        dev: Split | None,
        metrics: Metrics,
        metric: str,
        higher_is_better: bool,
        checkpoint: Path | None = None,
        origins: Origins | None = None,
        pictures: Pictures | None = None,
        observers: Sequence[Observer] = (),
    ):
        self.settings, self.plan, self.folder, self.seed = settings, plan, run, seed
        self.objective, self.encoder, self.train, self.dev = objective, encoder, train, dev
        self.metrics, self.metric, self.higher_is_better = metrics, metric, higher_is_better
        self.origins, self.pictures, self.observers = origins, pictures, observers
        self.signals = StopOnSignal()
        self.interrupted = False
        """Whether a signal ended the run; after the last step, too: what follows can take long."""
        self.processes = PartialState()
        self.device, self.dtype = self.processes.device, dtype_of(settings.precision)
        self.progress = checkpoints.progress_of(checkpoint)
        self.sharded = plan.world > 1 and settings.sharding != "none"
        self.unsharded = model
        """As it was given: what the one in training is a sharded copy of, or that one itself."""
        self.model = copy.deepcopy(model) if self.sharded else model
        self.wrapped = self._wrap()
        self.optimizer = make_optimizer(self.model, settings, fused=self.device.type == "cuda" or not self.sharded)
        self.spikes = Spikes(settings.spikes)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        if checkpoint is not None:
            parallel.load_model_state(self.model, checkpoints.read_model(checkpoint))
            parallel.load_optimizer_state(self.model, self.optimizer, checkpoints.read_optimizer(checkpoint))
            if self.progress.scale:
                self.scaler.load_state_dict(self.progress.scale)
        unit = "patches" if hasattr(self.model.config, "patch_size") else "tokens"
        counted = step_flops(self.model, (1, 1)) is not None
        self.meter = Meter(unit, peak_flops(self.device, self.dtype)[0] * plan.world if counted else None)

    def _wrap(self) -> torch.nn.Module:
        """The model as it is called in training."""
        cast(torch.nn.Module, self.model).to(self.device)
        if self.settings.gradient_checkpointing:
            # Newer transformers warns of the second name, older has only that.
            enable = getattr(self.model, "activation_checkpointing_enable", None)
            (enable or self.model.gradient_checkpointing_enable)()
        wrapped: torch.nn.Module = self.model
        if self.sharded:
            half = None if self.dtype == torch.float32 else self.dtype
            parallel.shard(wrapped, self.plan.world, self.settings.sharding, half)
        elif self.plan.world > 1:
            wrapped = parallel.replicate(wrapped, self.device)
        return cast(torch.nn.Module, torch.compile(wrapped)) if self.settings.compile else wrapped

    def run(self) -> checkpoints.Progress:
        """Train to the last step, or until a signal or spent patience stops it; the last step's checkpoint is written.

        Raises RunError when a gradient is not a number, a checkpoint cannot be written, or a worker process dies or
        hangs.
        """
        if self.processes.is_main_process:
            checkpoints.clear_partial(self.folder)
        self.meter.begin(self.progress.step)
        for observer in self.observers:
            observer.on_begin(self.progress.step, self.plan.steps)
        try:
            with self.signals, self._batches() as batches:
                going = True
                while going and self.progress.step < self.plan.steps:
                    going = self._step(batches)
        finally:
            for observer in self.observers:
                observer.close()
        return self.progress

    def _batches(self) -> Batches:
        """All micro-batches that are left of the run."""
        plan = self.plan
        sampler = BatchSampler(
            self.train.lengths,
            batch_size=plan.batch,
            micro_batch_size=plan.micro,
            steps=plan.steps,
            seed=self.seed,
            rank=self.processes.process_index,
            world=plan.world,
            first_step=self.progress.step,
        )
        self.steps_per_epoch = sampler.batches_per_epoch
        return Batches(
            self.train.examples,
            sampler,
            self.objective.collate,
            workers=self.settings.workers,
            timeout=self.settings.worker_timeout,
            pin_memory=self.device.type == "cuda",
        )

    def _step(self, batches: Iterator[Batch]) -> bool:
        """One optimizer step, and what follows it; returns whether to go on."""
        progress, plan, settings = self.progress, self.plan, self.settings
        with self.meter.step():
            with self.meter.waiting():
                given = [next(batches) for _ in range(plan.accumulation)]
            count = self._sum([sum(int(batch["count"]) for batch in given)])[0]
            # A step on which nothing can be counted has loss 0 rather than 0 / 0.
            losses = [self._forward_backward(batch, number, max(count, 1)) for number, batch in enumerate(given)]
            self.scaler.unscale_(self.optimizer)
            norm = float(parallel.gradient_norm(self.model, settings.max_grad_norm))
            mine = [float(sum(losses)), self.signals.wants_stop(progress.step + 1), *self._work(given)]
            loss, asked, units, flops, *seen = self._sum(mine)
            rate = learning_rate(settings, progress.step, steps=plan.steps, warmup_steps=plan.warmup_steps)
            self._update(loss, norm, rate)
            self.meter.add(round(units), round(flops))
        progress.step += 1
        self._report_spike(loss, given)
        for name, more in zip(self.origins.names if self.origins else (), seen, strict=True):
            progress.seen[name] = progress.seen.get(name, 0) + round(more)
        for observer in self.observers:
            observer.on_step(progress.step)
        if self.pictures is not None:
            for name, picture in self.pictures(progress.step, self.model).items():
                for observer in self.observers:
                    observer.on_picture(progress.step, name, picture)
        if progress.step % settings.log_steps == 0 or progress.step == plan.steps:
            self._log_speed(norm, rate)
        better = spent = False
        if self.dev is not None and progress.step % plan.eval_steps == 0:
            better = self._evaluate()
            spent = is_spent(settings.patience, plan.eval_steps, progress.step, progress.best_step)
        ends = spent or progress.step == plan.steps
        self.interrupted = asked > 0
        if better or ends or self.interrupted or progress.step % plan.save_steps == 0:
            self._save()
        return not (ends or self.interrupted)

    def _report_spike(self, loss: float, given: Sequence[Batch]) -> None:
        """Log a loss that is far above the usual, with the examples of the step; all processes see the same loss."""
        usual = self.spikes.usual(loss)
        if usual is None:
            return
        indices = [drawn.draw.index for batch in given for drawn in batch["drawn"]]
        if self.plan.world > 1:
            shares: list[Any] = [None] * self.plan.world
            torch.distributed.all_gather_object(shares, indices)
            indices = [index for share in shares for index in share]
        names = [getattr(self.train.examples[index], "id", index) for index in indices]
        self._log({"spike": loss, "usual": usual, "examples": names})

    def _forward_backward(self, cpu_batch: Batch, number: int, count: float) -> torch.Tensor:
        """Add a micro-batch's gradients; returns its part of the mean loss."""
        last = number == self.plan.accumulation - 1
        torch.manual_seed(_random(self.seed, self.progress.step, number, self.processes.process_index))
        self.model.train()
        batch = to_device(cpu_batch, self.device)
        with parallel.defer_gradients(self.wrapped, defer=not last):
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
                loss = self.objective.loss(self.wrapped, batch).sum / count
            # Gradients are averaged over processes, while the count is that of all of them.
            self.scaler.scale(loss * self.plan.world).backward()
        return loss.detach()

    def _work(self, given: Sequence[Batch]) -> list[float]:
        """Units, arithmetic, and examples by source of this process's share of a step."""
        units = sum(int(batch["units"] if "units" in batch else batch["attention_mask"].sum()) for batch in given)
        shapes = [tuple(batch["attention_mask"].shape) for batch in given if "attention_mask" in batch]
        flops = sum(step_flops(self.model, shape) or 0 for shape in shapes)
        seen: list[float] = []
        if self.origins is not None:
            indices = [drawn.draw.index for batch in given for drawn in batch["drawn"]]
            seen = [*np.bincount(self.origins.of[indices], minlength=len(self.origins.names)).astype(float)]
        return [units, flops, *seen]

    def _sum(self, mine: Sequence[float]) -> list[float]:
        """Each number's sum over processes."""
        if self.plan.world == 1:
            return [float(each) for each in mine]
        numbers = torch.tensor([float(each) for each in mine], dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(numbers)
        return cast(list[float], numbers.tolist())

    def _update(self, loss: float, norm: float, rate: float) -> None:
        """Let the optimizer use the gradients, if they are numbers."""
        progress = self.progress
        # In fp16 gradients overflow now and then; the scaler leaves such a step out and scales less.
        if math.isfinite(loss) and (math.isfinite(norm) or self.scaler.is_enabled()):
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["scale"]
            self.scaler.step(self.optimizer)
            self.scaler.update()
            progress.loss, progress.losses = progress.loss + loss, progress.losses + 1
            progress.skipped_in_a_row = 0
        elif self.settings.non_finite == "skip":
            progress.skipped += 1
            progress.skipped_in_a_row += 1
            if progress.skipped_in_a_row >= _MOST_SKIPPED:
                raise RunError(
                    f"at step {progress.step + 1} the loss or gradient was not a number for {_MOST_SKIPPED} steps in a "
                    "row: the weights are spoilt; start a new run with --model CHECKPOINT of before and a lower "
                    "--train.learning-rate, or with --train.precision fp32"
                )
            if self.scaler.is_enabled():
                self.scaler.update()
        else:
            raise RunError(
                f"the {'gradient' if math.isfinite(loss) else 'loss'} is not a number at step {progress.step + 1}; "
                "no checkpoint has seen it: the same command with --train.non-finite skip leaves such steps out; or "
                "start a new run with --model CHECKPOINT and a lower --train.learning-rate, or --train.precision fp32"
            )
        self.optimizer.zero_grad(set_to_none=True)

    def _log(self, row: dict[str, Any]) -> None:
        row["epoch"] = round(self.progress.step / self.steps_per_epoch, 4)
        for observer in self.observers:
            observer.on_log(self.progress.step, row)

    def _log_speed(self, norm: float, rate: float) -> None:
        progress = self.progress
        row: dict[str, Any] = {"loss": progress.loss / progress.losses} if progress.losses else {}
        row |= {"grad_norm": norm if math.isfinite(norm) else None, "learning_rate": rate}
        row |= self.meter.read(progress.step, self.plan.steps)
        row |= {"skipped": progress.skipped} if progress.skipped else {}
        row |= {"seen": dict(progress.seen)} if len(progress.seen) > 1 else {}
        progress.loss, progress.losses = 0.0, 0
        self._log(row)

    def _evaluate(self) -> bool:
        """Score the dev split; returns whether the model was never better."""
        assert self.dev is not None
        found = evaluate(
            self.model,
            self.objective,
            self.dev.examples,
            self.dev.lengths,
            batch_size=self.settings.eval_batch_size or self.plan.micro,
            workers=self.settings.workers,
            worker_timeout=self.settings.worker_timeout,
        )
        scores = self.metrics(found)
        self._log({f"eval_{name}": value for name, value in scores.items()})
        score, best = scores.get(self.metric), self.progress.best_score
        if score is None or not math.isfinite(score):
            return False
        if best is not None and not (score > best if self.higher_is_better else score < best):
            return False
        self.progress.best_score, self.progress.best_step = score, self.progress.step
        return True

    def _save(self) -> None:
        problem = None
        if self.scaler.is_enabled():
            self.progress.scale = self.scaler.state_dict()
        main = self.processes.is_main_process
        if main or self.sharded:
            model_state = parallel.model_state(self.model)
            optimizer_state = parallel.optimizer_state(self.model, self.optimizer)
        if main:
            try:
                checkpoints.write(
                    self.folder,
                    self.progress,
                    model=self.unsharded,
                    encoder=self.encoder,
                    model_state=model_state,
                    optimizer_state=optimizer_state,
                )
                warning = checkpoints.retain(self.folder, self.progress, self.settings.keep_checkpoints)
                if warning is not None:
                    print(warning)
            except RunError as error:
                problem = str(error)
        if self.plan.world > 1:  # all stop together, or those left over would wait for this one
            told = [problem]
            torch.distributed.broadcast_object_list(told, src=0)
            problem = told[0]
        if problem is not None:
            raise RunError(problem)


def is_spent(patience: int | None, eval_steps: int, step: int, best_step: int | None) -> bool:
    """Whether ``patience`` evaluations up to ``step`` in a row were no better than the best before them."""
    if patience is None or best_step is None:
        return False
    return step // eval_steps - best_step // eval_steps >= patience


def _random(*of: int) -> int:
    """63 bits that are a function of the given numbers."""
    return int.from_bytes(hashlib.sha256(" ".join(map(str, of)).encode()).digest()[:8], "big") >> 1
