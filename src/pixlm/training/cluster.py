"""Drawing a corpus on a cluster: a step for datatrove's executors (local, SLURM, Ray).

    from datatrove.executor import SlurmPipelineExecutor
    from pixlm.training.cluster import Prerender

    SlurmPipelineExecutor(
        pipeline=[Prerender("prerender.yaml", output="strips/")], tasks=64, time="10:00:00", partition="cpu",
        job_name="strips", logging_dir="strips-logs/",
    ).run()

Tasks pack the text together (each takes the parts that no other is at; ``$PIXLM_CACHE`` must be a folder that all
nodes see) and then draw every tasks-th shard. The files are those that one process writes, byte for byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datatrove.pipeline.base import PipelineStep

from pixlm.training.prerender import PrerenderConfig, prerender, read_config


class Prerender(PipelineStep):
    """Draws this task's share of a corpus; passes on what it is given.

    Args:
        config: settings, or a YAML file of them, as ``pixlm prerender --config`` reads it.
        output: the folder, instead of the settings'.
    """

    type = "pixlm"
    name = "prerender"

    def __init__(self, config: PrerenderConfig | str | Path, output: str | None = None):
        super().__init__()
        if not isinstance(config, PrerenderConfig):
            config = read_config(Path(config).expanduser())
        self.config = config
        if output is not None:
            self.config.output = output

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Any:
        """Draw, and count what was drawn."""
        with self.track_time():
            done = prerender(self.config, rank=rank, world=world_size)
        self.stat_update("shards", value=done.made)
        if data:
            yield from data
