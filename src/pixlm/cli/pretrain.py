"""`pixlm pretrain --model pixel-base --data TEXT --output DIR`"""

from __future__ import annotations

from pixlm.analysis.reconstruction import reconstruct_in_training
from pixlm.cli.parse import parse_run
from pixlm.cli.report import print_results
from pixlm.training import slurm
from pixlm.training.config import PretrainConfig
from pixlm.training.pretrain import pretrain


def main(arguments: list[str]) -> int:
    """Pretrain and print the scores, or submit a job that does."""
    config = parse_run(PretrainConfig(), "pretrain", "Pretrain a masked model on plain text files.", arguments)
    if config.slurm.nodes is not None:
        print(slurm.submit(run, config))
    else:
        run(config)
    return 0


def run(config: PretrainConfig) -> None:
    """Pretrain here and print the scores."""
    print_results(pretrain(config, reconstruct_in_training), config.output)
