"""Pretraining as a SLURM job: `pixlm pretrain --slurm.nodes 2 ...`, by way of submitit (extra ``cluster``).

One task a process, one process a GPU. Before its time is up, or when it has to make room, SLURM sends the job SIGUSR2:
it finishes the step, saves a checkpoint and has itself queued again, and then goes on from there. SIGTERM (scancel)
saves, too, but the job ends.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pixlm.errors import PixlmError, UsageError
from pixlm.training.config import PretrainConfig, SlurmConfig
from pixlm.training.signals import Interrupted

Work = Callable[[PretrainConfig], Any]
"""What every process of the job does; a function of a module, since the job imports it."""


class Job:
    """What submitit runs in every task; ``checkpoint`` tells it what to do after being queued again: the same."""

    def __init__(self, work: Work, config: PretrainConfig):
        self.work, self.config = work, config

    def __call__(self) -> None:
        import submitit

        # All GPUs of a node stay visible: LOCAL_RANK says which one is whose.
        submitit.helpers.TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        try:
            self.work(self.config)
        except Interrupted as error:
            print(f"pixlm: {error}", file=sys.stderr)
            if error.signal != signal.SIGUSR2:
                sys.exit(1)
            # The checkpoint is written: now submitit's own handler may queue the job again.
            signal.raise_signal(signal.SIGUSR2)
        except PixlmError as error:
            print(f"pixlm: {error}", file=sys.stderr)
            sys.exit(2 if isinstance(error, UsageError) else 1)

    def checkpoint(self) -> Any:
        """Called by submitit before it queues the job again."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def submit(work: Work, config: PretrainConfig) -> str:
    """Submit the job; returns a line that says what was submitted and where its log is.

    Raises UsageError where there is no SLURM or no submitit, or the settings do not fit together.
    """
    settings, output = config.slurm, Path(config.output).expanduser().absolute()
    if not config.output:
        raise UsageError("no output folder given; name one with --output DIR")
    world = _check(settings, config.train.batch_size)
    import submitit

    folder = output.with_name(f"{output.name}.slurm")  # beside it: the run itself makes the output folder
    executor = submitit.AutoExecutor(folder, cluster="slurm", slurm_max_num_timeout=settings.requeue)
    given = {
        "slurm_partition": settings.partition,
        "slurm_account": settings.account,
        "slurm_qos": settings.qos,
        "slurm_constraint": settings.constraint,
        "slurm_setup": list(settings.setup) or None,
        "gpus_per_node": settings.gpus or None,
        "mem_gb": settings.memory,
    }
    executor.update_parameters(
        name="pixlm-pretrain",
        nodes=settings.nodes,
        tasks_per_node=world // (settings.nodes or 1),
        cpus_per_task=settings.cpus,
        timeout_min=max(1, round(60 * settings.hours)),
        slurm_signal_delay_s=settings.grace,
        stderr_to_stdout=True,
        **{name: value for name, value in given.items() if value is not None},
    )
    try:
        job = executor.submit(Job(work, config))
    except submitit.core.utils.FailedJobError as error:
        raise UsageError(f"sbatch refused the job: {' '.join(str(error).split())[-300:]}") from None
    return f"submitted job {job.job_id}: {settings.nodes} nodes, {world} processes; log: {job.paths.stdout}"


def _check(settings: SlurmConfig, batch_size: int) -> int:
    """The number of processes."""
    nodes, tasks = settings.nodes or 0, settings.tasks or settings.gpus or 1
    for name, value, lowest in (("nodes", nodes, 1), ("gpus", settings.gpus, 0), ("tasks", tasks, 1)):
        if value < lowest:
            raise UsageError(f"--slurm.{name} {value}: must be {lowest} or more")
    if batch_size % (nodes * tasks):
        raise UsageError(
            f"--train.batch-size {batch_size} cannot be shared by {nodes} nodes with {tasks} processes each"
        )
    if importlib.util.find_spec("submitit") is None:
        raise UsageError('--slurm.nodes needs submitit, which is not installed: pip install "pixlm[cluster]"')
    if any(shutil.which(command) is None for command in ("sbatch", "srun")):
        raise UsageError("--slurm.nodes submits a job, but there is no sbatch and srun here; run it on a login node")
    return nodes * tasks
